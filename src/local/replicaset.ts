import type { ReplicaSetStatus } from 'kubernetes-types/apps/v1.js';
import { ReplicaSet } from '../kinds/apps/replicaset.ts';
import { Pod } from '../kinds/core/pod.ts';
import { timestamp } from '../kinds/timestamp.ts';
import type { WriteFailure } from '../reconcile/failures.ts';
import type { Definition, Plan } from '../reconcile/pass.ts';
import { podEvents, podsToCreate, podsToRemove } from './podsof.ts';
import { isActive, nameSuffix, podFromTemplate, readySince } from './podtemplate.ts';

export interface ReplicaSetPlan {
  /** How many Pods to create. */
  create: number;
  remove: Pod[];
  status: ReplicaSetStatus;
  /** When a Pod that is ready will have been so for minReadySeconds. */
  recheckAfterMs: number | undefined;
}

/** What a ReplicaSet needs, given the Pods it controls. */
export function planReplicaSet(set: ReplicaSet, owned: readonly Pod[], now: Date): ReplicaSetPlan {
  const active = owned.filter(isActive);
  const missing = (set.spec.replicas ?? 1) - active.length;
  const ready = active.map(readySince).filter((since) => since !== undefined);
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000;
  const waits = ready.map((since) => since + minReadyMs - now.getTime()).filter((ms) => ms > 0);
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const { deletionTimestamp, generation } = set.metadata;
  return {
    create: deletionTimestamp === undefined ? Math.max(0, missing) : 0,
    remove: deletionTimestamp === undefined && missing < 0 ? active.toSorted(removalOrder).slice(0, -missing) : [],
    status: {
      replicas: active.length,
      fullyLabeledReplicas: active.filter(({ metadata }) =>
        templateLabels.every(([key, value]) => metadata.labels?.[key] === value),
      ).length,
      readyReplicas: ready.length,
      availableReplicas: ready.length - waits.length,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    recheckAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** Pods that are worth least go first: unscheduled, pending, not ready, ready for the shortest time (ActivePodsWithRanks). */
function removalOrder(a: Pod, b: Pod): number {
  return worth(a) - worth(b) || (readySince(b) ?? 0) - (readySince(a) ?? 0) || created(b) - created(a);
}

function worth(pod: Pod): number {
  if (!pod.spec.nodeName) return 0;
  if (pod.status?.phase !== 'Running') return 1;
  return readySince(pod) === undefined ? 2 : 3;
}

const created = (pod: Pod): number => Date.parse(pod.metadata.creationTimestamp ?? '') || 0;

/** No more than this many Pods are created in one pass; the rest follows in the next. */
const maxBurst = 500;

interface Observed {
  readonly pods: readonly Pod[];
  readonly now: Date;
  /** Makes the names of new Pods unique. */
  readonly suffix: () => string;
}

/** Keeps as many Pods of each ReplicaSet as it declares. Pods are found by their controller reference; none are adopted. */
export function replicaSetDefinition(now: () => Date): Definition<ReplicaSet, Observed> {
  return {
    name: 'replicaset',
    manager: 'replicaset-controller',
    kind: ReplicaSet,
    owns: [Pod],
    reads: [],
    workers: 4,
    observe: (set, read) => ({ pods: read.owned(Pod, set), now: now(), suffix: nameSuffix }),
    plan: passOf,
  };
}

function passOf(set: ReplicaSet, { pods, now, suffix }: Observed): Plan<ReplicaSet> {
  const plan = planReplicaSet(set, pods, now);
  const created = Array.from({ length: Math.min(plan.create, maxBurst) }, () =>
    podFromTemplate({ kind: ReplicaSet, object: set }, set.spec.template, suffix()),
  );
  return {
    apply: podsToCreate(created),
    remove: podsToRemove(plan.remove),
    requeueAfterMs: plan.recheckAfterMs,
    status: (failures, at) => ({
      status: withFailure(set, plan.status, failures, at),
      events: podEvents(created, plan.remove, failures),
    }),
  };
}

/** The condition that Kubernetes gives a ReplicaSet whose Pods are refused. */
function withFailure(
  set: ReplicaSet,
  status: ReplicaSetStatus,
  failures: readonly WriteFailure[],
  now: Date,
): ReplicaSetStatus {
  const others = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  const [failure] = failures;
  if (failure === undefined) return others.length === 0 ? status : { ...status, conditions: others };
  const before = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const condition = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: failure.action === 'delete' ? 'FailedDelete' : 'FailedCreate',
    message: failure.error.message,
    lastTransitionTime: before?.lastTransitionTime ?? timestamp(now),
  };
  return { ...status, conditions: [...others, condition] };
}
