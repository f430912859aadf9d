import type { PluginFactory } from '../plugin.ts';
import { wantedOf } from './wanted.ts';

/**
 * `max-score-picker`: the endpoints with the highest totals, ties in random order (epp.md 5.2). One pass per endpoint picked does
 * what shuffling and sorting would.
 */
export const maxScorePicker: PluginFactory = {
  types: ['max-score-picker'],
  create(name, parameters, context) {
    const wanted = wantedOf(parameters, context);
    const { random } = context;
    return {
      type: 'max-score-picker',
      name,
      pick(slots, count, totals) {
        const picked = Math.min(wanted, count);
        for (let rank = 0; rank < picked; rank += 1) {
          let best = rank;
          let ties = 1;
          for (let at = rank + 1; at < count; at += 1) {
            const total = totals[at] ?? 0;
            const bestTotal = totals[best] ?? 0;
            if (total < bestTotal) continue;
            if (total > bestTotal) {
              best = at;
              ties = 1;
            } else {
              // Each of n ties stays with a chance of 1/n.
              ties += 1;
              if (random() * ties < 1) best = at;
            }
          }
          swap(slots, totals, rank, best);
        }
        return picked;
      },
    };
  },
};

export function swap(slots: Int32Array, totals: Float64Array, one: number, other: number): void {
  const slot = slots[one] ?? 0;
  slots[one] = slots[other] ?? 0;
  slots[other] = slot;
  const total = totals[one] ?? 0;
  totals[one] = totals[other] ?? 0;
  totals[other] = total;
}
