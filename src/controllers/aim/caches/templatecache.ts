import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../../kinds/aim/aimruntimeconfig.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { Namespace } from '../../../kinds/core/namespace.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { nameLabel } from '../labels.ts';
import { usersOf } from '../models/watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Reader } from '../../../reconcile/pass.ts';
import { bySource, observeTemplateCache, type ObservedTemplateCache } from './templatecacheobserve.ts';
import { planTemplateCache } from './templatecacheplan.ts';

/** AIMTemplateCache of aim.eai.amd.com: the artifacts that a template needs (aim.md 8). */

export const templateCacheFinalizer = 'aim.eai.amd.com/artifactcleanup';
export const templateCacheLabel = 'aim.eai.amd.com/template-cache.name';

const byTemplate = 'aim/cache-template';
const bySourceUri = 'aim/template-source';
const statusDelayMs = 500;

export function templateCacheController(
  environment: ControllerEnvironment,
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
      if (!deleted && previous !== undefined && saysTheSame(previous.status, status)) return [];
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

/** As far as the status of a cache repeats it. */
function saysTheSame(one: AIMArtifact['status'], other: AIMArtifact['status']): boolean {
  const said = (status: AIMArtifact['status']): string | undefined =>
    status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  return one?.status === other?.status && said(one) === said(other);
}

/** Artifacts that the cache has had made and that are not Ready go with it; Ready ones are kept for others. */
async function dropUnreadyArtifacts(
  { client, writes }: ControllerEnvironment,
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
