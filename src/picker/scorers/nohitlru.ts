import type { PluginFactory } from '../plugin.ts';
import { prefixSource } from '../prefix/source.ts';

/**
 * `no-hit-lru-scorer`: spreads requests that no cache knows. Cold requests prefer endpoints that never had one, then the one whose last
 * cold request is longest ago: 1 - rank / (n - 1). Warm requests get 0.5 everywhere (epp.md 5.7).
 */
export const noHitLruScorer: PluginFactory = {
  types: ['no-hit-lru-scorer'],
  create(name, parameters, context) {
    const lruSize = parameters.count('lruSize', 1024, 1);
    parameters.ignore('prefixPluginType');
    const source = prefixSource(name, parameters.text('prefixPluginName', ''), context);
    let sequence = 0;
    /** Of the last cold request, by slot; 0: never. */
    let lastCold = new Float64Array(0);
    let order = new Int32Array(0);

    const isWarm = (slots: Int32Array, count: number): boolean => {
      const { matched, totalBlocks } = source();
      if (totalBlocks === 0) return false;
      for (let at = 0; at < count; at += 1) if ((matched[slots[at] ?? 0] ?? 0) > 0) return true;
      return false;
    };
    const reserve = (capacity: number): void => {
      if (lastCold.length >= capacity) return;
      const larger = new Float64Array(capacity);
      larger.set(lastCold);
      lastCold = larger;
      order = new Int32Array(capacity);
    };
    const used = (slot: number): void => {
      sequence += 1;
      lastCold[slot] = sequence;
      // As an LRU of `lruSize` would, forgets whoever was used longest ago.
      let known = 0;
      let oldest = slot;
      for (let at = 0; at < lastCold.length; at += 1) {
        const last = lastCold[at] ?? 0;
        if (last === 0) continue;
        known += 1;
        if (last < (lastCold[oldest] ?? 0)) oldest = at;
      }
      if (known > lruSize) lastCold[oldest] = 0;
    };
    let cold = false;

    return {
      type: 'no-hit-lru-scorer',
      name,
      score({ store }, slots, count, scores) {
        reserve(store.capacity);
        cold = !isWarm(slots, count);
        if (!cold) {
          scores.fill(0.5, 0, count);
          return;
        }
        for (let at = 0; at < count; at += 1) order[at] = at;
        const lastOf = (at: number): number => lastCold[slots[at] ?? 0] ?? 0;
        order.subarray(0, count).sort((one, other) => lastOf(one) - lastOf(other) || one - other);
        for (let rank = 0; rank < count; rank += 1) {
          scores[order[rank] ?? 0] = count === 1 ? 1 : 1 - rank / (count - 1);
        }
      },
      preRequest(_, { primary, prefill }) {
        if (!cold) return;
        used(primary.picked[0]);
        if (prefill !== undefined) used(prefill.picked[0]);
      },
      forget(slot) {
        if (slot < lastCold.length) lastCold[slot] = 0;
      },
    };
  },
};
