import { keep } from '../filters/filter.ts';
import type { PluginFactory } from '../plugin.ts';

/**
 * `concurrency-detector`: what is in flight from here over the pool's capacity, in requests or estimated tokens. As a filter it keeps endpoints
 * below their capacity, and none when there is none (epp.md 6.2, trap 31).
 */
export const concurrencyDetector: PluginFactory = {
  types: ['concurrency-detector'],
  create(name, parameters) {
    const mode = parameters.oneOf('concurrencyMode', ['requests', 'tokens'], 'requests');
    const maxRequests = parameters.count('maxConcurrency', 100, 1);
    const maxTokens = parameters.count('maxTokenConcurrency', 1_000_000, 1);
    const headroom = parameters.number('headroom', 0, { min: 0 });
    const capacity = mode === 'requests' ? maxRequests : maxTokens;
    return {
      type: 'concurrency-detector',
      name,
      saturation(store) {
        const column = mode === 'requests' ? store.inFlight : store.inFlightTokens;
        let sum = 0;
        for (const slot of store.ready) sum += column[slot] ?? 0;
        return store.ready.length === 0 ? 1 : sum / (capacity * store.ready.length);
      },
      filter({ store }, slots, count) {
        const column = mode === 'requests' ? store.inFlight : store.inFlightTokens;
        return keep(slots, count, (slot) => (column[slot] ?? 0) < capacity * (1 + headroom));
      },
    };
  },
};
