import { legacyDialect } from '../../../kinds/aim/dialect.ts';
import { LegacyAIMModelCache } from '../../../kinds/aim/legacy/aimmodelcache.ts';
import { LegacyAIMClusterRuntimeConfig, LegacyAIMRuntimeConfig } from '../../../kinds/aim/legacy/aimruntimeconfig.ts';
import { Job } from '../../../kinds/batch/job.ts';
import { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import { keyOf } from '../../../kinds/object.ts';
import { parseQuantity } from '../../../kinds/quantity.ts';
import { StorageClass } from '../../../kinds/storage/storageclass.ts';
import { watch } from '../../../kube/controller.ts';
import type { Child } from '../../../reconcile/children.ts';
import { legacyLabelValue, nameLabel } from '../labels.ts';
import { legacyConfigs } from '../models/legacymodels.ts';
import { usersOf } from '../models/watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan } from '../../../reconcile/pass.ts';
import { resolveRuntimeConfig } from '../runtimeconfig.ts';
import { claimChild, claimSize, defaultHeadroomPercent, waitsForConsumer } from './claims.ts';
import { indexJobPods, jobPodWatch, seeJob, type SeenJob } from './jobs.ts';
import { isFilled, legacyModelCacheStatus, type ObservedModelCache } from './legacymodelcachestatus.ts';
import { cacheDirectory, isSameRequest, weightsJob, type WeightsJob } from './weightsjob.ts';

/** AIMModelCache of aim.silogen.ai: weights on a volume (aim.md 11.7). */

type CacheSpec = NonNullable<LegacyAIMModelCache['spec']>;

const { group } = legacyDialect;
const jobTtlSeconds = 600;
const statusDelayMs = 500;
const progressMs = 10_000;
const againMs = 10;

export function legacyModelCacheController(
  environment: ControllerEnvironment,
): AimDefinition<LegacyAIMModelCache, ObservedModelCache | undefined> {
  const { informers, client } = environment;
  indexJobPods(informers);
  const caches = informers.informer(LegacyAIMModelCache);
  const configs = [LegacyAIMRuntimeConfig, LegacyAIMClusterRuntimeConfig];
  return {
    name: 'model-cache',
    kind: LegacyAIMModelCache,
    owns: [PersistentVolumeClaim, Job],
    reads: [...configs, Pod, StorageClass],
    force: true,
    statusDelayMs,
    workers: 4,
    watches: [
      jobPodWatch(informers, LegacyAIMModelCache),
      ...configs.map((config) =>
        watch(informers.informer(config), ({ object }) =>
          usersOf(caches, object).map(({ metadata }) => keyOf(metadata)),
        ),
      ),
      // A class that comes, or becomes the default, may be what claims wait for.
      watch(informers.informer(StorageClass), () =>
        caches
          .list()
          .filter(({ status }) => status?.status !== 'Available')
          .map(({ metadata }) => keyOf(metadata)),
      ),
    ],
    observe: async (cache, read) => {
      const { spec, metadata } = cache;
      if (spec === undefined) return undefined;
      const { namespace = '' } = metadata;
      return {
        config: resolveRuntimeConfig(read, legacyConfigs, spec.runtimeConfigName, namespace),
        claim: read.get(PersistentVolumeClaim, { namespace, name: claimName(cache) }),
        classes: read.list(StorageClass),
        download: await seeJob(client, read, { namespace, name: jobName(cache) }),
      };
    },
    plan: planModelCache,
  };
}

const claimName = ({ metadata }: LegacyAIMModelCache): string => `${metadata.name}-cache`;
const jobName = ({ metadata }: LegacyAIMModelCache): string => `${metadata.name}-cache-download`;

function planModelCache(cache: LegacyAIMModelCache, seen: ObservedModelCache | undefined): Plan<LegacyAIMModelCache> {
  const { spec } = cache;
  const status: Plan<LegacyAIMModelCache>['status'] = (failedWrites, now) =>
    legacyModelCacheStatus({ cache, seen, failedWrites, now });
  if (spec === undefined || seen === undefined || seen.config.failure !== undefined) return { apply: [], status };
  const { claim, classes, download } = seen;
  if (claim === undefined) {
    // What was downloaded went with the volume: neither the Job nor the status may say otherwise.
    const stale = download !== undefined && download.outcome !== 'running' ? [download] : [];
    const forgets = stale.length > 0 || cache.status?.status === 'Available';
    return {
      apply: forgets ? [] : [claimOf(cache, spec, seen)],
      remove: stale.map(removal),
      requeueAfterMs: forgets ? againMs : progressMs,
      status,
    };
  }
  if (isFilled(cache, seen)) return { apply: [], status };
  const mayStart = claim.status?.phase === 'Bound' || waitsForConsumer(claim, classes);
  const request = requestOf(cache, spec);
  const outdated = download?.outcome === 'failed' && !isSameRequest(download.job, request) ? [download] : [];
  return {
    apply: download === undefined && mayStart ? [weightsJob(request)] : [],
    remove: outdated.map(removal),
    requeueAfterMs: progressMs,
    status,
  };
}

const removal = ({ job }: SeenJob) => ({ kind: Job, ref: job.metadata });

function claimOf(cache: LegacyAIMModelCache, spec: CacheSpec, { config }: ObservedModelCache): Child {
  const { storage } = config.spec;
  const source = spec.sourceUri.slice(spec.sourceUri.indexOf('://') + 3);
  return claimChild({
    name: claimName(cache),
    namespace: cache.metadata.namespace ?? '',
    labels: {
      [`${group}/cache.name`]: nameLabel(cache.metadata.name),
      [`${group}/cache.type`]: 'model-cache',
      [`${group}/source-model`]: legacyLabelValue(source),
    },
    // A size of 0 stands for one that the image does not know.
    size: claimSize(parseQuantity(spec.size) ?? 0, storage?.pvcHeadroomPercent ?? defaultHeadroomPercent),
    storageClassName: spec.storageClassName ?? storage?.defaultStorageClassName,
  });
}

function requestOf(cache: LegacyAIMModelCache, spec: CacheSpec): WeightsJob {
  return {
    dialect: legacyDialect,
    name: jobName(cache),
    namespace: cache.metadata.namespace ?? '',
    labels: {
      [`${group}/cache.name`]: nameLabel(cache.metadata.name),
      [`${group}/cache.type`]: 'model-cache',
      [`${group}/component`]: 'download',
    },
    container: 'model-download',
    image: spec.modelDownloadImage,
    args: [spec.sourceUri, cacheDirectory],
    env: spec.env ?? [],
    imagePullSecrets: spec.imagePullSecrets,
    claim: claimName(cache),
    ttlSeconds: jobTtlSeconds,
  };
}
