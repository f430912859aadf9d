import { expect, it } from 'vitest';
import { parseDuration } from '../../src/kinds/durations.ts';

it.each([
  ['60s', 60_000],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['1s1s', 2_000],
  ['5m10ms', 300_010],
  ['0s', 0],
  ['0', undefined],
  ['', undefined],
  ['1.5s', undefined],
  ['-1s', undefined],
  ['10us', undefined],
  ['123456s', undefined],
  ['1h1m1s1ms1h', undefined],
])('duration %j is %s ms', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});
