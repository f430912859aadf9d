import { Ajv } from 'ajv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkValue } from '../../../src/apiserver/schema/values.ts';
import type { StructuralSchema } from '../../../src/kinds/structural.ts';

const ajv = new Ajv({ strict: false, logger: false, allErrors: true, ownProperties: true, unicodeRegExp: false });
ajv.addKeyword({
  keyword: 'x-kubernetes-int-or-string',
  validate: (wanted: boolean, value: unknown) => !wanted || typeof value === 'string' || Number.isInteger(value),
});

const names = ['a', 'b', 'c'];
const scalar = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom('', 'a', 'ab', 'abc', 'é', '😀😀'));
const bound = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });

/** Schemas and values of few names and small numbers, so that many values fit. */
const { schema } = fc.letrec<{ schema: StructuralSchema }>((tie) => {
  const anyType = fc.record(
    {
      enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }),
      not: tie('schema'),
      anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
  const typed = fc.oneof(
    fc.record(
      {
        type: fc.constantFrom('integer' as const, 'number' as const),
        minimum: bound,
        maximum: bound,
        exclusiveMinimum: bound,
        exclusiveMaximum: bound,
        multipleOf: fc.constantFrom(1, 2, 0.5),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constant('string' as const),
        minLength: bound,
        maxLength: bound,
        pattern: fc.constantFrom('^a', 'b$', '^[a-c]*$'),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      { type: fc.constant('array' as const), items: tie('schema'), minItems: bound, maxItems: bound },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constant('object' as const),
        properties: fc.dictionary(fc.constantFrom(...names), tie('schema'), { maxKeys: 3 }),
        required: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
        additionalProperties: fc.oneof(tie('schema'), fc.boolean()),
        minProperties: bound,
        maxProperties: bound,
      },
      { requiredKeys: ['type'] },
    ),
    fc.constant({ 'x-kubernetes-int-or-string': true }),
    fc.constant({}),
  );
  const nullable = fc.record({ nullable: fc.boolean() });
  return {
    schema: fc
      .tuple(typed, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, anyType), nullable)
      .map(([one, other, third]) => {
        const whole = { ...one, ...other, ...('type' in one ? third : {}) };
        return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
      }),
  };
});

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.constantFrom(null, true, 1.5),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names, 'd'), tie('value'), { maxKeys: 4 }),
  ),
}));

test('a value is refused exactly where JSON Schema refuses it', () => {
  const verdicts = { refused: 0, allowed: 0 };
  fc.assert(
    fc.property(schema, value, (one, given) => {
      const wrong = checkValue(one, given, 'custom').length > 0;
      verdicts[wrong ? 'refused' : 'allowed']++;
      expect(wrong).toBe(!ajv.compile(one)(given));
    }),
    { numRuns: 400 },
  );
  expect(Math.min(verdicts.refused, verdicts.allowed)).toBeGreaterThan(40);
});

test.each<[string, StructuralSchema, unknown, string[]]>([
  ['the path to it', { properties: { a: { items: { type: 'string' } } } }, { a: ['x', 1] }, ['a[1]']],
  ['every fault', { properties: { a: { type: 'string' }, b: { type: 'integer' } } }, { a: 1, b: 'x' }, ['a', 'b']],
  ['what is missing', { properties: { a: { required: ['b'] } }, required: ['c'] }, { a: {} }, ['c', 'a.b']],
])('tells %s', (_, one, given, fields) => {
  expect(checkValue(one, given, 'custom').map(({ field }) => field)).toEqual(fields);
});

test('exclusive bounds may be those of OpenAPI, which say true', () => {
  const one = { type: 'integer', minimum: 1, exclusiveMinimum: true, maximum: 5, exclusiveMaximum: true };
  const messages = (given: number): string[] =>
    checkValue({ properties: { a: one } } as StructuralSchema, { a: given }, 'custom').map(({ message }) => message);
  expect(messages(3)).toEqual([]);
  expect(messages(1)).toEqual([expect.stringContaining('a in body should be greater than 1')]);
  expect(messages(5)).toEqual([expect.stringContaining('a in body should be less than 5')]);
  expect(messages(0)).toEqual([expect.stringContaining('should be greater than or equal to 1')]);
});

test('a null that is allowed is no integer or string, either', () => {
  const one = { 'x-kubernetes-int-or-string': true, nullable: true };
  expect(checkValue({ properties: { a: one } }, { a: null }, 'custom')).toEqual([]);
});

test('what is the very value of before is right, but counts where a choice depends on it', () => {
  const spec = { size: 'x' };
  const before = { spec };
  const wrong: StructuralSchema = { properties: { spec: { properties: { size: { type: 'integer' } } } } };
  expect(checkValue(wrong, { spec }, 'custom', before)).toEqual([]);
  expect(checkValue(wrong, { spec: { size: 'x' } }, 'custom', before)).toHaveLength(1);
  const choice = { not: { properties: { spec: { properties: { size: { type: 'integer' } } } } } } as StructuralSchema;
  expect(checkValue(choice, { spec }, 'custom', before)).toEqual([]);
});
