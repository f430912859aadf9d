import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import type { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import type { ModelSource } from '../../../kinds/aim/fields.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { mergeEnv } from '../mergeenv.ts';
import { artifactName } from '../names.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { currentRuntimeConfigs, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';

/** The template of a cache, and the artifacts that hold its model sources (aim.md 8). */

type CacheSpec = NonNullable<AIMTemplateCache['spec']>;

/** Index of the artifacts by `namespace/sourceUri`. */
export const bySource = 'aim/artifact-source';

/** A model source and the artifact that holds it or will. */
export interface CachedSource {
  readonly source: ModelSource;
  /** What the artifact is called that is made where there is none. */
  readonly name: string;
  readonly artifact: AIMArtifact | undefined;
}

export interface ObservedTemplateCache {
  readonly config: ResolvedConfig;
  readonly kind: Kind<AIMServiceTemplate>;
  readonly template: AIMServiceTemplate | undefined;
  readonly sources: readonly CachedSource[];
}

export function observeTemplateCache(cache: AIMTemplateCache, spec: CacheSpec, read: Reader): ObservedTemplateCache {
  const { namespace = '' } = cache.metadata;
  const { templateName: name, templateScope } = spec;
  const own = templateScope === 'Cluster' ? undefined : read.get(AIMServiceTemplate, { namespace, name });
  const useCluster = templateScope === 'Cluster' || (templateScope === 'Unknown' && own === undefined);
  const kind = useCluster ? AIMClusterServiceTemplate : AIMServiceTemplate;
  const template = useCluster ? read.get(AIMClusterServiceTemplate, { name }) : own;
  const sources = new Map((template?.status?.modelSources ?? []).map((source) => [source.modelId, source]));
  return {
    config: resolveRuntimeConfig(read, currentRuntimeConfigs, spec.runtimeConfigName, namespace),
    kind,
    template,
    sources: [...sources.values()].map((source) => cachedSource(cache, spec, source, read)),
  };
}

function cachedSource(cache: AIMTemplateCache, spec: CacheSpec, source: ModelSource, read: Reader): CachedSource {
  const { namespace = '', name: cacheName, uid } = cache.metadata;
  const { sourceUri } = source;
  const dedicated = spec.mode === 'Dedicated';
  const name = artifactName({
    sourceUri,
    env: mergeEnv(spec.env, source.env),
    storageClassName: spec.storageClassName,
    ...(dedicated ? { dedicatedTo: cacheName } : {}),
  });
  const usable = ({ metadata, spec: its, status }: AIMArtifact): boolean =>
    metadata.deletionTimestamp === undefined &&
    status?.status !== undefined &&
    (!spec.storageClassName || its?.storageClassName === spec.storageClassName) &&
    (dedicated
      ? metadata.ownerReferences?.some((owner) => owner.uid === uid) === true
      : (metadata.ownerReferences ?? []).length === 0);
  const [best] = read
    .byIndex(AIMArtifact, bySource, keyOf({ namespace, name: sourceUri }))
    .filter(usable)
    .toSorted((one, other) => rankOf(one) - rankOf(other) || (one.metadata.name < other.metadata.name ? -1 : 1));
  // The index does not know yet what was made a moment ago.
  return { source, name, artifact: best ?? read.get(AIMArtifact, { namespace, name }) };
}

const goodness = ['Ready', 'Progressing', 'Pending', 'Degraded', 'NotAvailable', 'Failed'];
/** The better, the smaller. */
export const rankOf = ({ status }: AIMArtifact): number => goodness.indexOf(status?.status ?? 'Pending');
