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
import type { EnvoyProxy } from '../kinds/envoygateway/envoyproxy.ts';
import type { HTTPRouteFilter } from '../kinds/envoygateway/httproutefilter.ts';
import type { BackendTLSPolicy } from '../kinds/gateway/backendtlspolicy.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import type { ReferenceGrant } from '../kinds/gateway/referencegrant.ts';
import type { InferencePool } from '../kinds/inference/inferencepool.ts';
import type { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import { onceEach } from './onceeach.ts';
import type { DeclaredPool } from './pools.ts';
import type { SecretSummary } from './secrets.ts';

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
  readonly backendTLSPolicies: readonly BackendTLSPolicy[];
  readonly envoyProxies: readonly EnvoyProxy[];
  /** What may be told of Secrets: their values are beside the table, never in it. */
  readonly secrets: readonly SecretSummary[];
  /** Those with configurations of endpoint pickers and with authorities are read. */
  readonly configMaps: readonly ConfigMap[];
}

/** One of the lists. */
export type Family = keyof RouteResources;

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
  backendTLSPolicies: [],
  envoyProxies: [],
  secrets: [],
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

/** What a policy is attached to. */
export interface PolicyTarget {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

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
  /** Those that target this AIServiceBackend or InferencePool, the oldest first. */
  securityPolicies(target: PolicyTarget): readonly BackendSecurityPolicy[];
  /** Those that target this Service or Backend, or parts of it, the oldest first. */
  tlsPolicies(target: PolicyTarget): readonly BackendTLSPolicy[];
  secret(ref: ObjectRef): SecretSummary | undefined;
  envoyProxy(ref: ObjectRef): EnvoyProxy | undefined;
  readonly pickers: PickerKnowledge;
  /** What `find` finds, and found before if nothing that it looked up has changed. */
  remember<T>(name: string, find: (lookup: Lookup) => T): T;
}

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
