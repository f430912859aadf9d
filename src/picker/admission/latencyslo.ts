import type { PluginFactory } from '../plugin.ts';
import { requestHeaders } from '../request.ts';
import { numericHeader } from '../slo.ts';

/** Cold caches answer fast whatever is predicted. */
const coldKvUsage = 0.02;

/**
 * `latency-slo-admitter`: refuses requests of negative priority with latency objectives when no endpoint is predicted to meet them, idle or
 * cold (epp.md 5.7). Without predictions every endpoint might meet them.
 */
export const latencySloAdmitter: PluginFactory = {
  types: ['latency-slo-admitter'],
  create: (name) => ({
    type: 'latency-slo-admitter',
    name,
    admit({ priority, store, request }, slots, count) {
      const ttft = numericHeader(request, requestHeaders.sloTtft);
      const tpot = numericHeader(request, requestHeaders.sloTpot);
      if (priority >= 0 || (ttft === 0 && tpot === 0)) return true;
      for (let at = 0; at < count; at += 1) {
        const slot = slots[at] ?? 0;
        const missesTtft = ttft > 0 && (store.predictedTtftMs[slot] ?? NaN) > ttft;
        const missesTpot = tpot > 0 && (store.predictedTpotMs[slot] ?? NaN) > tpot;
        if (!missesTtft && !missesTpot) return true;
        if ((store.inFlight[slot] ?? 0) === 0 || (store.kvUsage[slot] ?? 0) < coldKvUsage) return true;
      }
      return false;
    },
  }),
};
