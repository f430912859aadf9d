import type { KubeClient } from '../kube/client.ts';

/**
 * A client whose lists and watches are limited to some objects: a picker's Role is one namespace's, and nobody wants to keep what
 * nothing reads.
 */
export function selecting(
  client: KubeClient,
  selection: { namespace?: string | undefined; labelSelector?: string },
): KubeClient {
  return {
    ...client,
    list: (kind, options) => client.list(kind, { ...options, ...selection }),
    watch: (kind, options) => client.watch(kind, { ...options, ...selection }),
  };
}
