import { Job } from '../../../kinds/batch/job.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf, type ObjectRef } from '../../../kinds/object.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { jobOfPod } from '../discovery/discovery.ts';
import type { Failure } from '../failures.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { jobHealth, podsHealth, type Health } from '../service/workloadhealth.ts';
import { timestamp } from '../../../kinds/timestamp.ts';

/** What there is to see of a Job of ours and its pods. */
export interface SeenJob {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly outcome: 'running' | 'complete' | 'failed';
  /** Ends of the logs of failed pods, by name. */
  readonly logs: ReadonlyMap<string, string>;
}

const byJob = 'aim-weights-job';
const logLines = '50';

export function indexJobPods(informers: InformerCache): void {
  informers.informer(Pod).addIndex(byJob, ({ metadata }) => {
    const name = jobOfPod(metadata.labels);
    return name === undefined ? [] : [keyOf({ namespace: metadata.namespace, name })];
  });
}

/** Wakes the owner of a Job when one of its pods changes. */
export function jobPodWatch(informers: InformerCache, { group, kind }: Kind): Watch {
  const jobs = informers.informer(Job);
  return watch(informers.informer(Pod), ({ object: { metadata } }) => {
    const name = jobOfPod(metadata.labels);
    if (name === undefined) return [];
    const { namespace } = metadata;
    return (jobs.get({ namespace, name })?.metadata.ownerReferences ?? [])
      .filter((owner) => owner.kind === kind && owner.apiVersion.startsWith(`${group}/`))
      .map((owner) => keyOf({ namespace, name: owner.name }));
  });
}

export async function seeJob(client: KubeClient, read: Reader, ref: ObjectRef): Promise<SeenJob | undefined> {
  const job = read.get(Job, ref);
  if (job === undefined) return undefined;
  const pods = read
    .byIndex(Pod, byJob, keyOf(ref))
    .toSorted((one, other) => createdAt(one).localeCompare(createdAt(other)));
  const outcome = outcomeOf(job);
  return { job, pods, outcome, logs: outcome === 'failed' ? await logsOf(client, pods) : new Map() };
}

const createdAt = ({ metadata }: Pod): string => metadata.creationTimestamp ?? '';

function outcomeOf({ status }: Job): SeenJob['outcome'] {
  const is = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  return is('Complete') ? 'complete' : is('Failed') ? 'failed' : 'running';
}

/** Best effort: without its log, a pod's status says why it failed. */
async function logsOf(client: KubeClient, pods: readonly Pod[]): Promise<Map<string, string>> {
  const logs = new Map<string, string>();
  for (const { metadata, status } of pods) {
    if (status?.phase !== 'Failed') continue;
    const log = await readLog(client, metadata).catch(() => undefined);
    if (log !== undefined) logs.set(metadata.name, log);
  }
  return logs;
}

/** The last lines of a pod's only container. */
export function readLog(client: KubeClient, ref: ObjectRef): Promise<string> {
  return client.readBelow(Pod, ref, 'log', { tailLines: logLines, limitBytes: String(256 * 1024) });
}

/** The newest pod counts: those before it are what the Job tries again. */
export function jobPodsHealth({ pods, logs, outcome }: SeenJob): Health {
  const newest = pods.at(-1);
  const health = podsHealth(newest === undefined ? [] : [newest], { logOf: ({ metadata }) => logs.get(metadata.name) });
  const [failure] = health.failures ?? [];
  if (outcome !== 'running' || failure === undefined || newest?.status?.phase !== 'Failed') return health;
  return { state: 'Progressing', reason: failure.reason, message: `${failure.message}; the job tries again` };
}

/** A failed Job with when it is tried again. */
export function retriedJobHealth({ job, outcome }: SeenJob, advice: string): Health {
  const health = jobHealth(job);
  if (outcome !== 'failed') return health;
  const message = `; ${advice}; ${retryText(job)}`;
  return {
    failures: (health.failures ?? []).map((failure): Failure => ({ ...failure, message: failure.message + message })),
  };
}

/** When the time of a finished Job is over, in words. */
export function retryText({ status, spec }: Job): string {
  const ended = status?.conditions?.find(({ type }) => type === 'Failed' || type === 'Complete')?.lastTransitionTime;
  const at = Date.parse(ended ?? '') + (spec.ttlSecondsAfterFinished ?? 0) * 1000;
  const when = Number.isNaN(at) ? 'later' : `at ${timestamp(new Date(at))}`;
  return `it is tried again ${when}, or as soon as what it is asked changes or the job is deleted`;
}
