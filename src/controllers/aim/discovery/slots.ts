import { Job } from '../../../kinds/batch/job.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../../../kinds/object.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { appLabel, discoveryApp } from './job.ts';

/**
 * Keeps discovery jobs of both generations to ten at a time (aim.md 7.3). One process decides, so no lease is needed: of
 * several controller replicas, only the leader runs controllers.
 */
export interface DiscoverySlots {
  /** True when the Job may be created: it then counts, until it is finished or gone. */
  take(job: ObjectRef): boolean;
  /** Unfinished discovery jobs of an owner. */
  unfinished(ownerUid: string): readonly Job[];
}

export const maxDiscoveryJobs = 10;
/** A Job that is not seen so long after its slot was taken was never created. */
const grantMs = 30_000;

const index = 'aim-discovery';
const all = 'all';

export function createDiscoverySlots(informers: InformerCache, now: () => number = Date.now): DiscoverySlots {
  const jobs = informers.informer(Job);
  jobs.addIndex(index, (job) => (isDiscovery(job) && !isFinished(job) ? [all, ...ownersOf(job)] : []));
  /** Jobs that may be on their way, with the time of their grant. */
  const granted = new Map<string, number>();
  jobs.onChange(({ object }) => granted.delete(keyOf(object.metadata)));

  return {
    take: (ref) => {
      const key = keyOf(ref);
      if (jobs.get(ref) !== undefined) return true;
      for (const [job, at] of granted) if (now() - at > grantMs) granted.delete(job);
      if (!granted.has(key) && jobs.byIndex(index, all).length + granted.size >= maxDiscoveryJobs) return false;
      granted.set(key, now());
      return true;
    },
    unfinished: (ownerUid) => jobs.byIndex(index, ownerUid),
  };
}

function isDiscovery({ metadata }: KubeObject): boolean {
  return metadata.labels?.[appLabel] === discoveryApp;
}

function ownersOf({ metadata }: KubeObject): string[] {
  return (metadata.ownerReferences ?? []).map(({ uid }) => uid);
}

/** `Complete` or `Failed`, and when; undefined while it runs. */
export function finishOf(job: Job): { type: 'Complete' | 'Failed'; at: Date } | undefined {
  for (const { type, status, lastTransitionTime } of job.status?.conditions ?? []) {
    if ((type !== 'Complete' && type !== 'Failed') || status !== 'True') continue;
    return { type, at: new Date(lastTransitionTime ?? job.metadata.creationTimestamp ?? 0) };
  }
  return undefined;
}

function isFinished(job: Job): boolean {
  return finishOf(job) !== undefined;
}
