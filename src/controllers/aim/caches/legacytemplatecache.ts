import { legacyDialect } from '../../../kinds/aim/dialect.ts';
import { LegacyAIMModelCache } from '../../../kinds/aim/legacy/aimmodelcache.ts';
import { LegacyAIMClusterRuntimeConfig, LegacyAIMRuntimeConfig } from '../../../kinds/aim/legacy/aimruntimeconfig.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../kinds/aim/legacy/aimtemplatecache.ts';
import { Namespace } from '../../../kinds/core/namespace.ts';
import { keyOf } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { legacyLabelValue, nameLabel } from '../labels.ts';
import { mergeEnv } from '../mergeenv.ts';
import { usersOf } from '../models/watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan, Reader } from '../../../reconcile/pass.ts';
import {
  byCacheSource,
  observeLegacyTemplateCache,
  type LegacyCachedSource,
  type ObservedLegacyTemplateCache,
} from './legacytemplatecacheobserve.ts';
import { legacyTemplateCacheStatus } from './legacytemplatecachestatus.ts';

/** AIMTemplateCache of aim.silogen.ai: the model caches that a template needs (aim.md 11.7). */

export const legacyTemplateCacheFinalizer = 'aim.silogen.ai/template-cache-cleanup';
/** Index of the template caches by the template they are for. */
export const byLegacyTemplate = 'aim/legacy-cache-template';

const { group } = legacyDialect;
const cacheLabel = `${group}/template-cache`;
const bySourceUri = 'aim/legacy-template-source';
const statusDelayMs = 500;

type CacheSpec = NonNullable<LegacyAIMTemplateCache['spec']>;

export function legacyTemplateCacheController(
  environment: ControllerEnvironment,
): AimDefinition<LegacyAIMTemplateCache, ObservedLegacyTemplateCache | undefined> {
  const { informers } = environment;
  addLegacyCacheIndexes(informers);
  return {
    name: 'template-cache',
    kind: LegacyAIMTemplateCache,
    owns: [],
    reads: [
      LegacyAIMServiceTemplate,
      LegacyAIMClusterServiceTemplate,
      LegacyAIMModelCache,
      LegacyAIMRuntimeConfig,
      LegacyAIMClusterRuntimeConfig,
      Namespace,
    ],
    force: true,
    statusDelayMs,
    watches: watchesOf(informers),
    finalizer: {
      name: legacyTemplateCacheFinalizer,
      cleanUp: (cache, read) => dropUnavailable(environment, cache, read),
    },
    observe: (cache, read) =>
      cache.spec === undefined ? undefined : observeLegacyTemplateCache(cache, cache.spec, read),
    plan: planCache,
  };
}

export function addLegacyCacheIndexes(informers: InformerCache): void {
  informers
    .informer(LegacyAIMModelCache)
    .addIndex(byCacheSource, ({ metadata, spec }) =>
      spec === undefined ? [] : [keyOf({ namespace: metadata.namespace, name: spec.sourceUri })],
    );
  informers
    .informer(LegacyAIMTemplateCache)
    .addIndex(byLegacyTemplate, ({ spec }) => (spec === undefined ? [] : [spec.templateRef]));
  for (const kind of [LegacyAIMServiceTemplate, LegacyAIMClusterServiceTemplate]) {
    informers
      .informer(kind)
      .addIndex(bySourceUri, ({ status }) => (status?.modelSources ?? []).map(({ sourceUri }) => sourceUri));
  }
}

function watchesOf(informers: InformerCache): Watch[] {
  const caches = informers.informer(LegacyAIMTemplateCache);
  const cachesOf = ({ metadata: { name, namespace } }: LegacyAIMServiceTemplate): string[] =>
    caches
      .byIndex(byLegacyTemplate, name)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .map(({ metadata }) => keyOf(metadata));
  const templates = [LegacyAIMServiceTemplate, LegacyAIMClusterServiceTemplate];
  return [
    ...templates.map((kind) => watch(informers.informer(kind), ({ object }) => cachesOf(object))),
    ...[LegacyAIMRuntimeConfig, LegacyAIMClusterRuntimeConfig].map((config) =>
      watch(informers.informer(config), ({ object }) => usersOf(caches, object).map(({ metadata }) => keyOf(metadata))),
    ),
    watch(informers.informer(LegacyAIMModelCache), ({ object: { metadata, spec } }) => {
      const { namespace = '', labels } = metadata;
      const maker = labels?.[`${group}/template-cache.name`];
      const sharing = templates.flatMap((kind) =>
        informers
          .informer(kind)
          .byIndex(bySourceUri, spec?.sourceUri ?? '')
          .flatMap(cachesOf)
          .filter((key) => key.startsWith(`${namespace}/`)),
      );
      return maker === undefined ? sharing : [keyOf({ namespace, name: maker }), ...sharing];
    }),
  ];
}

function planCache(
  cache: LegacyAIMTemplateCache,
  seen: ObservedLegacyTemplateCache | undefined,
): Plan<LegacyAIMTemplateCache> {
  const { spec } = cache;
  const configured = seen?.config.failure === undefined;
  return {
    apply:
      spec === undefined || seen === undefined || !configured
        ? []
        : seen.sources.flatMap((one) => modelCacheOf(cache, spec, one)),
    status: (failedWrites, now) => legacyTemplateCacheStatus({ cache, seen, failedWrites, now }),
  };
}

/** Made once, without an owner: others may use it, and it outlives what it was made for. */
function modelCacheOf(
  { metadata }: LegacyAIMTemplateCache,
  spec: CacheSpec,
  { source, name, cache, taken }: LegacyCachedSource,
): Child[] {
  if (cache !== undefined || taken) return [];
  const env = mergeEnv(spec.env, source.env);
  const object = {
    metadata: {
      name,
      namespace: metadata.namespace ?? '',
      labels: {
        'template-created': 'true',
        [cacheLabel]: nameLabel(metadata.name),
        [`${group}/source-model`]: legacyLabelValue(source.name),
      },
    },
    spec: {
      sourceUri: source.sourceUri,
      size: source.size,
      modelDownloadImage: spec.downloadImage ?? defaultDownloadImage,
      ...(env.length === 0 ? {} : { env }),
      ...(spec.storageClassName ? { storageClassName: spec.storageClassName } : {}),
      ...(spec.imagePullSecrets === undefined ? {} : { imagePullSecrets: spec.imagePullSecrets }),
      ...(spec.runtimeConfigName === undefined ? {} : { runtimeConfigName: spec.runtimeConfigName }),
    },
  };
  return [child(LegacyAIMModelCache, object, { owned: false })];
}

/** The default of the kind, which its type asks for. */
const defaultDownloadImage = 'kserve/storage-initializer:v0.16.0-rc0';

/** Caches that it has had made and that are not Available go with it; Available ones are kept for others (seed 002). */
async function dropUnavailable(
  { client, writes }: ControllerEnvironment,
  { metadata: { name, namespace = '' } }: LegacyAIMTemplateCache,
  read: Reader,
): Promise<void> {
  if (read.get(Namespace, { name: namespace })?.metadata.deletionTimestamp !== undefined) return;
  const made = read
    .list(LegacyAIMModelCache, namespace)
    .filter(
      ({ metadata, status }) => metadata.labels?.[cacheLabel] === nameLabel(name) && status?.status !== 'Available',
    );
  for (const { metadata } of made) {
    await writes.write(LegacyAIMModelCache, metadata, async () => {
      await client.delete(LegacyAIMModelCache, metadata);
      return undefined;
    });
  }
}
