import type { PluginFactory } from '../plugin.ts';
import { requestHeaders } from '../request.ts';
import { numericHeader } from '../slo.ts';

/** Which request of a flow goes next (epp.md 6.4). */
export const orderingPolicies: readonly PluginFactory[] = [
  {
    types: ['fcfs-ordering-policy'],
    create: (name) => ({ type: 'fcfs-ordering-policy', name, ordering: { rank: ({ enqueuedMs }) => enqueuedMs } }),
  },
  {
    types: ['edf-ordering-policy'],
    create: (name) => ({ type: 'edf-ordering-policy', name, ordering: { rank: ({ deadlineMs }) => deadlineMs } }),
  },
  {
    types: ['slo-deadline-ordering-policy'],
    create: (name) => ({
      type: 'slo-deadline-ordering-policy',
      name,
      ordering: {
        rank({ enqueuedMs, request }) {
          const slo = numericHeader(request, requestHeaders.sloTtft);
          return slo === 0 ? Infinity : enqueuedMs + slo;
        },
      },
    }),
  },
];

/** `static-usage-limit-policy`: the saturation from which on nothing is dispatched. */
export const staticUsageLimitPolicy: PluginFactory = {
  types: ['static-usage-limit-policy'],
  create: (name, parameters) => ({
    type: 'static-usage-limit-policy',
    name,
    usageLimit: parameters.number('threshold', 1, { above: 0 }),
  }),
};
