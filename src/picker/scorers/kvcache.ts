import type { PluginFactory } from '../plugin.ts';
import { readFresh } from './relative.ts';

/** `kv-cache-utilization-scorer`: 1 - usage (epp.md 5.4). */
export const kvCacheUtilizationScorer: PluginFactory = {
  types: ['kv-cache-utilization-scorer'],
  create: (name) => ({
    type: 'kv-cache-utilization-scorer',
    name,
    score(cycle, slots, count, scores) {
      readFresh(cycle.store.kvUsage, cycle, slots, count, scores);
      for (let at = 0; at < count; at += 1) scores[at] = 1 - (scores[at] ?? 0);
    },
  }),
};
