import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonScan } from '../../src/llm/scan.ts';
import { mutateFields, replaceModel } from '../../src/llm/splice.ts';

function override(text: string, model: string): string {
  const body = Buffer.from(text);
  const scan = new JsonScan();
  scan.push(body);
  scan.finish();
  expect(scan.complete).toBe(true);
  return replaceModel(body, scan, model).toString();
}

describe('replaceModel', () => {
  it.each([
    ['{"model":"a","x":1}', '{"model":"new","x":1}'],
    ['{ "x" : 1.0e3 , "model" :  "a" }', '{ "x" : 1.0e3 , "model" :  "new" }'],
    ['{"model":"a","model":null}', '{"model":"new","model":"new"}'],
    ['{"x":{"model":"a"}}', '{"x":{"model":"a"},"model":"new"}'],
    ['{ }', '{ "model":"new"}'],
    ['{"mod\\u0065l":"a"}\n', '{"mod\\u0065l":"new"}\n'],
  ])('%s', (before, after) => {
    expect(override(before, 'new')).toBe(after);
  });

  it('yields what JSON.parse and a changed model would, for any object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(fc.constant('model'), fc.string()), fc.jsonValue()),
        fc.string(),
        (value, model) => {
          const expected: unknown = JSON.parse(JSON.stringify({ ...value, model }));
          expect(JSON.parse(override(JSON.stringify(value), model))).toEqual(expected);
        },
      ),
    );
  });
});

describe('mutateFields', () => {
  it.each([
    ['{"a":1,"b":2}', { set: [], remove: ['a'] }, '{"b":2}'],
    ['{"a":1}', { set: [], remove: ['a'] }, '{}'],
    ['{"a":1.50,"b":[ 1, 2 ]}', { set: [{ path: 'a', value: '2' }], remove: [] }, '{"a":2,"b":[ 1, 2 ]}'],
    ['{}', { set: [{ path: 't', value: 'flex' }], remove: [] }, '{"t":"flex"}'],
    ['{}', { set: [{ path: 't', value: '1.2.3' }], remove: [] }, '{"t":"1.2.3"}'],
    ['{"a":1}', { set: [{ path: 'o', value: '{"k":[true]}' }], remove: ['o'] }, '{"a":1,"o":{"k":[true]}}'],
    ['{"a":1,"a":2}', { set: [], remove: [] }, '{"a":2}'],
  ])('%s with %j', (before, mutation, after) => {
    expect(mutateFields(Buffer.from(before), mutation)?.toString()).toBe(after);
  });

  it('leaves alone what is no JSON object', () => {
    expect(mutateFields(Buffer.from('[1]'), { set: [], remove: ['a'] })).toBeUndefined();
  });
});
