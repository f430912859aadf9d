import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import type { AIServiceBackend } from '../kinds/aigateway/aiservicebackend.ts';
import type { BackendSecurityPolicy } from '../kinds/aigateway/backendsecuritypolicy.ts';
import type { ConfigMap } from '../kinds/core/configmap.ts';
import type { Namespace } from '../kinds/core/namespace.ts';
import type { Pod } from '../kinds/core/pod.ts';
import type { Service } from '../kinds/core/service.ts';
import type { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import type { Backend } from '../kinds/envoygateway/backend.ts';
import type { BackendTrafficPolicy } from '../kinds/envoygateway/backendtrafficpolicy.ts';
import type { ClientTrafficPolicy } from '../kinds/envoygateway/clienttrafficpolicy.ts';
import type { HTTPRouteFilter } from '../kinds/envoygateway/httproutefilter.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import type { ReferenceGrant } from '../kinds/gateway/referencegrant.ts';
import type { InferencePool } from '../kinds/inference/inferencepool.ts';
import type { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { declaredPools, poolKey, type DeclaredPool } from './pools.ts';
import type { Endpoint, PoolPicker } from './table.ts';

/** All objects that routing depends on, as the caches hold them. */
export interface RouteResources {
  readonly gatewayClasses: readonly GatewayClass[];
  readonly gateways: readonly Gateway[];
  readonly httpRoutes: readonly HTTPRoute[];
  readonly referenceGrants: readonly ReferenceGrant[];
  readonly namespaces: readonly Namespace[];
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  readonly inferencePools: readonly InferencePool[];
  /** Those of before v1. */
  readonly xInferencePools: readonly XInferencePool[];
  readonly backends: readonly Backend[];
  readonly httpRouteFilters: readonly HTTPRouteFilter[];
  readonly clientTrafficPolicies: readonly ClientTrafficPolicy[];
  readonly backendTrafficPolicies: readonly BackendTrafficPolicy[];
  readonly aiGatewayRoutes: readonly AIGatewayRoute[];
  readonly aiServiceBackends: readonly AIServiceBackend[];
  readonly backendSecurityPolicies: readonly BackendSecurityPolicy[];
  /** Those with configurations of endpoint pickers are read. */
  readonly configMaps: readonly ConfigMap[];
}

export const noResources: RouteResources = {
  gatewayClasses: [],
  gateways: [],
  httpRoutes: [],
  referenceGrants: [],
  namespaces: [],
  services: [],
  endpointSlices: [],
  pods: [],
  inferencePools: [],
  xInferencePools: [],
  backends: [],
  httpRouteFilters: [],
  clientTrafficPolicies: [],
  backendTrafficPolicies: [],
  aiGatewayRoutes: [],
  aiServiceBackends: [],
  backendSecurityPolicies: [],
  configMaps: [],
};

/** What the surroundings know of endpoint pickers. */
export interface PickerKnowledge {
  /** Containers of this image run Headgate's own picker: the gateway picks in process with their configuration. */
  isOwn(image: string): boolean;
  /** While there is no Service of this name, pools that name it get the gateway's own picker. */
  readonly standIns?: ReadonlySet<string>;
  /** Why an EndpointPickerConfig cannot be used; undefined when it can. */
  problem(config: string): string | undefined;
}

/** Without a catalog of programs every picker is somebody else's. */
const noKnowledge: PickerKnowledge = { isOwn: () => false, problem: () => undefined };

/** The resources by the names that others refer to them. */
export interface Lookup {
  readonly resources: RouteResources;
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
  service(ref: ObjectRef): Service | undefined;
  /** The EndpointSlices of a Service. */
  slices(ref: ObjectRef): readonly EndpointSlice[];
  /** The Pods of a namespace that carry all these labels. */
  podsWith(namespace: string, labels: Readonly<Record<string, string>>): readonly Pod[];
  pod(ref: ObjectRef): Pod | undefined;
  configMap(ref: ObjectRef): ConfigMap | undefined;
  /** The pool of this API group. */
  pool(group: string, ref: ObjectRef): DeclaredPool | undefined;
  readonly pools: readonly DeclaredPool[];
  backend(ref: ObjectRef): Backend | undefined;
  filter(ref: ObjectRef): HTTPRouteFilter | undefined;
  aiRoute(ref: ObjectRef): AIGatewayRoute | undefined;
  aiBackend(ref: ObjectRef): AIServiceBackend | undefined;
  /** Endpoints of the pools that routes name, filled as they are resolved: every route of a pool shares one list. */
  readonly poolEndpoints: Map<string, readonly Endpoint[]>;
  /** Likewise of Services, by `namespace/name:port name`. */
  readonly serviceEndpoints: Map<string, readonly Endpoint[]>;
  /** Likewise who picks for them. */
  readonly poolPickers: Map<string, PoolPicker>;
  readonly pickers: PickerKnowledge;
  /** `namespace/name` of the ConfigMaps that were looked for. */
  readonly configMapsUsed: Set<string>;
}

export function lookupOf(resources: RouteResources, pickers: PickerKnowledge = noKnowledge): Lookup {
  const services = byKey(resources.services);
  const pools = declaredPools(resources.inferencePools, resources.xInferencePools);
  const poolsByKey = new Map(pools.map((pool) => [pool.key, pool]));
  const backends = byKey(resources.backends);
  const filters = byKey(resources.httpRouteFilters);
  const aiRoutes = byKey(resources.aiGatewayRoutes);
  const aiBackends = byKey(resources.aiServiceBackends);
  const slices = groupBy(resources.endpointSlices, (slice) => {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    return service === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${service}`;
  });
  return {
    resources,
    namespaceLabels: new Map(
      resources.namespaces.map(({ metadata }) => [
        metadata.name,
        { 'kubernetes.io/metadata.name': metadata.name, ...metadata.labels },
      ]),
    ),
    service: (ref) => services.get(keyOf(ref)),
    slices: (ref) => slices.get(keyOf(ref)) ?? [],
    podsWith: podIndex(resources.pods),
    pod: lazyIndex(resources.pods),
    configMap: lazyIndex(resources.configMaps),
    pool: (group, ref) => poolsByKey.get(poolKey(group, ref)),
    pools,
    backend: (ref) => backends.get(keyOf(ref)),
    filter: (ref) => filters.get(keyOf(ref)),
    aiRoute: (ref) => aiRoutes.get(keyOf(ref)),
    aiBackend: (ref) => aiBackends.get(keyOf(ref)),
    poolEndpoints: new Map(),
    serviceEndpoints: new Map(),
    poolPickers: new Map(),
    pickers,
    configMapsUsed: new Set(),
  };
}

/** Finds by name among objects of which most tables need none: filed when first asked. */
function lazyIndex<T extends KubeObject>(objects: readonly T[]): (ref: ObjectRef) => T | undefined {
  let index: Map<string, T> | undefined;
  return (ref) => (index ??= byKey(objects)).get(keyOf(ref));
}

/** Finds Pods by labels, looking only at those that share the rarest of them. */
function podIndex(pods: readonly Pod[]): Lookup['podsWith'] {
  const byLabel = new Map<string, Pod[]>();
  for (const pod of pods) {
    for (const [name, value] of Object.entries(pod.metadata.labels ?? {})) {
      append(byLabel, `${pod.metadata.namespace ?? ''} ${name}=${value}`, pod);
    }
  }
  return (namespace, labels) => {
    const wanted = Object.entries(labels);
    // An empty selector selects every Pod of the namespace.
    if (wanted.length === 0) return pods.filter(({ metadata }) => metadata.namespace === namespace);
    const [rarest = []] = wanted
      .map(([name, value]) => byLabel.get(`${namespace} ${name}=${value}`) ?? [])
      .sort((a, b) => a.length - b.length);
    return rarest.filter(({ metadata }) => wanted.every(([name, value]) => metadata.labels?.[name] === value));
  };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [value]);
  else found.push(value);
}

function byKey<T extends KubeObject>(objects: readonly T[]): Map<string, T> {
  return new Map(objects.map((object) => [keyOf(object.metadata), object]));
}

export function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    if (key !== undefined) append(groups, key, item);
  }
  return groups;
}

/** Older first, then by name: which of two objects that claim the same thing gets it. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const age = (object: KubeObject): string => `${object.metadata.creationTimestamp ?? ''} ${keyOf(object.metadata)}`;
  return age(a) < age(b) ? -1 : 1;
}
