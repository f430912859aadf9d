import { describe, expect, it } from 'vitest';
import { configOf, endpoint } from '../fixture.ts';
import { scored } from '../scored.ts';

const label = 'llm-d.ai/context-length-range';

describe('context-length-aware (epp.md 5.4)', () => {
  it.each([
    // 4,000 bytes are reckoned as 1,000 tokens.
    ['inside, the tighter the better', '0-2000', 0.3 + 0.7 * (0.7 / 1.2 + (0.3 * 1_000) / 2_000)],
    ['inside a wide one', '0-100000', 0.3 + 0.7 * (0.7 / 11 + (0.3 * 99_000) / 100_000)],
    ['at its end', '500-1000', 0.3 + 0.7 * (0.7 / 1.05)],
    ['exactly', '1000-1000', 1],
    ['below', '2000-3000', 0.3 / 2],
    ['above', '0-500', 0.3 / 1.5],
    ['no label', undefined, 0.5],
    ['no range', 'long', 0],
    ['the wrong way round', '9-1', 0],
  ])('%s', (_, range, expected) => {
    const labels: Record<string, string> = range === undefined ? {} : { [label]: range };
    const { scores } = scored(configOf('context-length-aware'), [endpoint(1, labels)]);
    expect(scores({ bodyBytes: 4_000 })[0]).toBeCloseTo(expected, 12);
  });

  it('believes tokens before it reckons from bytes', () => {
    const { scores } = scored(configOf('context-length-aware'), [endpoint(1, { [label]: '7-7' })]);
    expect(scores({ bodyBytes: 4_000, tokens: [1, 2, 3, 4, 5, 6, 7] })).toEqual([1]);
  });

  it('leaves those out that are out of range where it filters, and keeps those without a label', () => {
    const parameters = { label: 'range', enableFiltering: true };
    const config = configOf({ type: 'context-length-aware', parameters });
    const pool = ['0-500', '0-2000', '', 'x'].map((range, at) => endpoint(at, range === '' ? {} : { range }));
    const { director } = scored(config, pool);
    const request = { id: '', header: () => undefined, incomingModel: 'm', streaming: false, bodyBytes: 4_000 };
    const { profiles, picked } = director.explain(request);
    expect(profiles[0]).toMatchObject({ filters: [{ left: 2 }], candidates: [pool[1]?.key, pool[2]?.key] });
    expect(picked).toEqual([pool[1]?.key]);
  });
});
