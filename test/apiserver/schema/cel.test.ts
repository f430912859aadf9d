import { expect, test } from 'vitest';
import { checkRules } from '../../../src/apiserver/schema/cel.ts';
import type { FieldError } from '../../../src/apiserver/status.ts';
import type { StructuralSchema } from '../../../src/kinds/structural.ts';

function fieldsOf(schema: StructuralSchema, value: unknown, previous: unknown): string[] {
  const errors: FieldError[] = [];
  checkRules(schema, value, previous, errors, true);
  return errors.map(({ field }) => field);
}

const number: StructuralSchema = { type: 'integer' };

test('a rule fails for what an update changes, and is not asked about what is as before', () => {
  const spec: StructuralSchema = {
    type: 'object',
    properties: { size: number },
    'x-kubernetes-validations': [{ rule: 'self.size < 10' }],
  };
  const schema: StructuralSchema = { type: 'object', properties: { spec, status: spec } };
  const before = { spec: { size: 20 }, status: { size: 1 } };
  expect(fieldsOf(schema, { ...before, status: { size: 2 } }, before)).toEqual([]);
  expect(fieldsOf(schema, { ...before, status: { size: 11 } }, before)).toEqual(['status']);
  expect(fieldsOf(schema, { ...before, spec: { size: 21 } }, before)).toEqual(['spec']);
});

test('a rule that compares with before fails for what did not change, too', () => {
  const spec: StructuralSchema = {
    type: 'object',
    properties: { size: { ...number, 'x-kubernetes-validations': [{ rule: 'self > oldSelf' }] } },
  };
  const schema: StructuralSchema = { type: 'object', properties: { spec } };
  const before = { spec: { size: 1 } };
  expect(fieldsOf(schema, { ...before, status: {} }, before)).toEqual(['spec.size']);
});

test('rules within what another rule looks at see numbers, times and escaped names as rules of their own', () => {
  const item: StructuralSchema = {
    type: 'object',
    properties: { 'a-b': number, at: { type: 'string', format: 'date-time' } },
    'x-kubernetes-validations': [{ rule: 'self.a__dash__b > 0 && self.at.getFullYear() == 2026' }],
  };
  const schema: StructuralSchema = {
    type: 'object',
    properties: { list: { type: 'array', items: item } },
    'x-kubernetes-validations': [{ rule: 'self.list.size() == 2' }],
  };
  const at = '2026-05-05T00:00:00Z';
  expect(
    fieldsOf(
      schema,
      {
        list: [
          { 'a-b': 1, at },
          { 'a-b': 0, at },
        ],
      },
      undefined,
    ),
  ).toEqual(['list[1]']);
});
