import type { LegacyAIMModelCache } from '../../../kinds/aim/legacy/aimmodelcache.ts';
import type { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import type { StorageClass } from '../../../kinds/storage/storageclass.ts';
import type { ExtraCondition } from '../health.ts';
import { legacyConditions, readyEvents } from '../legacyconditions.ts';
import type { Verdict } from '../../../reconcile/pass.ts';
import type { ResolvedConfig } from '../runtimeconfig.ts';
import { claimHealth } from './claims.ts';
import { jobPodsHealth, retriedJobHealth, type SeenJob } from './jobs.ts';
import { describeFailure, type WriteFailure } from '../../../reconcile/failures.ts';

/** The status of an AIMModelCache (aim.md 11.7). */

export interface ObservedModelCache {
  readonly config: ResolvedConfig;
  readonly claim: PersistentVolumeClaim | undefined;
  readonly classes: readonly StorageClass[];
  readonly download: SeenJob | undefined;
}

type CacheState = NonNullable<NonNullable<LegacyAIMModelCache['status']>['status']>;

interface Situation {
  readonly cache: LegacyAIMModelCache;
  readonly seen: ObservedModelCache | undefined;
  readonly failedWrites: readonly WriteFailure[];
  readonly now: Date;
}

/** The weights are all on the volume; the status remembers it when the Job is gone. */
export function isFilled({ status }: LegacyAIMModelCache, { claim, download }: ObservedModelCache): boolean {
  if (claim === undefined || download?.outcome === 'running') return false;
  return download === undefined ? status?.status === 'Available' : download.outcome === 'complete';
}

export function legacyModelCacheStatus(situation: Situation): Verdict<LegacyAIMModelCache> {
  const { cache, seen, now } = situation;
  const { generation } = cache.metadata;
  const previous = cache.status?.conditions ?? [];
  const row = rowOf(situation);
  const conditions = legacyConditions(previous, conditionsOf(situation, row), generation, now);
  return {
    status: {
      status: row.status,
      conditions,
      ...(seen?.claim === undefined ? {} : { persistentVolumeClaim: seen.claim.metadata.name }),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    events: readyEvents(previous, conditions, row.status === 'Failed'),
  };
}

interface Row {
  readonly status: CacheState;
  readonly reason: string;
  readonly message: string;
  /** Reason of Failure. */
  readonly failure?: string;
  /** Reason of Progressing, where it is another. */
  readonly progress?: string;
}

function rowOf({ cache, seen, failedWrites }: Situation): Row {
  const failed = (failure: string, message: string, reason = failure): Row => ({
    status: 'Failed',
    reason,
    message,
    failure,
  });
  if (failedWrites[0] !== undefined) return failed('ApplyFailed', describeFailure(failedWrites[0]));
  if (seen === undefined) return failed('SpecMissing', 'spec.sourceUri is missing: say where the weights come from');
  if (seen.config.failure !== undefined) return failed('RuntimeConfigMissing', seen.config.failure.message);
  const { claim, classes, download } = seen;
  if (claim === undefined) return { status: 'Pending', reason: 'WaitingForPVC', message: 'the claim is being made' };
  if (claim.status?.phase === 'Lost') return failed('PVCLost', storage(seen).message);
  if (download?.outcome === 'failed') {
    const why = jobPodsHealth(download).failures?.[0]?.message;
    const advice = 'check spec.sourceUri, its credentials in spec.env, and the log of the pods';
    const job = retriedJobHealth(download, advice).failures?.[0]?.message ?? '';
    return failed('DownloadFailed', why === undefined ? job : `${why}: ${job}`);
  }
  const bound = claim.status?.phase === 'Bound';
  if (isFilled(cache, seen) && bound) {
    return { status: 'Available', reason: 'Warm', message: 'the weights are on the volume' };
  }
  if (download === undefined) {
    if (!bound)
      return { status: 'Pending', reason: 'WaitingForPVC', message: claimHealth(claim, classes).message ?? '' };
    return { status: 'Progressing', reason: 'Downloading', message: 'the download starts' };
  }
  const pods = jobPodsHealth(download);
  const retried = (download.job.status?.failed ?? 0) > 0;
  return {
    status: 'Progressing',
    reason: 'Downloading',
    message: `the weights are being downloaded: ${pods.message ?? pods.failures?.[0]?.message ?? ''}`,
    ...(retried ? { progress: 'RetryBackoff' } : {}),
  };
}

function conditionsOf(
  { seen }: Situation,
  { status, reason, message, failure, progress = reason }: Row,
): ExtraCondition[] {
  const is = (type: string, holds: boolean, why: string, text: string): ExtraCondition => ({
    type,
    status: holds ? 'True' : 'False',
    reason: why,
    message: text,
  });
  const volume = storage(seen);
  return [
    is('StorageReady', volume.reason === 'PVCBound', volume.reason, volume.message),
    is('Ready', status === 'Available', reason, message),
    is('Progressing', status === 'Progressing' || status === 'Pending', progress, message),
    is(
      'Failure',
      failure !== undefined,
      failure ?? 'NoFailure',
      failure === undefined ? 'nothing has failed' : message,
    ),
  ];
}

function storage(seen: ObservedModelCache | undefined): { reason: string; message: string } {
  if (seen?.claim === undefined) return { reason: 'PVCPending', message: 'there is no claim yet' };
  const { claim, classes } = seen;
  const health = claimHealth(claim, classes);
  const message = health.message ?? health.failures?.[0]?.message ?? '';
  const reason = { Bound: 'PVCBound', Lost: 'PVCLost' }[claim.status?.phase ?? ''] ?? 'PVCProvisioning';
  return { reason, message };
}
