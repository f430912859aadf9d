import type { JobCondition, JobStatus } from 'kubernetes-types/batch/v1.js';
import { Job } from '../kinds/batch/job.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import { controllerOf, isControlledBy } from '../kube/owners.ts';
import type { Log } from '../telemetry/log.ts';
import { isActive, podFromTemplate, readySince } from './podtemplate.ts';
import { timestamp } from '../kinds/timestamp.ts';

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

/** Runs every Job's Pods to completion. */
export function startJobController(options: {
  client: KubeClient;
  informers: InformerCache;
  podsOf: (ownerUid: string) => readonly Pod[];
  events: EventRecorder;
  log: Log;
  backOff?: JobBackOff;
}): Controller {
  const { client, informers, podsOf, events, log, backOff } = options;
  const jobs = informers.informer(Job);

  const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
    const ref = refOf(key);
    const job = jobs.get(ref);
    if (job === undefined) return undefined;
    let plan = planJob(job, podsOf(job.metadata.uid ?? ''), new Date(), backOff);
    if (plan.create > 0 || plan.remove.length > 0) {
      // The cache may lag behind what the last pass did; acting on it would create Pods twice.
      const { items } = await client.list(Pod, { namespace: ref.namespace });
      plan = planJob(
        job,
        items.filter((pod) => isControlledBy(pod, job)),
        new Date(),
        backOff,
      );
    }
    if (plan.expired) {
      await client.delete(Job, ref, { propagationPolicy: 'Background' });
      return undefined;
    }
    const labels = { 'batch.kubernetes.io/job-name': job.metadata.name, 'job-name': job.metadata.name };
    for (let i = 0; i < plan.create; i++) {
      const pod = await client.create(Pod, podFromTemplate({ kind: Job, object: job }, job.spec.template, labels));
      events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    }
    for (const pod of plan.remove) await client.delete(Pod, pod.metadata);
    await writeStatus(client, events, job, plan.status);
    return plan.recheckAfterMs === undefined ? undefined : { requeueAfterMs: plan.recheckAfterMs };
  };

  return startController({
    name: 'job',
    log,
    watches: [
      watch(jobs, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(informers.informer(Pod), ({ object }) => {
        const owner = controllerOf(object);
        return owner?.kind === Job.kind ? [keyOf({ namespace: object.metadata.namespace, name: owner.name })] : [];
      }),
    ],
    reconcile,
  });
}

async function writeStatus(client: KubeClient, events: EventRecorder, job: Job, status: JobStatus): Promise<void> {
  const text = (value: JobStatus): string =>
    JSON.stringify([
      value.startTime,
      value.active ?? 0,
      value.ready ?? 0,
      value.succeeded ?? 0,
      value.failed ?? 0,
      value.conditions ?? [],
    ]);
  if (text(job.status ?? {}) === text(status)) return;
  await client.patch(Job, job.metadata, { type: 'merge', body: { status }, subresource: 'status' });
  if (finishedAt(job.status ?? {}) !== undefined) return;
  const end = status.conditions?.at(-1);
  if (end?.type === 'Complete') events.event(job, 'Normal', 'Completed', 'Job completed');
  if (end?.type === 'Failed') events.event(job, 'Warning', end.reason ?? 'Failed', end.message ?? '');
}
