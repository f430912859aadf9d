import type { Service } from '../kinds/core/service.ts';
import { isPodReady, type Pod } from '../kinds/core/pod.ts';
import type { BackendEndpoint } from '../kinds/envoygateway/backend.ts';
import type { InferencePool } from '../kinds/inference/inferencepool.ts';
import { keyOf, type ObjectRef } from '../kinds/object.ts';
import { groupOf, type DeclaredPool } from './pools.ts';
import type { Lookup } from './resources.ts';
import type { Endpoint } from '../routes/table.ts';

/** From Services, pools and Backends to the addresses behind them (gatewayapi.md 9, epp.md 1.1). */

type ServicePort = NonNullable<Service['spec']['ports']>[number];

export function endpoint(address: string, port: number, pod?: string): Endpoint {
  const host = address.includes(':') ? `[${address}]` : address;
  return { key: `${host}:${port}`, address, port, ...(pod === undefined ? {} : { pod }) };
}

/** The ready endpoints of one Service port, from its EndpointSlices by port name. Many routes lead to one: it is one list. */
export function serviceEndpoints(lookup: Lookup, { metadata }: Service, port: ServicePort): readonly Endpoint[] {
  const name = port.name ?? '';
  return lookup.remember(`endpoints of service ${keyOf(metadata)}:${name}`, (at) => sliceEndpoints(at, metadata, name));
}

function sliceEndpoints(lookup: Lookup, service: ObjectRef, port: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of lookup.slices(service)) {
    if (slice.addressType === 'FQDN') continue;
    const target = slice.ports?.find((candidate) => (candidate.name ?? '') === port)?.port;
    if (target === undefined) continue;
    for (const { addresses, conditions, targetRef } of slice.endpoints) {
      const [address] = addresses;
      if (conditions?.ready === false || address === undefined) continue;
      const pod = targetRef?.kind === 'Pod' ? targetRef.name : undefined;
      const made = endpoint(address, target, pod);
      found.set(made.key, made);
    }
  }
  return [...found.values()].sort(byEndpointKey);
}

const byEndpointKey = (a: Endpoint, b: Endpoint): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Every ready pod that the pool selects, once for each target port. */
export function poolEndpoints(lookup: Lookup, declared: DeclaredPool): readonly Endpoint[] {
  return lookup.remember(`endpoints of pool ${declared.key}`, (at) => {
    const current = at.pool(groupOf(declared), declared.pool.metadata);
    return current === undefined ? [] : selectedEndpoints(at, current.pool);
  });
}

function selectedEndpoints(lookup: Lookup, { metadata, spec }: InferencePool): Endpoint[] {
  return lookup
    .podsWith(metadata.namespace ?? '', spec.selector.matchLabels)
    .filter(isReady)
    .flatMap((pod) => {
      const address = pod.status?.podIP;
      return address === undefined
        ? []
        : spec.targetPorts.map(({ number }) => ({
            ...endpoint(address, number, pod.metadata.name),
            labels: pod.metadata.labels ?? {},
          }));
    })
    .sort(byEndpointKey);
}

function isReady(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && isPodReady(pod);
}

const serviceDns = /^(?<name>[a-z0-9-]+)\.(?<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?$/;

/** Where the addresses of one endpoint of a Backend come from. */
export type EndpointSource =
  | { readonly endpoint: Endpoint }
  | { readonly service: Service; readonly port: ServicePort }
  | { readonly problem: string };

/**
 * A Service's DNS name stands for that Service's ready endpoints: on a machine without cluster DNS nothing else could resolve
 * it, and on a cluster it spares the hop through kube-proxy.
 */
export function endpointSource(lookup: Lookup, declared: BackendEndpoint): EndpointSource {
  if (declared.ip !== undefined) return { endpoint: endpoint(declared.ip.address, declared.ip.port) };
  if (declared.fqdn === undefined) return { problem: 'unix domain socket endpoints are not supported yet' };
  const { hostname, port: number } = declared.fqdn;
  const named = serviceDns.exec(hostname)?.groups;
  if (named === undefined) return { endpoint: endpoint(hostname, number) };
  const service = lookup.service({ namespace: named['namespace'], name: named['name'] ?? '' });
  if (service === undefined) return { problem: `hostname ${hostname}: there is no such Service` };
  const port = service.spec.ports?.find((candidate) => candidate.port === number);
  return port === undefined
    ? { problem: `hostname ${hostname}: the Service has no port ${number}` }
    : { service, port };
}

export function endpointsOf(lookup: Lookup, source: EndpointSource): readonly Endpoint[] {
  if ('problem' in source) return [];
  return 'endpoint' in source ? [source.endpoint] : serviceEndpoints(lookup, source.service, source.port);
}
