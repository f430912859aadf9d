import type { ServicePort } from 'kubernetes-types/core/v1.js';
import type { EndpointSlice as GeneratedSlice } from 'kubernetes-types/discovery/v1.js';
import { Endpoints } from '../kinds/core/endpoints.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Service } from '../kinds/core/service.ts';
import { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { InformerCache } from '../kube/informer.ts';
import { isControlledBy, ownerReferenceTo } from '../kube/owners.ts';
import type { Log } from '../telemetry/log.ts';
import { contentHash, readySince } from './podtemplate.ts';

type SlicePort = NonNullable<GeneratedSlice['ports']>[number];
type SliceEndpoint = GeneratedSlice['endpoints'][number];

export const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';
/** As many endpoints as the API takes in one slice. */
const maxEndpoints = 1000;

/**
 * The EndpointSlices of a Service: one for each set of port numbers that its Pods have, since a named targetPort may be another
 * number in each Pod.
 */
export function planEndpointSlices(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0 || service.spec.type === 'ExternalName') return [];
  const groups = new Map<string, { ports: SlicePort[]; endpoints: SliceEndpoint[] }>();
  for (const pod of pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    if (!selected(selector, pod) || !hasAddress(pod)) continue;
    const ports = slicePorts(service.spec.ports ?? [], pod);
    // A Pod without any of the ports would be an endpoint that nothing can connect to; a headless Service needs none.
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(service, pod));
    groups.set(key, group);
  }
  // A Service without endpoints has an empty slice, which tells that somebody has looked.
  if (groups.size === 0) groups.set('', { ports: [], endpoints: [] });
  return [...groups.values()].flatMap(({ ports, endpoints }) =>
    chunks(endpoints, maxEndpoints).map((chunk, index) => sliceOf(service, ports, chunk, index)),
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.max(1, Math.ceil(items.length / size));
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function selected(selector: Readonly<Record<string, string>>, pod: Pod): boolean {
  return Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value);
}

function hasAddress(pod: Pod): boolean {
  const { phase, podIP } = pod.status ?? {};
  return podIP !== undefined && podIP !== '' && phase !== 'Succeeded' && phase !== 'Failed';
}

function slicePorts(ports: readonly ServicePort[], pod: Pod): SlicePort[] {
  return ports.flatMap((port) => {
    const number = targetPortNumber(port, pod);
    if (number === undefined) return [];
    const { appProtocol, protocol = 'TCP' } = port;
    return [{ name: port.name ?? '', port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** The number of a Service's port in one Pod; undefined when the Pod has no port of that name. */
export function targetPortNumber({ targetPort, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers
    .flatMap((container) => container.ports ?? [])
    .find(({ name, protocol: own = 'TCP' }) => name === targetPort && own === protocol)?.containerPort;
}

function endpointOf(service: Service, pod: Pod): SliceEndpoint {
  const { name, namespace, uid, deletionTimestamp } = pod.metadata;
  const serving = readySince(pod) !== undefined;
  const terminating = deletionTimestamp !== undefined;
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(pod.spec.hostname !== undefined && pod.spec.subdomain === service.metadata.name
      ? { hostname: pod.spec.hostname }
      : {}),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: {
      kind: 'Pod',
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

function sliceOf(service: Service, ports: SlicePort[], endpoints: SliceEndpoint[], index: number): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: apiVersionOf(EndpointSlice),
    kind: EndpointSlice.kind,
    metadata: {
      name: `${name}-${contentHash([ports, index]).slice(0, 5)}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...service.metadata.labels,
        [serviceNameLabel]: name,
        [managedByLabel]: manager,
        ...(service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {}),
      },
      ownerReferences: [ownerReferenceTo(Service, service)],
    },
    addressType: 'IPv4',
    ports,
    endpoints,
  };
}

/** The older form of the same, for clients that still read it. */
export function planEndpoints(service: Service, slices: readonly EndpointSlice[]): Endpoints {
  const { name, namespace } = service.metadata;
  const subsets = slices
    .filter(({ endpoints }) => endpoints.length > 0)
    .map(({ endpoints, ports = [] }) => {
      const addresses = endpoints.map(({ addresses: [ip = ''], conditions, nodeName, targetRef }) => ({
        ready: conditions?.ready === true,
        terminating: conditions?.terminating === true,
        entry: {
          ip,
          ...(nodeName === undefined ? {} : { nodeName }),
          ...(targetRef === undefined ? {} : { targetRef }),
        },
      }));
      const ready = addresses.filter((address) => address.ready).map(({ entry }) => entry);
      const notReady = addresses.filter((address) => !address.ready && !address.terminating).map(({ entry }) => entry);
      return {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ports: ports.map(({ name: portName = '', port = 0, protocol = 'TCP' }) => ({
          ...(portName === '' ? {} : { name: portName }),
          port,
          protocol,
        })),
      };
    })
    .filter((subset) => subset.addresses !== undefined || subset.notReadyAddresses !== undefined);
  return {
    apiVersion: apiVersionOf(Endpoints),
    kind: Endpoints.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ownerReferences: [ownerReferenceTo(Service, service)],
    },
    subsets,
  };
}

/** Keeps the EndpointSlices and Endpoints of every Service with a selector. */
export function startEndpointSliceController(options: {
  client: KubeClient;
  informers: InformerCache;
  log: Log;
}): Controller {
  const { client, informers, log } = options;
  const services = informers.informer(Service);
  const pods = informers.informer(Pod);
  const slices = informers.informer(EndpointSlice);
  const endpoints = informers.informer(Endpoints);

  const reconcile = async (key: string): Promise<void> => {
    const ref = refOf(key);
    const service = services.get(ref);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
    const desired = planEndpointSlices(service, pods.list(ref.namespace));
    if (desired.length === 0) return;
    const existing = slices.list(ref.namespace).filter((slice) => isControlledBy(slice, service));
    for (const slice of desired) {
      const stored = existing.find(({ metadata }) => metadata.name === slice.metadata.name);
      if (stored === undefined) await client.create(EndpointSlice, slice);
      else if (!sameContent(stored, slice)) await client.update(EndpointSlice, replaced(stored, slice));
    }
    const names = new Set(desired.map(({ metadata }) => metadata.name));
    for (const slice of existing) {
      if (!names.has(slice.metadata.name)) await client.delete(EndpointSlice, slice.metadata);
    }
    const legacy = planEndpoints(service, desired);
    const stored = endpoints.get(ref);
    if (stored === undefined) await client.create(Endpoints, legacy);
    else if (JSON.stringify(stored.subsets ?? []) !== JSON.stringify(legacy.subsets)) {
      await client.update(Endpoints, replaced(stored, legacy));
    }
  };

  return startController({
    name: 'endpointslice',
    log,
    watches: [
      watch(services, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(slices, ({ object }) => {
        const name = object.metadata.labels?.[serviceNameLabel];
        return name === undefined ? [] : [keyOf({ namespace: object.metadata.namespace, name })];
      }),
      watch(pods, ({ object, previous }) =>
        services
          .list(object.metadata.namespace)
          .filter(({ spec: { selector } }) => {
            if (selector === undefined) return false;
            return selected(selector, object) || (previous !== undefined && selected(selector, previous));
          })
          .map(({ metadata }) => keyOf(metadata)),
      ),
    ],
    reconcile,
  });
}

function sameContent(a: EndpointSlice, b: EndpointSlice): boolean {
  const content = ({ ports, endpoints, metadata }: EndpointSlice): string =>
    contentHash([ports, endpoints, metadata.labels]);
  return content(a) === content(b);
}

/** The new content in place of the stored one, and only of the version seen. */
function replaced<T extends EndpointSlice | Endpoints>(stored: T, next: T): T {
  const { resourceVersion, uid } = stored.metadata;
  return {
    ...next,
    metadata: {
      ...next.metadata,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}
