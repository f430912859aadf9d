import type { PluginFactory } from '../plugin.ts';

/**
 * `data-parallel-profile-handler` (deprecated upstream): the picked rank travels in a header, and the request goes to the pod's primary port,
 * whose side-car forwards it (epp.md 5.3).
 */
export const dataParallelProfileHandler: PluginFactory = {
  types: ['data-parallel-profile-handler'],
  create(name, parameters) {
    const primaryPort = parameters.number('primaryPort', 8000, { min: 1, max: 65_535, integer: true });
    let only = '';
    return {
      type: 'data-parallel-profile-handler',
      name,
      handler: {
        check(profiles) {
          only = profiles[0] ?? '';
          return profiles.length === 1 ? undefined : `exactly one scheduling profile expected, got ${profiles.length}`;
        },
        schedule(_, run) {
          const primary = run(only);
          return primary === undefined ? undefined : { primary };
        },
        target(endpoint) {
          const address = endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address;
          return { ...endpoint, port: primaryPort, key: `${address}:${primaryPort}` };
        },
      },
      preRequest({ store }, { primary }, headers) {
        headers.set('x-data-parallel-host-port', store.endpoints[primary.picked[0]]?.key ?? '');
      },
    };
  },
};
