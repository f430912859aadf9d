import type { Job } from '../../../kinds/batch/job.ts';
import type { Event as CoreEvent } from '../../../kinds/core/event.ts';
import type { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { isPodReady, type Pod } from '../../../kinds/core/pod.ts';
import type { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { invalidSpec, missingUpstream, type Failure } from '../failures.ts';
import type { Component } from '../health.ts';

/** How objects of other controllers count as components (aim.md 3.6). */

export type Health = Omit<Component, 'name' | 'dependency'>;

const authWords =
  /unauthorized|authentication required|authentication failed|\b401\b|\b403\b|forbidden|denied|permission denied|access denied|credentials/i;
const missingWords = /not found|\b404\b|manifest unknown|name unknown/i;
const infrastructureWords =
  /connection refused|connection reset|timed? ?out|no such host|temporary failure in name resolution|network is unreachable|\b50[234]\b|service unavailable|bad gateway/i;
const fullWords = /no space left|disk quota exceeded|\benospc\b/i;

const infrastructure = (reason: string, message: string): Failure => ({ category: 'Infrastructure', reason, message });

/** The category of what a container runtime says about an image that it cannot pull. */
export function imagePullFailure(message: string): Failure {
  if (authWords.test(message)) return { category: 'Auth', reason: 'ImagePullAuthFailure', message };
  if (missingWords.test(message)) return missingUpstream(message, 'ImageNotFound');
  return infrastructure('ImagePullBackOff', message);
}

/** Why a program failed, by the last lines of its log; undefined where they do not say. */
export function failureInLog(log: string): Failure | undefined {
  const lines = log.trimEnd().split('\n').slice(-50);
  const find = (words: RegExp): string | undefined => lines.findLast((line) => words.test(line));
  const unreachable = find(infrastructureWords);
  if (unreachable !== undefined) return infrastructure('NetworkError', unreachable);
  const missing = find(missingWords);
  if (missing !== undefined) return invalidSpec('SourceNotFound', missing);
  const denied = find(authWords);
  if (denied !== undefined) return { category: 'Auth', reason: 'AuthError', message: denied };
  const full = find(fullWords);
  return full === undefined ? undefined : { category: 'ResourceExhaustion', reason: 'StorageFull', message: full };
}

/** `logOf` gives the end of a failed pod's log, `events` those about the pods. */
export function podsHealth(
  pods: readonly Pod[],
  options: { events?: readonly CoreEvent[]; logOf?: (pod: Pod) => string | undefined } = {},
): Health {
  const { events = [], logOf = () => undefined } = options;
  for (const pod of pods) {
    const problem = imagePullProblem(pod) ?? neverStarting(pod);
    if (problem !== undefined) return { failures: [problem] };
  }
  if (pods.some((pod) => pod.status?.phase === 'Succeeded' || isPodReady(pod))) {
    return { state: 'Ready', reason: 'PodsReady', message: 'pods are ready' };
  }
  const failed = pods.find((pod) => pod.status?.phase === 'Failed');
  if (failed !== undefined) return { failures: [podFailure(failed, logOf(failed))] };
  const [first] = pods;
  if (first === undefined) {
    const failure: Failure = { category: 'MissingDownstream', reason: 'NoPods', message: 'there are no pods yet' };
    return { failures: [failure] };
  }
  if (pods.some((pod) => pod.status?.phase === 'Running')) {
    return { state: 'Starting', reason: 'PodsStarting', message: 'pods run and are not ready yet' };
  }
  return pendingHealth(first, events);
}

function imagePullProblem(pod: Pod): Failure | undefined {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = containers
    .map(({ state }) => state?.waiting)
    .find((state) => state?.reason === 'ErrImagePull' || state?.reason === 'ImagePullBackOff');
  if (waiting === undefined) return undefined;
  return imagePullFailure(waiting.message ?? waiting.reason ?? '');
}

/** What the embedded node says of containers that it cannot run at all, whether it waits for another image or has given up. */
const neverStarts = new Set(['ImageNotInCatalog', 'UnsupportedCommand']);

function neverStarting(pod: Pod): Failure | undefined {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const { state } of containers) {
    const { reason = '', message } = state?.waiting ?? state?.terminated ?? {};
    if (neverStarts.has(reason)) return invalidSpec(reason, message ?? `pod ${pod.metadata.name} cannot start`);
  }
  return undefined;
}

function podFailure(pod: Pod, log: string | undefined): Failure {
  const { name } = pod.metadata;
  const logged = log === undefined ? undefined : failureInLog(log);
  if (logged !== undefined) return logged;
  const terminated = (pod.status?.containerStatuses ?? []).map(({ state }) => state?.terminated);
  const message = pod.status?.message ?? terminated.find((state) => state?.message !== undefined)?.message;
  if (terminated.some((state) => state?.reason === 'OOMKilled')) {
    return {
      category: 'ResourceExhaustion',
      reason: 'PodOOMKilled',
      message: `pod ${name} ran out of memory: raise its memory limit`,
    };
  }
  if (pod.status?.reason === 'Evicted') return infrastructure('PodEvicted', message ?? `pod ${name} was evicted`);
  if (pod.status?.reason === 'DeadlineExceeded') {
    return invalidSpec('DeadlineExceeded', message ?? `pod ${name} took too long`);
  }
  return invalidSpec('PodFailed', message ?? `pod ${name} failed: see its log`);
}

const pendingReasons = new Set(['FailedScheduling', 'FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox']);

/** Waiting reasons of a container that cannot be made, such as one whose Secret is missing. */
const stuckReasons = new Set(['CreateContainerConfigError', 'CreateContainerError', 'InvalidImageName']);

function pendingHealth(pod: Pod, events: readonly CoreEvent[]): Health {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const stuck = containers
    .map(({ state }) => state?.waiting)
    .find((waiting) => stuckReasons.has(waiting?.reason ?? ''));
  if (stuck?.reason !== undefined) {
    const message = `pod ${pod.metadata.name}: ${stuck.message ?? stuck.reason}`;
    return { state: 'Pending', reason: stuck.reason, message };
  }
  const about = events
    .filter(({ involvedObject }) => involvedObject.uid === pod.metadata.uid)
    .filter(({ reason = '' }) => pendingReasons.has(reason) || reason === 'Pulling')
    .toSorted((one, other) => timeOf(other).localeCompare(timeOf(one)));
  const [newest] = about;
  if (newest === undefined) {
    const unschedulable = pod.status?.conditions?.find(
      ({ type, status }) => type === 'PodScheduled' && status === 'False',
    );
    if (unschedulable?.reason === 'Unschedulable') {
      return {
        state: 'Pending',
        reason: 'FailedScheduling',
        message: unschedulable.message ?? 'no node takes the pod',
      };
    }
    return { state: 'Pending', reason: 'PodsPending', message: `pod ${pod.metadata.name} is pending` };
  }
  const { reason = 'PodsPending', message = '' } = newest;
  return { state: reason === 'Pulling' ? 'Progressing' : 'Pending', reason, message };
}

const timeOf = ({ lastTimestamp, metadata }: CoreEvent): string => lastTimestamp ?? metadata.creationTimestamp ?? '';

export function jobHealth(job: Job): Health {
  const conditions = job.status?.conditions ?? [];
  const complete = conditions.find(({ type, status }) => type === 'Complete' && status === 'True');
  if (complete !== undefined) return { state: 'Ready', reason: 'JobComplete', message: 'the job has completed' };
  const failed = conditions.find(({ type, status }) => type === 'Failed' && status === 'True');
  if (failed === undefined) {
    return { state: 'Progressing', reason: 'JobRunning', message: `job ${job.metadata.name} is running` };
  }
  const message = failed.message ?? `job ${job.metadata.name} failed`;
  switch (failed.reason) {
    case 'BackoffLimitExceeded':
      return { failures: [invalidSpec('JobBackoffLimitExceeded', message)] };
    case 'DeadlineExceeded':
      return { failures: [invalidSpec('DeadlineExceeded', message)] };
    case 'Evicted':
      return { failures: [infrastructure('Evicted', message)] };
    default:
      return { failures: [invalidSpec('JobFailed', message)] };
  }
}

export function pvcHealth(claim: PersistentVolumeClaim): Health {
  const { name } = claim.metadata;
  switch (claim.status?.phase) {
    case 'Bound':
      return { state: 'Ready', reason: 'PvcBound', message: `claim ${name} is bound` };
    case 'Lost':
      return { failures: [infrastructure('PvcLost', `claim ${name} has lost its volume`)] };
    default:
      return { state: 'Progressing', reason: 'PvcPending', message: `claim ${name} waits for a volume` };
  }
}

/** The first parent that has said whether it accepts the route decides. */
export function httpRouteHealth(route: HTTPRoute): Health {
  for (const { conditions = [] } of route.status?.parents ?? []) {
    for (const { type, status, reason, message } of conditions) {
      if (type === 'ResolvedRefs' && status === 'False') {
        return { failures: [{ category: 'MissingDownstream', reason, message }] };
      }
      if (type !== 'Accepted' || status === 'Unknown') continue;
      if (status === 'False') return { failures: [invalidSpec(reason, message)] };
      return { state: 'Ready', reason: 'HTTPRouteAccepted', message: 'the Gateway has accepted the route' };
    }
  }
  const message = 'no Gateway has said anything about the route yet: does the Gateway in gatewayRef exist?';
  return { state: 'Progressing', reason: 'HTTPRoutePending', message };
}
