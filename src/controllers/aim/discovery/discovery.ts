import { Job } from '../../../kinds/batch/job.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf, type ObjectRef } from '../../../kinds/object.ts';
import { KubeError, type KubeClient } from '../../../kube/client.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { controllerOf } from '../../../kube/owners.ts';
import type { Child } from '../../../reconcile/children.ts';
import { countFailure, discoveryWaitMs, remainingWaitMs, type DiscoveryAttempts } from './backoff.ts';
import { discoveryContainer, discoveryJob, nameOfDiscoveryJob, type DiscoveryRequest } from './job.ts';
import { DiscoveryParseError, parseDiscoveryOutput, type Discovery } from './output.ts';
import { finishOf, maxDiscoveryJobs, type DiscoverySlots } from './slots.ts';
import type { ControllerEnvironment, Reader } from '../../../reconcile/pass.ts';
import { timestamp } from '../../../kinds/timestamp.ts';

/** Asking an image for its profile by a Job: what there is to see of it, and the next step (aim.md 7.3 to 7.5). */

/** What a finished Job has brought. */
export type Outcome =
  | { readonly found: Discovery }
  | { readonly reason: 'JobFailed' | 'DiscoveryParseFailed' | 'NoModelSources'; readonly message: string };

export interface DiscoveryObservation {
  /** The Job with today's question. */
  readonly job: Job | undefined;
  readonly pods: readonly Pod[];
  /** Ends of the logs of failed pods, by name. */
  readonly logs: ReadonlyMap<string, string>;
  readonly outcome: Outcome | undefined;
  /** Unfinished Jobs with questions that nobody asks any more. */
  readonly stale: readonly ObjectRef[];
  /** Whether a Job may be created now. */
  readonly slot: boolean;
  readonly now: Date;
}

export interface DiscoveryQuestion {
  readonly ownerUid: string;
  readonly request: DiscoveryRequest;
  /** Failed tries so far. */
  readonly attempts: DiscoveryAttempts | undefined;
  readonly specHash: string;
}

export interface DiscoveryObserver {
  observe(question: DiscoveryQuestion, read: Reader): Promise<DiscoveryObservation>;
}

const podsByJob = 'aim-discovery-job';
const logQuery = { container: discoveryContainer, limitBytes: String(4 * 1024 * 1024) };
const failureLogLines = '50';

export function createDiscoveryObserver(environment: ControllerEnvironment, slots: DiscoverySlots): DiscoveryObserver {
  const { client, informers } = environment;
  indexPods(informers);
  const pods = informers.informer(Pod);

  return {
    observe: async ({ ownerUid, request, attempts, specHash }, read) => {
      const now = environment.now();
      const ref = { namespace: request.namespace, name: nameOfDiscoveryJob(request) };
      const job = read.get(Job, ref);
      const stale = slots
        .unfinished(ownerUid)
        .map(({ metadata }): ObjectRef => ({ namespace: metadata.namespace, name: metadata.name }))
        .filter((other) => keyOf(other) !== keyOf(ref));
      const found = job === undefined ? [] : pods.byIndex(podsByJob, job.metadata.uid ?? '');
      const finish = job === undefined ? undefined : finishOf(job);
      return {
        job,
        pods: found,
        logs: finish?.type === 'Failed' ? await failureLogs(client, found) : new Map(),
        outcome:
          finish === undefined
            ? undefined
            : finish.type === 'Failed'
              ? { reason: 'JobFailed', message: 'the discovery job failed' }
              : await readOutcome(client, found),
        stale,
        // A slot is taken only to be used at once.
        slot: job === undefined && remainingWaitMs(attempts, specHash, now) === 0 && slots.take(ref),
        now,
      };
    },
  };
}

/** By the uid of the Job: pods of an earlier Job of the same name may still be there. */
function indexPods(informers: InformerCache): void {
  informers.informer(Pod).addIndex(podsByJob, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === Job.kind ? [owner.uid] : [];
  });
}

/** The Job that a pod was made for, by the label that the Job controller gives it. */
export function jobOfPod(labels: Readonly<Record<string, string>> | undefined): string | undefined {
  return labels?.['batch.kubernetes.io/job-name'] ?? labels?.['job-name'];
}

async function readOutcome(client: KubeClient, pods: readonly Pod[]): Promise<Outcome> {
  const pod = pods.find(({ status }) => status?.phase === 'Succeeded');
  const gone = 'the discovery job is complete, but the log of its pod is gone';
  if (pod === undefined) return { reason: 'DiscoveryParseFailed', message: gone };
  try {
    const found = parseDiscoveryOutput(await client.readBelow(Pod, pod.metadata, 'log', logQuery));
    if (found.modelSources.length > 0) return { found };
    const message = 'the profile that the image chose names no models, so there is nothing to serve: check the image';
    return { reason: 'NoModelSources', message };
  } catch (error) {
    if (error instanceof DiscoveryParseError) return { reason: 'DiscoveryParseFailed', message: error.message };
    if (error instanceof KubeError && error.code < 500) {
      return { reason: 'DiscoveryParseFailed', message: `${gone}: ${error.message}` };
    }
    throw error;
  }
}

/** Best effort: without its log, a pod's status says why it failed. */
async function failureLogs(client: KubeClient, pods: readonly Pod[]): Promise<Map<string, string>> {
  const logs = new Map<string, string>();
  for (const { metadata, status } of pods) {
    if (status?.phase !== 'Failed') continue;
    const query = { ...logQuery, tailLines: failureLogLines };
    const log = await client.readBelow(Pod, metadata, 'log', query).catch(() => undefined);
    if (log !== undefined) logs.set(metadata.name, log);
  }
  return logs;
}

/** Where a discovery stands, and what to do next. */
export interface DiscoveryStep {
  readonly phase: 'found' | 'running' | 'failed' | 'waiting' | 'queued';
  readonly found?: Discovery;
  /** For people; with what to do where something is wrong. */
  readonly message: string;
  /** Why it failed, in the words of conditions. */
  readonly reason?: Extract<Outcome, { reason: string }>['reason'];
  readonly apply: readonly Child[];
  readonly remove: readonly { readonly kind: Kind; readonly ref: ObjectRef }[];
  /** Failed tries so far; absent after success. */
  readonly attempts: DiscoveryAttempts | undefined;
  readonly requeueAfterMs?: number;
}

/** How soon a free slot is looked for again. */
const queueMs = 5_000;

/** Pure. */
export function nextDiscoveryStep(
  { request, attempts, specHash }: DiscoveryQuestion,
  observed: DiscoveryObservation,
): DiscoveryStep {
  const { job, outcome, now } = observed;
  const remove = observed.stale.map((ref) => ({ kind: Job, ref }));
  const base = { apply: [], remove, attempts };
  if (outcome !== undefined && 'found' in outcome) {
    return {
      ...base,
      phase: 'found',
      found: outcome.found,
      message: 'the image has named its profile',
      attempts: undefined,
    };
  }
  if (job !== undefined && outcome !== undefined)
    return afterFailure(job, outcome, observed, { attempts, specHash }, remove);
  if (job !== undefined) return { ...base, phase: 'running', message: `job ${job.metadata.name} asks the image` };
  const waitMs = remainingWaitMs(attempts, specHash, now);
  if (waitMs > 0) {
    return {
      ...base,
      phase: 'waiting',
      message: waitText(attempts, attempts?.lastFailureReason),
      requeueAfterMs: waitMs,
    };
  }
  if (!observed.slot) {
    const message = `${String(maxDiscoveryJobs)} discovery jobs are running: this one waits for its turn`;
    return { ...base, phase: 'queued', message, requeueAfterMs: queueMs };
  }
  const child = discoveryJob(request);
  return { ...base, phase: 'running', message: `job ${child.object.metadata.name} asks the image`, apply: [child] };
}

function afterFailure(
  job: Job,
  outcome: Extract<Outcome, { reason: string }>,
  { now }: DiscoveryObservation,
  { attempts, specHash }: { attempts: DiscoveryAttempts | undefined; specHash: string },
  remove: DiscoveryStep['remove'],
): DiscoveryStep {
  const failedAt = finishOf(job)?.at ?? now;
  const counted = countFailure(attempts, { specHash, failedAt, reason: outcome.message });
  const waitMs = remainingWaitMs(counted, specHash, now);
  // Its time to live removes the Job, too, but nothing says that this happens when the wait is over (trap 8).
  const expired = waitMs > 0 ? [] : [{ kind: Job, ref: job.metadata }];
  return {
    phase: 'failed',
    reason: outcome.reason,
    message: waitText(counted, outcome.message),
    apply: [],
    remove: [...remove, ...expired],
    attempts: counted,
    requeueAfterMs: Math.max(waitMs, 1000),
  };
}

/** With the time of the next try rather than the time that is left, which would be another text in every pass. */
function waitText(attempts: DiscoveryAttempts | undefined, why = 'discovery failed'): string {
  const { attempts: count = 1, lastAttemptTime = '' } = attempts ?? {};
  const next = new Date(Date.parse(lastAttemptTime) + discoveryWaitMs(count));
  const when = Number.isNaN(next.getTime()) ? 'soon' : `at ${timestamp(next)}`;
  return `${why} (attempt ${String(count)}); the next try is ${when}, or as soon as the template or its model changes`;
}
