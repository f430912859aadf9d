import type { PluginFactory } from '../plugin.ts';

/**
 * `probabilistic-admitter`: refuses requests of negative priority the more often the fuller the candidates are: min(s^power × k, 1) with s the
 * average of max(queue / threshold, KV usage / threshold) (epp.md 5.7).
 */
export const probabilisticAdmitter: PluginFactory = {
  types: ['probabilistic-admitter'],
  create(name, parameters, { random }) {
    const queueThreshold = parameters.number('queueDepthThreshold', 5, { above: 0 });
    const kvThreshold = parameters.number('kvCacheUtilThreshold', 0.8, { above: 0, max: 1 });
    const power = parameters.number('power', 5, { above: 0 });
    const k = parameters.number('k', 300, { above: 0 });
    return {
      type: 'probabilistic-admitter',
      name,
      admit({ priority, store }, slots, count) {
        if (priority >= 0 || count === 0) return true;
        let sum = 0;
        for (let at = 0; at < count; at += 1) {
          const slot = slots[at] ?? 0;
          sum += Math.max((store.waiting[slot] ?? 0) / queueThreshold, (store.kvUsage[slot] ?? 0) / kvThreshold);
        }
        return random() >= Math.min((sum / count) ** power * k, 1);
      },
    };
  },
};
