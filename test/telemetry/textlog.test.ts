import { expect, it } from 'vitest';
import { textOf } from '../../src/telemetry/textlog.ts';

it.each([
  ['{"level":40,"time":0,"msg":"listener failed","gateway":"a/b"}', '00:00:00 WARN listener failed gateway=a/b'],
  ['{"level":30,"time":0,"msg":"m","text":"two words","n":1}', '00:00:00 INFO m text="two words" n=1'],
  ['{"level":50,"time":0,"msg":"m","err":{"message":"x","stack":"E: x\\n at y"}}', '00:00:00 ERROR m\n  E: x\n   at y'],
  ['{"level":30,"time":0,"msg":"m","list":["a b"]}', '00:00:00 INFO m list="[\\"a b\\"]"'],
  ['not json\n', 'not json'],
])('%s is shown as text', (line, text) => {
  expect(textOf(line)).toBe(text);
});
