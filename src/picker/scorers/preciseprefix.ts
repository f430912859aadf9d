import type { PluginFactory } from '../plugin.ts';
import { createPrecisePrefix } from '../kvevents/precise.ts';

/**
 * `precise-prefix-cache-scorer`: the run of blocks from the prompt's start that an endpoint holds, by its KV events, weighted by
 * tier / all blocks (epp.md 5.6).
 */
export const precisePrefixCacheScorer: PluginFactory = {
  types: ['precise-prefix-cache-scorer'],
  create(name, parameters, context) {
    const precise = createPrecisePrefix(name, parameters, context);
    return {
      ...precise,
      type: 'precise-prefix-cache-scorer',
      name,
      score(_, slots, count, scores) {
        const { matched, totalBlocks } = precise.matches;
        for (let at = 0; at < count; at += 1) {
          scores[at] = totalBlocks === 0 ? 0 : Math.min(1, (matched[slots[at] ?? 0] ?? 0) / totalBlocks);
        }
      },
    };
  },
};
