import type { Namespace } from '../kinds/core/namespace.ts';
import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { keyOf } from '../kinds/object.ts';
import { CompileMemory, selectionOf, slicesOf, whole, type Question } from './memory.ts';
import { onceEach } from './onceeach.ts';
import { declaredPools, poolKey, type DeclaredPool } from './pools.ts';
import { targetKey } from './targeted.ts';
import type { Family, Lookup, PickerKnowledge, RouteResources } from './resources.ts';

/** Without a catalog of programs every picker is somebody else's. */
const noKnowledge: PickerKnowledge = { isOwn: () => false, problem: () => undefined };

export function lookupOf(
  resources: RouteResources,
  pickers: PickerKnowledge = noKnowledge,
  memory: CompileMemory = new CompileMemory(),
): Lookup {
  memory.begin(resources);
  const pools = declaredPools(resources.inferencePools, resources.xInferencePools);
  const lookup: Lookup = {
    resources,
    namespaceLabels: (name) => labelsOf(memory.object('namespaces', { name })),
    httpRoute: (ref) => memory.object('httpRoutes', ref),
    service: (ref) => memory.object('services', ref),
    slices: (ref) => memory.slices.of(keyOf(ref)),
    podsWith: (namespace, labels) => memory.pods.with(namespace, labels),
    pod: (ref) => memory.pods.get(keyOf(ref)),
    configMap: (ref) => memory.object('configMaps', ref),
    pool: (group, ref) => poolsByKey(pools).get(poolKey(group, ref)),
    pools,
    poolByKey: (key) => poolsByKey(pools).get(key),
    backend: (ref) => memory.object('backends', ref),
    filter: (ref) => memory.object('httpRouteFilters', ref),
    aiRoute: (ref) => memory.object('aiGatewayRoutes', ref),
    aiBackend: (ref) => memory.object('aiServiceBackends', ref),
    grants: () => resources.referenceGrants,
    securityPolicies: (target) => memory.securityPolicies.of(target),
    tlsPolicies: (target) => memory.tlsPolicies.of(target),
    secret: (ref) => memory.object('secrets', ref),
    envoyProxy: (ref) => memory.object('envoyProxies', ref),
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
    securityPolicies: (target) => asks('backendSecurityPolicies', targetKey(target)).securityPolicies(target),
    tlsPolicies: (target) => asks('backendTLSPolicies', targetKey(target)).tlsPolicies(target),
    secret: (ref) => asks('secrets', keyOf(ref)).secret(ref),
    envoyProxy: (ref) => asks('envoyProxies', keyOf(ref)).envoyProxy(ref),
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

const poolsByKey = onceEach((pools: readonly DeclaredPool[]) => new Map(pools.map((pool) => [pool.key, pool])));
