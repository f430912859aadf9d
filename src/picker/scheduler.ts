/** The core of a decision: weigh the scorers, then take the best (epp.md 5.1, 5.2). No I/O, no clock, no allocation but the answer. */
import type { Candidates, PickRequest, Scorer } from './scorers.ts';

export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}

export interface Scheduler {
  /** Writes the positions of up to `best.length` candidates, best first, into `best`; returns how many. */
  schedule(candidates: Candidates, request: PickRequest, best: Int32Array): number;
}

/** The max-score-picker over Σ weight × clamp(score): candidates are shuffled first, so that ties are broken at random. */
export function createScheduler(scorers: readonly WeightedScorer[], random: () => number): Scheduler {
  let totals = new Float64Array(16);
  let scores = new Float64Array(16);
  let order = new Int32Array(16);

  const reserve = (count: number): void => {
    if (count <= totals.length) return;
    const size = 2 ** Math.ceil(Math.log2(count));
    totals = new Float64Array(size);
    scores = new Float64Array(size);
    order = new Int32Array(size);
  };

  const shuffle = (count: number): void => {
    for (let at = 0; at < count; at += 1) {
      const other = Math.floor(random() * (at + 1));
      order[at] = order[other] ?? 0;
      order[other] = at;
    }
  };

  return {
    schedule(candidates, request, best) {
      const { count } = candidates;
      reserve(count);
      totals.fill(0, 0, count);
      for (const { scorer, weight } of scorers) {
        scorer.score(candidates, request, scores);
        for (let at = 0; at < count; at += 1) {
          const score = Math.min(1, Math.max(0, scores[at] ?? 0));
          totals[at] = (totals[at] ?? 0) + weight * score;
        }
      }
      shuffle(count);
      const wanted = Math.min(best.length, count);
      for (let rank = 0; rank < wanted; rank += 1) {
        let winner = rank;
        for (let at = rank + 1; at < count; at += 1) {
          if ((totals[order[at] ?? 0] ?? 0) > (totals[order[winner] ?? 0] ?? 0)) winner = at;
        }
        const position = order[winner] ?? 0;
        order[winner] = order[rank] ?? 0;
        order[rank] = position;
        best[rank] = position;
      }
      return wanted;
    },
  };
}
