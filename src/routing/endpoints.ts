import type { Service } from '../kinds/core/service.ts';
import { isPodReady, type Pod } from '../kinds/core/pod.ts';
import type { BackendEndpoint } from '../kinds/envoygateway/backend.ts';
import type { InferencePool } from '../kinds/inference/inferencepool.ts';
import { keyOf } from '../kinds/object.ts';
import type { DeclaredPool } from './pools.ts';
import type { Lookup } from './resources.ts';
import type { Endpoint } from './table.ts';

/** From Services, pools and Backends to the addresses behind them (gatewayapi.md 9, epp.md 1.1). */

type ServicePort = NonNullable<Service['spec']['ports']>[number];

export function endpoint(address: string, port: number, pod?: string): Endpoint {
  const host = address.includes(':') ? `[${address}]` : address;
  return { key: `${host}:${port}`, address, port, ...(pod === undefined ? {} : { pod }) };
}

/** The ready endpoints of one Service port, from its EndpointSlices by port name. */
export function serviceEndpoints(lookup: Lookup, service: Service, port: ServicePort): readonly Endpoint[] {
  const key = `${keyOf(service.metadata)}:${port.name ?? ''}`;
  return remembered(lookup.serviceEndpoints, key, () => sliceEndpoints(lookup, service, port));
}

/** Many routes lead to one backend: its endpoints are collected once for each table. */
function remembered(
  known: Map<string, readonly Endpoint[]>,
  key: string,
  collect: () => readonly Endpoint[],
): readonly Endpoint[] {
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = collect()));
  return found;
}

function sliceEndpoints(lookup: Lookup, service: Service, port: ServicePort): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of lookup.slices(service.metadata)) {
    if (slice.addressType === 'FQDN') continue;
    const target = slice.ports?.find((candidate) => (candidate.name ?? '') === (port.name ?? ''))?.port;
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
export function poolEndpoints(lookup: Lookup, { key, pool }: DeclaredPool): readonly Endpoint[] {
  return remembered(lookup.poolEndpoints, key, () => selectedEndpoints(lookup, pool));
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

/**
 * The addresses of one endpoint of a Backend. A Service's DNS name stands for that Service's ready endpoints: on a machine
 * without cluster DNS nothing else could resolve it, and on a cluster it spares the hop through kube-proxy.
 */
export function backendEndpoints(lookup: Lookup, declared: BackendEndpoint): readonly Endpoint[] | { problem: string } {
  if (declared.ip !== undefined) return [endpoint(declared.ip.address, declared.ip.port)];
  if (declared.fqdn === undefined) return { problem: 'unix domain socket endpoints are not supported yet' };
  const { hostname, port } = declared.fqdn;
  const named = serviceDns.exec(hostname)?.groups;
  if (named === undefined) return [endpoint(hostname, port)];
  const service = lookup.service({ namespace: named['namespace'], name: named['name'] ?? '' });
  if (service === undefined) return { problem: `hostname ${hostname}: there is no such Service` };
  const servicePort = service.spec.ports?.find((candidate) => candidate.port === port);
  if (servicePort === undefined) return { problem: `hostname ${hostname}: the Service has no port ${port}` };
  return serviceEndpoints(lookup, service, servicePort);
}
