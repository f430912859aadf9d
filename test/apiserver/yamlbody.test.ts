import { expect, test } from 'vitest';
import { parseYamlBody } from '../../src/apiserver/yamlbody.ts';

test.each([
  ['a: 1\nb: [x, { c: d }]', { a: 1, b: ['x', { c: 'd' }] }],
  ['{"a": {"b": null}}', { a: { b: null } }],
  ['{ a: 1 }', { a: 1 }],
  ['x: &it { a: 1 }\ny: *it', { x: { a: 1 }, y: { a: 1 } }],
])('%s', (text, expected) => {
  expect(parseYamlBody(text)).toEqual(expected);
});

test.each([
  ['a: 1\na: 2', 'the key a is there twice: map keys must be unique'],
  ['x: { b: 1, b: 2 }', 'the key b is there twice'],
  ['a: [', 'Flow sequence'],
])('refuses %j', (text, message) => {
  expect(() => parseYamlBody(text)).toThrow(message);
});

/** Milliseconds of processor time that a map of so many keys takes. */
function cost(keys: number, asText: (entries: [string, string][]) => string): number {
  const text = asText(Array.from({ length: keys }, (_, index) => [`key${String(index)}`, 'value']));
  const before = process.cpuUsage();
  parseYamlBody(text);
  const { user } = process.cpuUsage(before);
  return user / 1000;
}

test('ten times as many keys cost about ten times as much, not a hundred times', () => {
  const asYaml = (entries: [string, string][]) => entries.map(([key, value]) => `${key}: ${value}`).join('\n');
  cost(2_000, asYaml);
  expect(cost(20_000, asYaml)).toBeLessThan(40 * Math.max(cost(2_000, asYaml), 1));
  // JSON of the largest size is read as such.
  expect(cost(150_000, (entries) => JSON.stringify(Object.fromEntries(entries)))).toBeLessThan(2_000);
});
