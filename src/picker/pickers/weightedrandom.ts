import type { PluginFactory } from '../plugin.ts';
import { swap } from './maxscore.ts';
import { pickRandom } from './random.ts';
import { wantedOf } from './wanted.ts';

/**
 * `weighted-random-picker`: chances in proportion to totals (Efraimidis and Spirakis: the largest U^(1/total) win), any endpoint when all
 * totals are 0 (epp.md 5.2).
 */
export const weightedRandomPicker: PluginFactory = {
  types: ['weighted-random-picker'],
  create(name, parameters, context) {
    const wanted = wantedOf(parameters, context);
    const { random } = context;
    return {
      type: 'weighted-random-picker',
      name,
      pick(slots, count, totals) {
        let positive = 0;
        for (let at = 0; at < count; at += 1) {
          const total = totals[at] ?? 0;
          if (total > 0) positive += 1;
          // Logarithms order as the powers do, and do not underflow for small totals.
          totals[at] = total > 0 ? Math.log(1 - random()) / total : -Infinity;
        }
        if (positive === 0) return pickRandom(slots, count, totals, wanted, random);
        const picked = Math.min(wanted, count);
        for (let rank = 0; rank < picked; rank += 1) {
          let best = rank;
          for (let at = rank + 1; at < count; at += 1) if ((totals[at] ?? 0) > (totals[best] ?? 0)) best = at;
          swap(slots, totals, rank, best);
        }
        return picked;
      },
    };
  },
};
