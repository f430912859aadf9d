import type { JobCondition, JobStatus } from 'kubernetes-types/batch/v1.js';
import { Job } from '../kinds/batch/job.ts';
import { Pod } from '../kinds/core/pod.ts';
import { timestamp } from '../kinds/timestamp.ts';
import type { Definition, Plan, PlannedEvent } from '../reconcile/pass.ts';
import { podEvents, podsToCreate, podsToRemove } from './podsof.ts';
import { isActive, nameSuffix, podFromTemplate, readySince } from './podtemplate.ts';

export interface JobPlan {
  create: number;
  remove: Pod[];
  status: JobStatus;
  /** The Job has been finished long enough to be deleted (ttlSecondsAfterFinished). */
  expired: boolean;
  recheckAfterMs: number | undefined;
}

/** Wait before a failed Pod is replaced: doubled with each failure, as the Job controller does. */
export interface JobBackOff {
  firstMs: number;
  lastMs: number;
}

export const jobBackOff: JobBackOff = { firstMs: 10_000, lastMs: 360_000 };

const noPlan = { create: 0, remove: [], expired: false, recheckAfterMs: undefined };

/** What a Job needs, given the Pods it controls. Pods are counted while they exist: nothing else deletes them. */
export function planJob(job: Job, owned: readonly Pod[], now: Date, backOff: JobBackOff = jobBackOff): JobPlan {
  const { spec, metadata } = job;
  const status = job.status ?? {};
  if (metadata.deletionTimestamp !== undefined) return { ...noPlan, status };
  const finished = finishedAt(status);
  if (finished !== undefined) {
    const leftMs = finished + (spec.ttlSecondsAfterFinished ?? Number.POSITIVE_INFINITY) * 1000 - now.getTime();
    const recheckAfterMs = leftMs > 0 && Number.isFinite(leftMs) ? leftMs : undefined;
    return { ...noPlan, remove: owned.filter(isActive), status, expired: leftMs <= 0, recheckAfterMs };
  }
  const active = owned.filter(isActive);
  const succeeded = owned.filter(({ status: pod }) => pod?.phase === 'Succeeded').length;
  const failedPods = owned.filter(({ status: pod }) => pod?.phase === 'Failed');
  const restarts =
    spec.template.spec?.restartPolicy === 'OnFailure' ? active.reduce((sum, pod) => sum + restartsOf(pod), 0) : 0;
  const startTime = status.startTime ?? timestamp(now);
  const next: JobStatus = {
    ...status,
    startTime,
    active: active.length,
    ready: active.filter((pod) => readySince(pod) !== undefined).length,
    succeeded,
    failed: failedPods.length,
  };
  const ended = (type: 'Complete' | 'Failed', reason: string, message: string): JobPlan => ({
    ...noPlan,
    remove: active,
    status: finishedStatus(
      next,
      { type, reason, message },
      failedPods.length + (type === 'Failed' ? active.length : 0),
      now,
    ),
  });
  const parallelism = spec.parallelism ?? 1;
  const completions = spec.completions ?? (succeeded > 0 ? succeeded : parallelism);
  const done = spec.completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= spec.completions;
  if (done) return ended('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods');
  if (failedPods.length + restarts > (spec.backoffLimit ?? 6)) {
    return ended('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const deadlineMs = (spec.activeDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const leftMs = Date.parse(startTime) + deadlineMs - now.getTime();
  if (leftMs <= 0) return ended('Failed', 'DeadlineExceeded', 'Job was active longer than specified deadline');
  if (spec.suspend === true) return { ...noPlan, remove: active, status: { ...next, active: 0, ready: 0 } };
  const wanted = Math.min(parallelism, completions - succeeded) - active.length;
  const waitMs =
    failedPods.length === 0 ? 0 : lastFailure(failedPods) + waitAfter(failedPods.length, backOff) - now.getTime();
  const rechecks = [leftMs, ...(wanted > 0 && waitMs > 0 ? [waitMs] : [])].filter(Number.isFinite);
  return {
    create: waitMs > 0 ? 0 : Math.max(0, wanted),
    remove: wanted < 0 ? active.slice(wanted) : [],
    status: next,
    expired: false,
    recheckAfterMs: rechecks.length === 0 ? undefined : Math.max(10, Math.min(...rechecks)),
  };
}

function waitAfter(failures: number, { firstMs, lastMs }: JobBackOff): number {
  return Math.min(firstMs * 2 ** Math.min(failures - 1, 20), lastMs);
}

function lastFailure(pods: readonly Pod[]): number {
  const ends = pods.flatMap(({ status }) =>
    (status?.containerStatuses ?? []).map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? '') || 0),
  );
  return Math.max(0, ...ends);
}

function restartsOf(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function finishedAt(status: JobStatus): number | undefined {
  const end = status.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
  return end === undefined ? undefined : Date.parse(end.lastTransitionTime ?? '') || 0;
}

function finishedStatus(
  status: JobStatus,
  end: { type: 'Complete' | 'Failed'; reason: string; message: string },
  failed: number,
  now: Date,
): JobStatus {
  const time = timestamp(now);
  // kubectl wait and newer clients look at the first of the two as well.
  const first = end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  const conditions: JobCondition[] = [first, end.type].map((type) => ({
    type,
    status: 'True',
    reason: end.reason,
    message: end.message,
    lastProbeTime: time,
    lastTransitionTime: time,
  }));
  const others = (status.conditions ?? []).filter(({ type }) => type !== first && type !== end.type);
  return {
    ...status,
    active: 0,
    ready: 0,
    failed,
    conditions: [...others, ...conditions],
    ...(end.type === 'Complete' ? { completionTime: time } : {}),
  };
}

interface Observed {
  readonly pods: readonly Pod[];
  readonly now: Date;
  /** Makes the names of new Pods unique. */
  readonly suffix: () => string;
}

/** Runs every Job's Pods to completion. */
export function jobDefinition(now: () => Date, backOff: JobBackOff = jobBackOff): Definition<Job, Observed> {
  return {
    name: 'job',
    manager: 'job-controller',
    kind: Job,
    owns: [Pod],
    reads: [],
    workers: 4,
    observe: (job, read) => ({ pods: read.owned(Pod, job), now: now(), suffix: nameSuffix }),
    plan: (job, { pods, now: time, suffix }) => passOf(job, planJob(job, pods, time, backOff), suffix),
  };
}

function passOf(job: Job, plan: JobPlan, suffix: () => string): Plan<Job> {
  const { status } = plan;
  if (plan.expired) {
    return {
      apply: [],
      remove: [{ kind: Job, ref: job.metadata, propagationPolicy: 'Background' }],
      status: () => ({ status, events: [] }),
    };
  }
  const labels = { 'batch.kubernetes.io/job-name': job.metadata.name, 'job-name': job.metadata.name };
  const created = Array.from({ length: plan.create }, () =>
    podFromTemplate({ kind: Job, object: job }, job.spec.template, suffix(), labels),
  );
  return {
    apply: podsToCreate(created),
    remove: podsToRemove(plan.remove),
    requeueAfterMs: plan.recheckAfterMs,
    status: (failures) => ({ status, events: [...podEvents(created, [], failures), ...endOf(job, status)] }),
  };
}

/** Told once, when it has ended. */
function endOf(job: Job, status: JobStatus): PlannedEvent[] {
  if (finishedAt(job.status ?? {}) !== undefined || finishedAt(status) === undefined) return [];
  const end = status.conditions?.at(-1);
  if (end?.type === 'Complete') return [{ type: 'Normal', reason: 'Completed', message: 'Job completed' }];
  return [{ type: 'Warning', reason: end?.reason ?? 'Failed', message: end?.message ?? '' }];
}
