import { expect, test } from 'vitest';
import { Type as TypeBox } from 'typebox';
import { Type } from '../../src/kinds/type.ts';

/** Schemas of every shape that Headgate's kinds have, by whichever builder. */
const shapes: [string, (builder: typeof Type) => unknown][] = [
  ['text', (b) => b.String({ minLength: 1, description: 'x' })],
  ['numbers', (b) => [b.Integer({ minimum: 1 }), b.Number(), b.Boolean({ default: true }), b.Null(), b.Unknown()]],
  ['a list', (b) => b.Array(b.String(), { maxItems: 3 })],
  ['a map', (b) => b.Record(b.String(), b.Integer(), { description: 'x' })],
  ['a union', (b) => b.Union([b.String(), b.Null()])],
  ['anything', (b) => b.Unsafe<string>({ type: 'string', enum: ['a'] })],
  ['an object without fields', (b) => b.Object({})],
  [
    'an object',
    (b) => b.Object({ a: b.String(), b: b.Optional(b.Integer()), c: b.Optional(b.Unsafe({})) }, { default: {} }),
  ],
  ['an object of optional fields', (b) => b.Object({ a: b.Optional(b.String()) }, { additionalProperties: false })],
  ['a field that is described later', (b) => b.Object({ a: b.Optional({ ...b.String(), description: 'x' }) })],
  ['an optional field that was copied', (b) => b.Object({ a: { ...b.Optional(b.String()) } })],
];

test.each(shapes)('builds the JSON Schema that TypeBox builds: %s', (_, shape) => {
  expect(JSON.stringify(shape(Type))).toBe(JSON.stringify(shape(TypeBox)));
});
