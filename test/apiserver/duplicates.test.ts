import fc from 'fast-check';
import { expect, test } from 'vitest';
import { duplicateFieldsOf } from '../../src/apiserver/duplicates.ts';

test.each([
  ['{"a":1,"a":2}', ['a']],
  ['{"data":{"a":"1","b":"2","a":"3","a":"4"}}', ['data.a']],
  ['{"l":[{"x":1},{"x":1,"x":2}]}', ['l[1].x']],
  ['{"l":[[1,2],{"y":{"z":[],"z":0}}],"l":0}', ['l[1].y.z', 'l']],
  [String.raw`{"a\u0062":1,"ab":2}`, ['ab']],
  [String.raw`{"a":"\"a\":","b":"a","c":["a","a"]}`, []],
  ['{"a":{"b":1},"b":{"a":1}}', []],
  ['"a"', []],
])('%s has %j twice', (text, expected) => {
  expect(duplicateFieldsOf(text)).toEqual(expected);
});

test('what JSON.stringify writes has no field twice', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(duplicateFieldsOf(JSON.stringify(value))).toEqual([]);
    }),
  );
});
