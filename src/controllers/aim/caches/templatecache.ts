import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../../kinds/aim/aimruntimeconfig.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import type { ModelSource } from '../../../kinds/aim/fields.ts';
import { Namespace } from '../../../kinds/core/namespace.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { nameLabel } from '../labels.ts';
import { mergeEnv } from '../mergeenv.ts';
import { usersOf } from '../modelwatches.ts';
import { artifactName } from '../names.ts';
import type { AimDefinition, AimEnvironment, Reader } from '../pipeline.ts';
import { currentRuntimeConfigs, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';
import { planTemplateCache, rankOf } from './templatecacheplan.ts';

/** AIMTemplateCache of aim.eai.amd.com: the artifacts that a template needs (aim.md 8). */

export const templateCacheFinalizer = 'aim.eai.amd.com/artifactcleanup';
export const templateCacheLabel = 'aim.eai.amd.com/template-cache.name';

type CacheSpec = NonNullable<AIMTemplateCache['spec']>;

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

const bySource = 'aim/artifact-source';
const byTemplate = 'aim/cache-template';
const bySourceUri = 'aim/template-source';
const statusDelayMs = 500;

export function templateCacheController(
  environment: AimEnvironment,
): AimDefinition<AIMTemplateCache, ObservedTemplateCache | undefined> {
  const { informers } = environment;
  addIndexes(informers);
  return {
    name: 'template-cache',
    kind: AIMTemplateCache,
    owns: [AIMArtifact],
    reads: [AIMServiceTemplate, AIMClusterServiceTemplate, AIMRuntimeConfig, AIMClusterRuntimeConfig, Namespace],
    statusDelayMs,
    watches: watchesOf(informers),
    finalizer: {
      name: templateCacheFinalizer,
      cleanUp: (cache, read) => dropUnreadyArtifacts(environment, cache, read),
    },
    observe: (cache, read) => (cache.spec === undefined ? undefined : observeTemplateCache(cache, cache.spec, read)),
    plan: planTemplateCache,
  };
}

function addIndexes(informers: InformerCache): void {
  informers
    .informer(AIMArtifact)
    .addIndex(bySource, ({ metadata, spec }) =>
      spec === undefined ? [] : [keyOf({ namespace: metadata.namespace, name: spec.sourceUri })],
    );
  informers
    .informer(AIMTemplateCache)
    .addIndex(byTemplate, ({ spec }) => (spec === undefined ? [] : [spec.templateName]));
  for (const kind of [AIMServiceTemplate, AIMClusterServiceTemplate]) {
    informers
      .informer(kind)
      .addIndex(bySourceUri, ({ status }) => (status?.modelSources ?? []).map(({ sourceUri }) => sourceUri));
  }
}

/** Also caches that share an artifact which another one has had made are woken by it. */
function watchesOf(informers: InformerCache): Watch[] {
  const caches = informers.informer(AIMTemplateCache);
  const cachesOf = (kind: Kind, { metadata: { name, namespace } }: AIMServiceTemplate): AIMTemplateCache[] =>
    caches
      .byIndex(byTemplate, name)
      .filter(({ metadata, spec }) =>
        kind.namespaced ? metadata.namespace === namespace : spec?.templateScope !== 'Namespace',
      );
  const keys = (found: readonly AIMTemplateCache[]): string[] => found.map(({ metadata }) => keyOf(metadata));
  const templates = [AIMServiceTemplate, AIMClusterServiceTemplate];
  return [
    ...templates.map((kind) => watch(informers.informer(kind), ({ object }) => keys(cachesOf(kind, object)))),
    ...[AIMRuntimeConfig, AIMClusterRuntimeConfig].map((config) =>
      watch(informers.informer(config), ({ object }) => keys(usersOf(caches, object))),
    ),
    watch(informers.informer(AIMArtifact), ({ object, previous, deleted }) => {
      const { metadata, spec, status } = object;
      // Progress is of no interest here; those that have an owner wake it as its children.
      if (!deleted && previous?.status?.status === status?.status && previous !== undefined) return [];
      if (spec === undefined || metadata.ownerReferences?.length) return [];
      return templates.flatMap((kind) =>
        informers
          .informer(kind)
          .byIndex(bySourceUri, spec.sourceUri)
          .flatMap((template) => keys(cachesOf(kind, template)))
          .filter((key) => key.startsWith(`${metadata.namespace ?? ''}/`)),
      );
    }),
  ];
}

function observeTemplateCache(cache: AIMTemplateCache, spec: CacheSpec, read: Reader): ObservedTemplateCache {
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

/** Artifacts that the cache has had made and that are not Ready go with it; Ready ones are kept for others. */
async function dropUnreadyArtifacts(
  { client, writes }: AimEnvironment,
  { metadata: { name, namespace = '' } }: AIMTemplateCache,
  read: Reader,
): Promise<void> {
  if (read.get(Namespace, { name: namespace })?.metadata.deletionTimestamp !== undefined) return;
  const made = read
    .list(AIMArtifact, namespace)
    .filter(
      ({ metadata, status }) => metadata.labels?.[templateCacheLabel] === nameLabel(name) && status?.status !== 'Ready',
    );
  for (const { metadata } of made) {
    await writes.write(AIMArtifact, metadata, async () => {
      await client.delete(AIMArtifact, metadata);
      return undefined;
    });
  }
}
