import { keep } from '../filters/filter.ts';
import type { PluginFactory } from '../plugin.ts';

/**
 * `utilization-detector`: the average over all endpoints of max(queue / its threshold, KV usage / its threshold); without fresh metrics an endpoint
 * counts as full, and so does an empty pool. As a filter it keeps endpoints below both thresholds, or all when none is (epp.md 6.2).
 */
export const utilizationDetector: PluginFactory = {
  types: ['utilization-detector'],
  create(name, parameters, { metricsIntervalMs }) {
    const queueThreshold = parameters.number('queueDepthThreshold', 5, { above: 0 });
    const kvThreshold = parameters.number('kvCacheUtilThreshold', 0.8, { above: 0, max: 1 });
    // Scraping that is slower than upstream's must not make every endpoint look stale (trap 17).
    const staleMs = Math.max(parameters.duration('metricsStalenessThreshold', 200), 4 * metricsIntervalMs);
    const headroom = parameters.number('headroom', 0, { min: 0 });
    const mostQueued = queueThreshold * (1 + headroom);
    const mostKv = kvThreshold * (1 + headroom);
    return {
      type: 'utilization-detector',
      name,
      saturation(store, nowMs) {
        const { ready } = store;
        if (ready.length === 0) return 1;
        let sum = 0;
        for (const slot of ready) {
          const fresh = nowMs - (store.updatedMs[slot] ?? 0) <= staleMs;
          const queue = (store.waiting[slot] ?? 0) / queueThreshold;
          const kv = (store.kvUsage[slot] ?? 0) / kvThreshold;
          sum += fresh ? Math.max(queue, kv) : 1;
        }
        return sum / ready.length;
      },
      filter({ store }, slots, count) {
        const isBelow = (slot: number): boolean =>
          (store.waiting[slot] ?? 0) <= mostQueued && (store.kvUsage[slot] ?? 0) <= mostKv;
        for (let at = 0; at < count; at += 1) {
          if (isBelow(slots[at] ?? 0)) return keep(slots, count, isBelow);
        }
        return count;
      },
    };
  },
};
