import type { Cycle, PluginFactory } from '../plugin.ts';
import { requestHeaders } from '../request.ts';
import { numericHeader } from '../slo.ts';
import { keep } from './filter.ts';

/**
 * `slo-headroom-tier-filter`: endpoints that are predicted to meet the request's latency objectives; now and then, by chance, those that are
 * not. Keeps all where there are no predictions, no objectives, or one of the tiers is empty (epp.md 5.7).
 */
export const sloHeadroomFilter: PluginFactory = {
  types: ['slo-headroom-tier-filter'],
  create(name, parameters, context) {
    const exploration = parameters.number('epsilonExploreNeg', 0.01, { min: 0, max: 1 });
    return {
      type: 'slo-headroom-tier-filter',
      name,
      filter(cycle, slots, count) {
        let meeting = 0;
        for (let at = 0; at < count; at += 1) if (meetsObjectives(cycle, slots[at] ?? 0)) meeting += 1;
        if (meeting === 0 || meeting === count) return count;
        const wanted = context.random() >= exploration;
        return keep(slots, count, (slot) => meetsObjectives(cycle, slot) === wanted);
      },
    };
  },
};

/** Also true where nothing is predicted or asked for. */
function meetsObjectives({ store, request }: Cycle, slot: number): boolean {
  const ttft = numericHeader(request, requestHeaders.sloTtft);
  const tpot = numericHeader(request, requestHeaders.sloTpot);
  const missesTtft = ttft > 0 && (store.predictedTtftMs[slot] ?? NaN) > ttft;
  const missesTpot = tpot > 0 && (store.predictedTpotMs[slot] ?? NaN) > tpot;
  return !missesTtft && !missesTpot;
}
