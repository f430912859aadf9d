/** How good an endpoint is for a request, each from one point of view: 0 (worst) to 1 (best), as in epp.md 5.4. */
import type { EndpointStore } from './store.ts';

/** The candidates of one decision: slots of the store, of which the first `count` count. */
export interface Candidates {
  readonly store: EndpointStore;
  readonly slots: Int32Array;
  readonly count: number;
  /** Metrics updated before this are too old to be believed. */
  readonly freshAfterMs: number;
}

export interface PickRequest {
  readonly model: string | undefined;
  header(name: string): string | undefined;
}

export interface Scorer {
  /** Plugin type in an EndpointPickerConfig. */
  readonly type: string;
  /** Writes one score per candidate, in their order. */
  score(candidates: Candidates, request: PickRequest, scores: Float64Array): void;
}

/**
 * `queue-scorer`: (max - q) / (max - min) over the candidates, 1 when all are equal. To the reported queue come the requests that
 * this process has sent and that the server has not reported yet, so that a burst between two scrapes spreads. An endpoint
 * without fresh metrics counts as the longest known queue: it is neither preferred for looking idle nor shut out.
 */
export const queueScorer: Scorer = {
  type: 'queue-scorer',
  score({ store, slots, count, freshAfterMs }, _, scores) {
    let longestReported = 0;
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at] ?? 0;
      if ((store.updatedMs[slot] ?? 0) < freshAfterMs) continue;
      longestReported = Math.max(longestReported, store.waiting[slot] ?? 0);
    }
    let longest = -Infinity;
    let shortest = Infinity;
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at] ?? 0;
      const sent = store.inFlight[slot] ?? 0;
      let queue: number;
      if ((store.updatedMs[slot] ?? 0) < freshAfterMs) queue = longestReported + sent;
      else {
        const waiting = store.waiting[slot] ?? 0;
        queue = waiting + Math.max(0, sent - waiting - (store.running[slot] ?? 0));
      }
      scores[at] = queue;
      longest = Math.max(longest, queue);
      shortest = Math.min(shortest, queue);
    }
    const range = longest - shortest;
    for (let at = 0; at < count; at += 1) scores[at] = range === 0 ? 1 : (longest - (scores[at] ?? 0)) / range;
  },
};

/** `kv-cache-utilization-scorer`: 1 - usage; without fresh metrics as the fullest that is known. */
export const kvCacheUtilizationScorer: Scorer = {
  type: 'kv-cache-utilization-scorer',
  score({ store, slots, count, freshAfterMs }, _, scores) {
    let fullest = 0;
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at] ?? 0;
      if ((store.updatedMs[slot] ?? 0) >= freshAfterMs) fullest = Math.max(fullest, store.kvUsage[slot] ?? 0);
    }
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at] ?? 0;
      const fresh = (store.updatedMs[slot] ?? 0) >= freshAfterMs;
      scores[at] = 1 - (fresh ? (store.kvUsage[slot] ?? 0) : fullest);
    }
  },
};
