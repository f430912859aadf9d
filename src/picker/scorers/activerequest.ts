import type { PluginFactory } from '../plugin.ts';

/**
 * `active-request-scorer`: 1 for up to `idleThreshold` requests in flight from here, else (max - c) / max × `maxBusyScore`
 * (epp.md 5.4). The documented default of 1 holds when maxBusyScore is left out (trap 28). The deprecated requestTimeout has no
 * effect: requests are counted until they end.
 */
export const activeRequestScorer: PluginFactory = {
  types: ['active-request-scorer'],
  create(name, parameters) {
    const idleThreshold = parameters.number('idleThreshold', 0, { min: 0 });
    const maxBusyScore = parameters.number('maxBusyScore', 1, { min: 0, max: 1 });
    parameters.ignore('requestTimeout');
    return {
      type: 'active-request-scorer',
      name,
      score({ store }, slots, count, scores) {
        let most = 0;
        for (let at = 0; at < count; at += 1) most = Math.max(most, store.inFlight[slots[at] ?? 0] ?? 0);
        for (let at = 0; at < count; at += 1) {
          const active = store.inFlight[slots[at] ?? 0] ?? 0;
          scores[at] = active <= idleThreshold ? 1 : ((most - active) / most) * maxBusyScore;
        }
      },
    };
  },
};
