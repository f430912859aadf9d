import type { PluginFactory } from '../plugin.ts';
import { requestHeaders, type PickerEndpoint } from '../request.ts';

/**
 * `session-affinity-scorer`: 1 for the endpoint that `x-session-token` names, 0 for the others (epp.md 5.7). The token is given
 * back with the response's headers, where upstream is too late (trap 30).
 */
export const sessionAffinityScorer: PluginFactory = {
  types: ['session-affinity-scorer'],
  create: (name) => ({
    type: 'session-affinity-scorer',
    name,
    score({ store, request }, slots, count, scores) {
      const token = request.header(requestHeaders.sessionToken);
      const wanted = token === undefined ? undefined : Buffer.from(token, 'base64').toString();
      for (let at = 0; at < count; at += 1) {
        const endpoint = store.endpoints[slots[at] ?? 0];
        scores[at] = endpoint !== undefined && nameOf(endpoint) === wanted ? 1 : 0;
      }
    },
    responseHeaders: (endpoint) => [[requestHeaders.sessionToken, Buffer.from(nameOf(endpoint)).toString('base64')]],
  }),
};

function nameOf({ name, key }: PickerEndpoint): string {
  return name ?? key;
}
