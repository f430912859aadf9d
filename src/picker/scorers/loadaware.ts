import type { PluginFactory } from '../plugin.ts';
import { readFresh } from './relative.ts';

/** `load-aware-scorer`: 0.5 for an empty queue, falling to 0 at `threshold` waiting requests (epp.md 5.4). */
export const loadAwareScorer: PluginFactory = {
  types: ['load-aware-scorer'],
  create(name, parameters) {
    const threshold = parameters.number('threshold', 128, { above: 0 });
    return {
      type: 'load-aware-scorer',
      name,
      score(cycle, slots, count, scores) {
        readFresh(cycle.store.waiting, cycle, slots, count, scores);
        for (let at = 0; at < count; at += 1) {
          scores[at] = 0.5 * (1 - Math.min(scores[at] ?? 0, threshold) / threshold);
        }
      },
    };
  },
};
