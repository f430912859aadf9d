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
import { InferencePool } from '../kinds/inference/inferencepool.ts';
import type { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { CompileMemory, selectionOf, slicesOf, whole, type Family, type Question } from './memory.ts';
import { declaredPools, poolKey, type DeclaredPool } from './pools.ts';

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
  /** For what concerns all objects of a kind; nothing that is remembered may read it. */
  readonly resources: RouteResources;
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined;
  httpRoute(ref: ObjectRef): HTTPRoute | undefined;
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
  poolByKey(key: string): DeclaredPool | undefined;
  backend(ref: ObjectRef): Backend | undefined;
  filter(ref: ObjectRef): HTTPRouteFilter | undefined;
  aiRoute(ref: ObjectRef): AIGatewayRoute | undefined;
  aiBackend(ref: ObjectRef): AIServiceBackend | undefined;
  grants(): readonly ReferenceGrant[];
  securityPolicies(): readonly BackendSecurityPolicy[];
  readonly pickers: PickerKnowledge;
  /** What `find` finds, and found before if nothing that it looked up has changed. */
  remember<T>(name: string, find: (lookup: Lookup) => T): T;
}

export function lookupOf(
  resources: RouteResources,
  pickers: PickerKnowledge = noKnowledge,
  memory: CompileMemory = new CompileMemory(),
): Lookup {
  memory.begin(resources);
  const pools = declaredPools(resources.inferencePools, resources.xInferencePools);
  const lookup: Lookup = {
    resources,
    namespaceLabels: (name) => labelsOf(byKey(resources.namespaces).get(name)),
    httpRoute: (ref) => byKey(resources.httpRoutes).get(keyOf(ref)),
    service: (ref) => byKey(resources.services).get(keyOf(ref)),
    slices: (ref) => memory.slices.of(keyOf(ref)),
    podsWith: (namespace, labels) => memory.pods.with(namespace, labels),
    pod: (ref) => memory.pods.get(keyOf(ref)),
    configMap: (ref) => byKey(resources.configMaps).get(keyOf(ref)),
    pool: (group, ref) => poolsByKey(pools).get(poolKey(group, ref)),
    pools,
    poolByKey: (key) => poolsByKey(pools).get(key),
    backend: (ref) => byKey(resources.backends).get(keyOf(ref)),
    filter: (ref) => byKey(resources.httpRouteFilters).get(keyOf(ref)),
    aiRoute: (ref) => byKey(resources.aiGatewayRoutes).get(keyOf(ref)),
    aiBackend: (ref) => byKey(resources.aiServiceBackends).get(keyOf(ref)),
    grants: () => resources.referenceGrants,
    securityPolicies: () => resources.backendSecurityPolicies,
    pickers,
    remember: (name, find) => memory.recall(name, (record) => find(recording(lookup, memory, record))).value,
  };
  return lookup;
}

/** The same lookup, keeping a record of what it was asked. */
function recording(lookup: Lookup, memory: CompileMemory, record: Question[]): Lookup {
  const asks = (family: Family, key: string): Lookup => {
    record.push({ family, key });
    return lookup;
  };
  return {
    ...lookup,
    namespaceLabels: (name) => asks('namespaces', name).namespaceLabels(name),
    httpRoute: (ref) => asks('httpRoutes', keyOf(ref)).httpRoute(ref),
    service: (ref) => asks('services', keyOf(ref)).service(ref),
    slices: (ref) => asks('endpointSlices', slicesOf(keyOf(ref))).slices(ref),
    podsWith: (namespace, labels) => asks('pods', selectionOf(namespace, labels)).podsWith(namespace, labels),
    pod: (ref) => asks('pods', keyOf(ref)).pod(ref),
    configMap: (ref) => asks('configMaps', keyOf(ref)).configMap(ref),
    pool: (group, ref) =>
      asks(isV1PoolGroup(group) ? 'inferencePools' : 'xInferencePools', keyOf(ref)).pool(group, ref),
    backend: (ref) => asks('backends', keyOf(ref)).backend(ref),
    filter: (ref) => asks('httpRouteFilters', keyOf(ref)).filter(ref),
    aiRoute: (ref) => asks('aiGatewayRoutes', keyOf(ref)).aiRoute(ref),
    aiBackend: (ref) => asks('aiServiceBackends', keyOf(ref)).aiBackend(ref),
    grants: () => asks('referenceGrants', whole).grants(),
    securityPolicies: () => asks('backendSecurityPolicies', whole).securityPolicies(),
    remember: (name, find) => {
      const { value, questions } = memory.recall(name, (own) => find(recording(lookup, memory, own)));
      for (const question of questions) record.push(question);
      return value;
    },
  };
}

const isV1PoolGroup = (group: string): boolean => group === InferencePool.group;

const labelsOf = onceEach((namespace: Namespace | undefined) =>
  namespace === undefined
    ? undefined
    : { 'kubernetes.io/metadata.name': namespace.metadata.name, ...namespace.metadata.labels },
);

/** The result of a function of an object, made when it is first asked for. */
export function onceEach<K extends object, V>(make: (of: K) => V): (of: K) => V;
export function onceEach<K extends object, V>(make: (of: K | undefined) => V): (of: K | undefined) => V;
export function onceEach<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (of) => {
    if (of === undefined) return make(of);
    let found = made.get(of);
    if (found === undefined) made.set(of, (found = { value: make(of) }));
    return found.value;
  };
}

const indexOf = onceEach(
  (objects: readonly KubeObject[]) => new Map(objects.map((object) => [keyOf(object.metadata), object])),
);

/** By `namespace/name`; made once for each list. */
function byKey<T extends KubeObject>(objects: readonly T[]): ReadonlyMap<string, T> {
  // The index of a list holds the objects of that list.
  return indexOf(objects) as ReadonlyMap<string, KubeObject> as ReadonlyMap<string, T>;
}

const poolsByKey = onceEach((pools: readonly DeclaredPool[]) => new Map(pools.map((pool) => [pool.key, pool])));

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [value]);
  else found.push(value);
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
  return ageOf(a) < ageOf(b) ? -1 : 1;
}

const ageOf = onceEach(({ metadata }: KubeObject) => `${metadata.creationTimestamp ?? ''} ${keyOf(metadata)}`);
