import { AIMClusterModelSource, LegacyAIMClusterModelSource } from '../../../kinds/aim/aimclustermodelsource.ts';
import { AIMClusterModel } from '../../../kinds/aim/aimmodel.ts';
import { LegacyAIMClusterModel } from '../../../kinds/aim/legacy/aimmodel.ts';
import { Secret } from '../../../kinds/core/secret.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { parseDuration } from '../../../kinds/durations.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { gatewayDuration } from '../../../kinds/durations.ts';
import type { Failure } from '../failures.ts';
import { assess, type Component, type ExtraCondition } from '../health.ts';
import { nameLabel } from '../labels.ts';
import { readPullSecrets } from '../models/metadatalookup.ts';
import type { ModelLike } from '../models/watches.ts';
import { sourceModelName } from '../names.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan, Reader } from '../../../reconcile/pass.ts';
import type { RegistryReader } from '../registry/reader.ts';
import type { RepositorySearch } from '../registry/search.ts';
import { syncSource, type FoundImage, type SyncResult } from './sync.ts';
import { transitionEvents } from '../transitions.ts';
import { timestamp } from '../../../kinds/timestamp.ts';

/** AIMClusterModelSource of both generations: cluster models for the images of a registry (aim.md 10, 11.1). */

/** The newer generation's shape, of which the older one has a part. */
type Source = AIMClusterModelSource;

interface Generation {
  readonly kind: Kind<Source>;
  readonly model: Kind<ModelLike>;
  /** Only the newer generation bounds the number of models. */
  readonly limited: boolean;
}

export const currentSources: Generation = { kind: AIMClusterModelSource, model: AIMClusterModel, limited: true };
export const legacySources: Generation = {
  kind: LegacyAIMClusterModelSource,
  model: LegacyAIMClusterModel,
  limited: false,
};

export interface SourceObservations {
  /** Images of the models that the source has made. */
  readonly existing: ReadonlySet<string>;
  /** undefined: it is not time to ask. */
  readonly sync: SyncResult | { readonly failure: Failure } | undefined;
  readonly nextInMs: number;
  readonly now: Date;
}

const defaultIntervalMs = 3_600_000;
const leastIntervalMs = 30_000;
const firstRetryMs = 60_000;
/** Models of a source of the older generation, which has no field for it. */
const unlimited = 10_000;

export function sourceController(
  environment: ControllerEnvironment,
  registries: { readonly reader: RegistryReader; readonly search: RepositorySearch },
  generation: Generation,
): AimDefinition<Source, SourceObservations> {
  const { kind, model } = generation;
  /** Failed syncs in a row and when to try again, by key: failures are not left until the next interval. */
  const retries = new Map<string, { failures: number; at: number }>();

  const sync = async (source: Source, read: Reader, signal: AbortSignal): Promise<SourceObservations['sync']> => {
    const { spec } = source;
    if (spec === undefined) return undefined;
    const secrets = readPullSecrets(read, spec.imagePullSecrets, environment.operatorNamespace);
    if (!secrets.ok) return { failure: secrets.failure };
    const { registry = 'docker.io', filters, versions } = spec;
    const { credentials } = secrets;
    return syncSource(registries.reader, registries.search, { registry, filters, versions, credentials, signal });
  };

  return {
    name: 'cluster-model-source',
    kind,
    owns: [],
    reads: [model, Secret],
    force: kind === legacySources.kind,
    // A registry that is slow must not hold up other sources.
    workers: 4,
    observe: async (source, read, signal) => {
      const key = keyOf(source.metadata);
      const now = environment.now();
      const existing = imagesOf(read.list(model), source, kind.group);
      const retry = retries.get(key);
      const waitMs = untilNextSync(source, retry, now);
      if (waitMs > 0) return { existing, sync: undefined, nextInMs: waitMs, now };
      const result = await sync(source, read, signal);
      const failed = result !== undefined && ('failure' in result || result.failures.length > 0);
      const intervalMs = intervalOf(source);
      if (!failed) {
        retries.delete(key);
        return { existing, sync: result, nextInMs: intervalMs, now };
      }
      const failures = (retry?.failures ?? 0) + 1;
      const nextInMs = Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 20), intervalMs);
      retries.set(key, { failures, at: now.getTime() + nextInMs });
      return { existing, sync: result, nextInMs, now };
    },
    plan: (source, observed) => planSource(generation, source, observed),
  };
}

function intervalOf({ spec }: Source): number {
  const text = gatewayDuration(spec?.syncInterval ?? '');
  return Math.max((text === undefined ? undefined : parseDuration(text)) ?? defaultIntervalMs, leastIntervalMs);
}

/**
 * 0: now. Registries are asked when the interval is over, when the spec has changed, or again after a failure, but never
 * because of our own status (trap 14).
 */
function untilNextSync(source: Source, retry: { at: number } | undefined, now: Date): number {
  const { status, metadata } = source;
  const last = Date.parse(status?.lastSyncTime ?? '');
  if (Number.isNaN(last) || status?.observedGeneration !== metadata.generation) return 0;
  if (retry !== undefined) return Math.max(0, retry.at - now.getTime());
  // The state before a restart: what had failed is tried at once.
  if (status?.status !== 'Ready') return 0;
  return Math.max(0, last + intervalOf(source) - now.getTime());
}

function imagesOf(models: readonly ModelLike[], source: Source, group: string): Set<string> {
  const label = nameLabel(source.metadata.name);
  const own = models.filter(({ metadata }) => metadata.labels?.[`${group}/model-source`] === label);
  return new Set(own.flatMap(({ spec }) => (spec === undefined ? [] : [spec.image])));
}

export function planSource(generation: Generation, source: Source, observed: SourceObservations): Plan<Source> {
  const { existing, sync, nextInMs, now } = observed;
  const { status = {}, metadata, spec } = source;
  if (sync === undefined) return { apply: [], requeueAfterMs: nextInMs, status: () => ({ status, events: [] }) };
  const images = 'images' in sync ? sync.images : [];
  const limit = generation.limited ? (spec?.maxModels ?? 100) : unlimited;
  const missing = images.filter(({ image }) => !existing.has(image));
  const added = missing.slice(0, Math.max(0, limit - existing.size));
  const limitReached = added.length < missing.length;
  return {
    apply: added.map((found) => modelOf(generation, source, found)),
    requeueAfterMs: nextInMs,
    status: (failedWrites) => {
      const previous = status.conditions ?? [];
      const { state, conditions, alarms } = assess(
        {
          components: [listed(existing.size), filtersComponent(sync)],
          extra: generation.limited ? [limitCondition(limit, limitReached)] : [],
          failedWrites,
        },
        previous,
        now,
      );
      const counted = { discoveredModels: existing.size + added.length };
      return {
        status: {
          status: state,
          conditions,
          lastSyncTime: timestamp(now),
          ...counted,
          ...(generation.limited ? { availableModels: images.length, modelsLimitReached: limitReached } : {}),
          ...(generation.limited ? {} : { discoveredImages: discoveredImages(source, images, now) }),
          ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
        },
        events: transitionEvents(previous, conditions, alarms),
      };
    },
  };
}

function modelOf({ kind, model }: Generation, { metadata, spec }: Source, found: FoundImage): Child {
  const { image, registry, repository, tag } = found;
  const { imagePullSecrets } = spec ?? {};
  const { group } = kind;
  return child(
    model,
    {
      metadata: {
        name: sourceModelName(registry, repository, tag),
        labels: { [`${group}/model-source`]: nameLabel(metadata.name), [`${group}/origin`]: 'auto-generated' },
        annotations: {
          [`${group}/source-registry`]: registry,
          [`${group}/source-repository`]: repository,
          [`${group}/source-tag`]: tag,
        },
      },
      spec: { image, ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }) },
    },
    { owned: true },
  );
}

function listed(count: number): Component {
  return { name: 'ExistingModels', state: 'Ready', reason: 'Listed', message: `${String(count)} models were there` };
}

function filtersComponent(sync: SyncResult | { readonly failure: Failure }): Component {
  const component = { name: 'Filters' } as const;
  if ('failure' in sync) return { ...component, failures: [sync.failure] };
  const { failures, filters } = sync;
  if (filters === 0) return { ...component, state: 'Ready', reason: 'NoFilters', message: 'there are no filters' };
  if (failures.length === 0) {
    return { ...component, state: 'Ready', reason: 'AllFiltersSucceeded', message: 'all filters were answered' };
  }
  const message = failures.join('; ').slice(0, longestMessage);
  return failures.length === filters
    ? { ...component, state: 'Failed', reason: 'AllFiltersFailed', message }
    : { ...component, state: 'Degraded', reason: 'SomeFiltersFailed', message };
}

const longestMessage = 4096;

function limitCondition(limit: number, reached: boolean): ExtraCondition {
  const type = 'MaxModelsLimitReached';
  return reached
    ? {
        type,
        status: 'True',
        reason: 'LimitReached',
        message: `${String(limit)} models are made: raise maxModels for more`,
      }
    : { type, status: 'False', reason: 'WithinLimit', message: `at most ${String(limit)} models are made` };
}

/** What the older generation lists; images keep the time they were found first. */
function discoveredImages(source: Source, images: readonly FoundImage[], now: Date) {
  // The older kind's status has this list, which the newer one's type does not know.
  const legacy: LegacyAIMClusterModelSource = source;
  const before = legacy.status?.discoveredImages ?? [];
  return images.map(({ image, registry, repository, tag }) => ({
    image,
    tag,
    modelName: sourceModelName(registry, repository, tag),
    createdAt: before.find((known) => known.image === image)?.createdAt ?? timestamp(now),
  }));
}
