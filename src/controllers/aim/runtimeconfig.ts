import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../kinds/aim/aimruntimeconfig.ts';
import type { ResolvedReference } from '../../kinds/aim/fields.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import { keyOf } from '../../kinds/object.ts';
import { missingUpstream, type Failure } from './failures.ts';
import { jsonVariables, mergeEnv } from './mergeenv.ts';
import type { PlannedObject, Reader } from '../../reconcile/pass.ts';

/** The runtime configuration of an object: that of its namespace over that of the cluster (aim.md 4). */

export type RuntimeConfigSpec = NonNullable<AIMRuntimeConfig['spec']>;

export interface RuntimeConfigKinds {
  readonly namespaced: Kind<PlannedObject & { spec?: RuntimeConfigSpec }>;
  readonly cluster: Kind<PlannedObject & { spec?: RuntimeConfigSpec }>;
}

export const currentRuntimeConfigs: RuntimeConfigKinds = {
  namespaced: AIMRuntimeConfig,
  cluster: AIMClusterRuntimeConfig,
};

export const defaultConfigName = 'default';

export interface ResolvedConfig {
  /** Empty where there is no configuration. */
  readonly spec: RuntimeConfigSpec;
  /** undefined: none exists, which is no error for the name `default`. */
  readonly reference: ResolvedReference | undefined;
  readonly failure: Failure | undefined;
}

/** `namespace` is undefined for cluster-scoped objects, which have the cluster's configurations only. */
export function resolveRuntimeConfig(
  read: Reader,
  kinds: RuntimeConfigKinds,
  configName: string | undefined,
  namespace: string | undefined,
): ResolvedConfig {
  const name = configName || defaultConfigName;
  const own = namespace === undefined ? undefined : read.get(kinds.namespaced, { namespace, name });
  const cluster = read.get(kinds.cluster, { name });
  if (own === undefined && cluster === undefined) {
    const cluster = `${kinds.cluster.kind} ${name}`;
    const missing =
      namespace === undefined
        ? `there is no ${cluster}`
        : `there is neither ${kinds.namespaced.kind} ${keyOf({ namespace, name })} nor ${cluster}`;
    const failure = missingUpstream(`runtimeConfigName: ${missing}: create one or change the name`);
    return { spec: {}, reference: undefined, failure: name === defaultConfigName ? undefined : failure };
  }
  return {
    spec: mergeRuntimeConfigs(cluster?.spec, own?.spec),
    reference: referenceOf(kinds, own, cluster),
    failure: undefined,
  };
}

function referenceOf(
  kinds: RuntimeConfigKinds,
  own: PlannedObject | undefined,
  cluster: PlannedObject | undefined,
): ResolvedReference {
  const [kind, object, scope] =
    own === undefined
      ? ([kinds.cluster, cluster, 'Cluster'] as const)
      : ([kinds.namespaced, own, cluster === undefined ? 'Namespace' : 'Merged'] as const);
  const { name, namespace, uid } = object?.metadata ?? {};
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    scope,
    kind: `${apiVersionOf(kind)}/${kind.kind}`,
    ...(uid === undefined ? {} : { uid }),
  };
}

/**
 * What the namespace says wins, also where it says `false`, `0` or the empty text (trap 11). Objects and maps are merged by
 * key, `env` by name, other lists are replaced.
 */
export function mergeRuntimeConfigs(
  cluster: RuntimeConfigSpec | undefined,
  own: RuntimeConfigSpec | undefined,
): RuntimeConfigSpec {
  const below = withStorage(cluster ?? {});
  const above = withStorage(own ?? {});
  const env = mergeEnv(below.env, above.env, jsonVariables);
  // Both are RuntimeConfigSpecs, and merging field by field keeps the shape.
  const merged = mergeFields(below, above) as RuntimeConfigSpec;
  return env.length === 0 ? merged : { ...merged, env };
}

/** The deprecated fields at the top count where `storage` says nothing. */
function withStorage(spec: RuntimeConfigSpec): RuntimeConfigSpec {
  const { defaultStorageClassName, pvcHeadroomPercent, storage, ...rest } = spec;
  const deprecated = {
    ...(defaultStorageClassName === undefined ? {} : { defaultStorageClassName }),
    ...(pvcHeadroomPercent === undefined ? {} : { pvcHeadroomPercent }),
  };
  const merged = { ...deprecated, ...storage };
  return Object.keys(merged).length === 0 ? rest : { ...rest, storage: merged };
}

type Fields = Readonly<Record<string, unknown>>;

function mergeFields(below: Fields, above: Fields): Fields {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const lower = merged[name];
    if (value !== undefined) merged[name] = isFields(lower) && isFields(value) ? mergeFields(lower, value) : value;
  }
  return merged;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Routing = NonNullable<RuntimeConfigSpec['routing']>;

/** Routing of a service: each field its own where it has one; a gatewayRef as a whole, annotations by key. */
export function mergeRouting(config: Routing | undefined, service: Routing | undefined): Routing {
  const annotations = { ...config?.annotations, ...service?.annotations };
  return { ...config, ...service, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
}
