import type { PluginFactory } from '../plugin.ts';
import { prefixSource } from '../prefix/source.ts';
import { keep } from './filter.ts';

/**
 * `prefix-cache-affinity-filter`: endpoints that have most of the prompt cached, unless by chance others are explored or waiting for them is
 * predicted to take too much longer; all where there are none (epp.md 5.7).
 */
export const prefixAffinityFilter: PluginFactory = {
  types: ['prefix-cache-affinity-filter'],
  create(name, parameters, context) {
    const threshold = parameters.number('affinityThreshold', 0.8, { min: 0, max: 1 });
    const exploration = parameters.number('explorationProbability', 0.01, { min: 0, max: 1 });
    const maxPenaltyMs = parameters.number('maxTTFTPenaltyMs', 5_000, { min: 0 });
    const source = prefixSource(name, parameters.text('prefixPluginName', ''), context);
    return {
      type: 'prefix-cache-affinity-filter',
      name,
      filter({ store }, slots, count) {
        const { matched, totalBlocks } = source();
        if (totalBlocks === 0 || context.random() < exploration) return count;
        let sticky = 0;
        let bestSticky = Infinity;
        let bestOfAll = Infinity;
        for (let at = 0; at < count; at += 1) {
          const slot = slots[at] ?? 0;
          const isSticky = (matched[slot] ?? 0) / totalBlocks >= threshold;
          const ttft = store.predictedTtftMs[slot] ?? NaN;
          if (isSticky) sticky += 1;
          if (ttft < bestOfAll) bestOfAll = ttft;
          if (isSticky && ttft < bestSticky) bestSticky = ttft;
        }
        if (sticky === 0 || (bestSticky < Infinity && bestSticky - bestOfAll > maxPenaltyMs)) return count;
        return keep(slots, count, (slot) => (matched[slot] ?? 0) / totalBlocks >= threshold);
      },
    };
  },
};
