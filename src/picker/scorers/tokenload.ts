import type { PluginFactory } from '../plugin.ts';

/** `token-load-scorer`: 1 - min(tokens in flight, t) / t (epp.md 5.4). */
export const tokenLoadScorer: PluginFactory = {
  types: ['token-load-scorer'],
  create(name, parameters) {
    const threshold = parameters.number('queueThresholdTokens', 4_194_304, { above: 0 });
    return {
      type: 'token-load-scorer',
      name,
      score({ store }, slots, count, scores) {
        for (let at = 0; at < count; at += 1) {
          scores[at] = 1 - Math.min(store.inFlightTokens[slots[at] ?? 0] ?? 0, threshold) / threshold;
        }
      },
    };
  },
};
