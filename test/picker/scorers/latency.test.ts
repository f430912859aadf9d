import { describe, expect, it } from 'vitest';
import { configOf, endpoint } from '../fixture.ts';
import { scored } from '../scored.ts';

const headers = { 'x-slo-ttft-ms': '100', 'x-slo-tpot-ms': '30' };

/** Predicted [TTFT, TPOT] of each endpoint in ms; those of `busy` have a request in flight. */
function scoresOf(predicted: readonly (readonly [number, number])[], parameters = {}, busy: readonly number[] = []) {
  const pool = predicted.map((_, at) => endpoint(at));
  const { store, scores, send } = scored(configOf({ type: 'latency-scorer', parameters }), pool);
  for (const at of busy) send({ subset: [pool[at]?.key ?? ''] });
  for (const [at, [ttft, tpot]] of predicted.entries()) {
    const slot = store.find(pool[at]?.key ?? '') ?? -1;
    store.predictedTtftMs[slot] = ttft;
    store.predictedTpotMs[slot] = tpot;
  }
  return scores({ headers });
}

describe('latency-scorer (epp.md 5.7)', () => {
  // Headrooms: (50, 20), (35, 15), (20, 10); 1.01 is clamped to 1.
  const roomy = [
    [50, 10],
    [65, 15],
    [80, 20],
  ] as const;
  it.each([
    ['packs tightly', {}, [0.01, 0.51, 1]],
    ['spreads widely', { headroomSelectionStrategy: 'most' }, [1, 0.51, 0.01]],
  ])('%s', (_, parameters, expected) => {
    expect(scoresOf(roomy, parameters)).toEqual(expected);
  });

  it('weighs the two headrooms', () => {
    // Normalised (1, 0) and (0, 1): 0.8 and 0.2 of the weight.
    const opposed = [
      [50, 20],
      [80, 10],
    ] as const;
    expect(scoresOf(opposed)).toEqual([0.2, 0.81]);
    expect(scoresOf(opposed, { ttftWeight: 0, tpotWeight: 1 })).toEqual([1, 0.01]);
  });

  it('gives the weight of what is equal everywhere to the other', () => {
    expect(
      scoresOf([
        [50, 10],
        [50, 20],
      ]),
    ).toEqual([0.01, 1]);
  });

  it('lets only those compete that meet both objectives', () => {
    expect(
      scoresOf([
        [50, 10],
        [101, 10],
        [50, 31],
      ]),
    ).toEqual([1, 0, 0]);
  });

  it('takes idle ones where none meets them, the least deficit first whatever the strategy', () => {
    const late = [
      [150, 40],
      [300, 60],
      [200, 50],
    ] as const;
    // The deficits of the idle ones: (200, 30) and (100, 20).
    expect(scoresOf(late, { headroomSelectionStrategy: 'most' }, [0])).toEqual([0, 0.01, 1]);
  });

  it('takes the mildest deficit where all are busy: of TPOT alone, then of TTFT alone', () => {
    const all = [0, 1, 2];
    expect(
      scoresOf(
        [
          [150, 10],
          [50, 40],
          [150, 40],
        ],
        {},
        all,
      ),
    ).toEqual([0, 1, 0]);
    expect(
      scoresOf(
        [
          [150, 10],
          [160, 40],
          [150, 40],
        ],
        {},
        all,
      ),
    ).toEqual([1, 0, 0]);
  });

  it('scores by free cache, relative queue and prefix where there are no predictions', () => {
    const pool = [endpoint(1), endpoint(2)];
    const { director, scores } = scored(
      configOf({ type: 'latency-scorer', parameters: { compositeKVWeight: 2 } }, 'prefix-cache-scorer'),
      pool,
    );
    director.recordMetrics(pool[0]?.key ?? '', { waiting: 2, kvUsage: 0.2 });
    director.recordMetrics(pool[1]?.key ?? '', { waiting: 4, kvUsage: 0.5 });
    const [first, second] = scores();
    expect(first).toBeCloseTo((2 * 0.8 + 0.5 + 0) / 4, 12);
    expect(second).toBeCloseTo((2 * 0.5 + 0 + 0) / 4, 12);
  });
});
