import type { PluginFactory } from '../plugin.ts';
import { isBefore } from './heap.ts';

/** Which flow of a priority goes next (epp.md 6.4). */
export const fairnessPolicies: readonly PluginFactory[] = [
  {
    // The best first item of all flows, as if there was one flow only.
    types: ['global-strict-fairness-policy'],
    create: (name) => ({
      type: 'global-strict-fairness-policy',
      name,
      fairness: {
        choose(flows) {
          let best = 0;
          for (let at = 1; at < flows.length; at += 1) {
            const [flow, leader] = [flows[at], flows[best]];
            if (flow !== undefined && leader !== undefined && isBefore(flow, leader)) best = at;
          }
          return best;
        },
      },
    }),
  },
  {
    // One after the other by the order of their ids.
    types: ['round-robin-fairness-policy'],
    create: (name) => ({
      type: 'round-robin-fairness-policy',
      name,
      fairness: {
        choose(flows, state) {
          const after = flows.findIndex(({ id }) => id > state.cursor);
          const chosen = after < 0 ? 0 : after;
          state.cursor = flows[chosen]?.id ?? '';
          return chosen;
        },
      },
    }),
  },
];
