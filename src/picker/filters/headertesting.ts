import type { PluginFactory } from '../plugin.ts';
import { requestHeaders } from '../request.ts';

/**
 * `header-based-testing-filter`, for conformance tests: the endpoints that the request's test header lists, in its order, one per
 * address and port; without the header none (epp.md 5.7, 10.2).
 */
export const headerTestingFilter: PluginFactory = {
  types: ['header-based-testing-filter'],
  create: (name) => ({
    type: 'header-based-testing-filter',
    name,
    filter({ store, request }, slots, count) {
      const wanted = (request.header(requestHeaders.testSelection) ?? '').split(',').map((entry) => entry.trim());
      let kept = 0;
      for (const entry of wanted) {
        for (let at = kept; at < count; at += 1) {
          const slot = slots[at] ?? 0;
          const endpoint = store.endpoints[slot];
          if (endpoint?.key !== entry && endpoint?.address !== entry) continue;
          slots[at] = slots[kept] ?? 0;
          slots[kept] = slot;
          kept += 1;
          // An address without a port means one endpoint, however many ports its pod has.
          break;
        }
      }
      return kept;
    },
  }),
};
