import { Endpoints, Service } from '../kinds/core/index.ts';
import { EndpointSlice } from '../kinds/discovery/index.ts';
import type { Log } from '../telemetry/log.ts';
import { ensure, objectOf, type BootstrapDependencies } from './bootstrap.ts';
import { stringAt, type JsonObject } from './json.ts';
import type { Store } from './store/store.ts';

/** Where the API is listened on. */
export interface ApiEndpoint {
  address: string;
  port: number;
}

const named = { name: 'kubernetes', namespace: 'default' };

export interface KubernetesService {
  /** Says where the Service leads. */
  publish(endpoint: ApiEndpoint): Promise<void>;
  stop(): void;
}

/**
 * Makes and keeps `default/kubernetes`, the API's own Service. `kubectl delete svc --all` takes it, too: it comes back, at the address
 * it had, and so do its endpoints.
 */
export async function keepKubernetesService(
  dependencies: BootstrapDependencies & { store: Store; log: Log },
): Promise<KubernetesService> {
  const { store, log } = dependencies;
  let endpointObjects: readonly JsonObject[] = [];
  await ensure(dependencies, service());
  const stop = store.history.subscribe(({ type, resource, object }) => {
    const { name, namespace } = object.metadata;
    if (type !== 'DELETED' || namespace !== named.namespace || name !== named.name) return;
    const lost =
      resource === '/services'
        ? service(stringAt(object, 'spec', 'clusterIP'))
        : endpointObjects.find(({ kind }) => kind === object.kind);
    if (lost === undefined) return;
    ensure(dependencies, lost).catch((error: unknown) => {
      log.error({ error, kind: lost['kind'] }, 'what leads to the API cannot be made again');
    });
  });
  return {
    publish: async (endpoint) => {
      endpointObjects = [endpointSlice(endpoint), endpoints(endpoint)];
      await Promise.all(endpointObjects.map((object) => ensure(dependencies, object, 'update')));
    },
    stop,
  };
}

function service(clusterIP?: string): JsonObject {
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const ports = [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }];
  return {
    ...objectOf(Service, { ...named, labels }),
    spec: { ports, ...(clusterIP !== undefined && { clusterIP }) },
  };
}

function endpointSlice({ address, port }: ApiEndpoint): JsonObject {
  return {
    ...objectOf(EndpointSlice, { ...named, labels: { 'kubernetes.io/service-name': named.name } }),
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

function endpoints({ address, port }: ApiEndpoint): JsonObject {
  return {
    ...objectOf(Endpoints, { ...named, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
}
