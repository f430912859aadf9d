import { Job } from '../../../../src/kinds/batch/job.ts';
import { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../../src/kinds/core/pod.ts';
import type { ServiceCluster } from '../service/servicecluster.ts';

/** Plays kubelet and volume controller for the Jobs and claims of the caches. */

export const inTeam = (name: string) => ({ namespace: 'ml-team', name });

/** Waits for the Job and lets it have a pod that prints this and ends. */
export async function endJob(cluster: ServiceCluster, name: string, end: End, log: string): Promise<Job> {
  const job = await found(cluster, name);
  await podOf(cluster, job, end === 'Complete' ? 'Succeeded' : 'Failed', log);
  await finish(cluster, name, end);
  return job;
}

type End = 'Complete' | 'Failed';

/** Lets a Job end that has its pod already. */
export async function finish(cluster: ServiceCluster, name: string, end: End): Promise<void> {
  const at = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const reason = end === 'Failed' ? { reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' } : {};
  const conditions = [end === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet', end].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: at,
    ...reason,
  }));
  const counts = end === 'Failed' ? { failed: 1 } : { succeeded: 1, completionTime: at };
  await cluster.setStatus(Job, inTeam(name), { startTime: at, conditions, ...counts });
}

/** Waits for the Job and lets it have a pod in this phase. */
export async function runJob(cluster: ServiceCluster, name: string): Promise<void> {
  await podOf(cluster, await found(cluster, name), 'Running', '');
}

async function found(cluster: ServiceCluster, name: string): Promise<Job> {
  const job = await cluster.eventually(Job, inTeam(name), (seen) => seen !== undefined);
  if (job === undefined) throw new Error('eventually resolves with what it found');
  return job;
}

async function podOf(cluster: ServiceCluster, job: Job, phase: string, log: string): Promise<void> {
  const { name, uid = '' } = job.metadata;
  const pod = `${name.slice(0, 40)}-${uid.slice(0, 8)}`;
  cluster.logs.set(pod, log);
  const metadata = { ...inTeam(pod), labels: { 'batch.kubernetes.io/job-name': name } };
  const spec = job.spec.template.spec ?? { containers: [] };
  await cluster.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await cluster.setStatus(Pod, metadata, { phase });
  await cluster.eventually(Pod, metadata, (seen) => seen?.status?.phase === phase);
}

/** Waits for the claim and binds it. */
export async function bind(cluster: ServiceCluster, name: string): Promise<PersistentVolumeClaim> {
  const claim = await cluster.eventually(PersistentVolumeClaim, inTeam(name), (seen) => seen !== undefined);
  if (claim === undefined) throw new Error('eventually resolves with what it found');
  await cluster.setStatus(PersistentVolumeClaim, claim.metadata, { phase: 'Bound' });
  return claim;
}
