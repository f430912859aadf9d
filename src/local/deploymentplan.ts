import type { DeploymentCondition, DeploymentStatus } from 'kubernetes-types/apps/v1.js';
import { Deployment } from '../kinds/apps/deployment.ts';
import { ReplicaSet } from '../kinds/apps/replicaset.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { ownerReferenceTo } from '../kube/owners.ts';
import { contentHash, sameTemplate, templateHashLabel } from './podtemplate.ts';
import { timestamp } from '../kinds/timestamp.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
/** Annotations that a ReplicaSet does not take over from its Deployment. */
const ownAnnotations = new Set([
  revisionAnnotation,
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
]);

export interface DeploymentPlan {
  /** The ReplicaSet of the current template, where it does not exist. */
  create: ReplicaSet | undefined;
  /** ReplicaSets whose number of replicas changes. */
  scale: { set: ReplicaSet; replicas: number }[];
  /** The current ReplicaSet where its revision has to be raised. */
  revise: { set: ReplicaSet; revision: string } | undefined;
  /** Old ReplicaSets beyond the history limit. */
  remove: ReplicaSet[];
  revision: string;
  status: DeploymentStatus;
  /** When a rollout that makes no progress will have exceeded its deadline. */
  recheckAfterMs: number | undefined;
}

/** What a Deployment needs, given the ReplicaSets it controls (pkg/controller/deployment). */
export function planDeployment(deployment: Deployment, owned: readonly ReplicaSet[], now: Date): DeploymentPlan {
  const desired = deployment.spec.replicas ?? 1;
  const current = owned
    .toSorted((a, b) => created(a) - created(b))
    .find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  const old = owned.filter((set) => set !== current);
  const lastRevision = Math.max(0, ...old.map(revisionOf));
  const revision = String(current === undefined ? lastRevision + 1 : Math.max(revisionOf(current), lastRevision + 1));
  const deleting = deployment.metadata.deletionTimestamp !== undefined;
  const paused = deployment.spec.paused === true;

  const targets = deleting ? new Map<ReplicaSet, number>() : targetReplicas(deployment, current, old);
  const create =
    current === undefined && !deleting && !paused
      ? newReplicaSet(deployment, firstReplicas(deployment, desired, old), revision)
      : undefined;
  const progress = progressOf(deployment, current, owned, create, now);
  return {
    create,
    scale: [...targets]
      .filter(([set, replicas]) => replicasOf(set) !== replicas)
      .map(([set, replicas]) => ({ set, replicas })),
    revise: current !== undefined && String(revisionOf(current)) !== revision ? { set: current, revision } : undefined,
    remove: deleting ? [] : beyondHistory(deployment, old),
    revision,
    status: progress.status,
    recheckAfterMs: progress.recheckAfterMs,
  };
}

const replicasOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
const created = (set: ReplicaSet): number => Date.parse(set.metadata.creationTimestamp ?? '') || 0;
const sum = (sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + value(set), 0);

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;
}

/** Bounds of a rolling update in Pods; both zero would never get anywhere, so one may then be missing (ResolveFenceposts). */
export function rollingBounds(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const desired = deployment.spec.replicas ?? 1;
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = portion(maxSurge, desired, Math.ceil);
  const unavailable = portion(maxUnavailable, desired, Math.floor);
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, desired) };
}

function portion(value: number | string, of: number, round: (value: number) => number): number {
  const percent = /^([0-9]+)%$/.exec(String(value));
  return percent === null ? Number(value) || 0 : round((Number(percent[1]) * of) / 100);
}

const recreates = (deployment: Deployment): boolean => deployment.spec.strategy?.type === 'Recreate';

/** The size of a new ReplicaSet when it is created: what surge allows, or nothing until the old Pods are gone. */
function firstReplicas(deployment: Deployment, desired: number, old: readonly ReplicaSet[]): number {
  if (recreates(deployment)) return sum(old, podsLeft) > 0 ? 0 : desired;
  return grown(deployment, desired, 0, sum(old, replicasOf));
}

/** Pods that a ReplicaSet has or will have. */
const podsLeft = (set: ReplicaSet): number => Math.max(replicasOf(set), set.status?.replicas ?? 0);

/** A new ReplicaSet's size grows to `desired` as far as the total stays within surge. */
function grown(deployment: Deployment, desired: number, size: number, others: number): number {
  if (size >= desired) return desired;
  const room = desired + rollingBounds(deployment).maxSurge - (size + others);
  return room <= 0 ? size : Math.min(size + room, desired);
}

function targetReplicas(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Map<ReplicaSet, number> {
  const desired = deployment.spec.replicas ?? 1;
  const targets = new Map<ReplicaSet, number>();
  if (deployment.spec.paused === true) {
    // A paused rollout stays as it is, but a change of scale reaches the newest ReplicaSet that has Pods.
    const active = [current, ...old.toSorted((a, b) => revisionOf(b) - revisionOf(a))].filter(
      (set) => set !== undefined,
    );
    const newest = active.find((set) => replicasOf(set) > 0) ?? current;
    if (newest !== undefined) {
      targets.set(
        newest,
        Math.max(
          0,
          desired -
            sum(
              active.filter((set) => set !== newest),
              replicasOf,
            ),
        ),
      );
    }
    return targets;
  }
  if (recreates(deployment)) {
    for (const set of old) targets.set(set, 0);
    if (current !== undefined) targets.set(current, sum(old, podsLeft) > 0 ? replicasOf(current) : desired);
    return targets;
  }
  if (current === undefined) return targets;
  targets.set(current, grown(deployment, desired, replicasOf(current), sum(old, replicasOf)));
  for (const [set, replicas] of shrunk(deployment, desired, current, old)) targets.set(set, replicas);
  return targets;
}

/** Old ReplicaSets give up Pods while enough of all stay available: first those that are not, then the oldest. */
function shrunk(
  deployment: Deployment,
  desired: number,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): Map<ReplicaSet, number> {
  const minAvailable = desired - rollingBounds(deployment).maxUnavailable;
  // Of a ReplicaSet that has just been made smaller, the status still counts Pods that are about to go.
  const staying = (set: ReplicaSet): number => Math.min(availableOf(set), replicasOf(set));
  const sizes = new Map(old.toSorted((a, b) => created(a) - created(b)).map((set) => [set, replicasOf(set)]));
  const missingInNew = replicasOf(current) - staying(current);
  let removable = sum([...old, current], replicasOf) - minAvailable - missingInNew;
  for (const [set, size] of sizes) {
    const idle = Math.min(Math.max(0, removable), size - staying(set));
    sizes.set(set, size - idle);
    removable -= idle;
  }
  let spare = sum([...old, current], staying) - minAvailable;
  for (const [set, size] of sizes) {
    const extra = Math.min(size, Math.max(0, spare));
    sizes.set(set, size - extra);
    spare -= extra;
  }
  return sizes;
}

function newReplicaSet(deployment: Deployment, replicas: number, revision: string): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = contentHash({
    labels: template.metadata?.labels,
    annotations: template.metadata?.annotations,
    spec: template.spec,
  });
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash };
  const { name, namespace } = deployment.metadata;
  return {
    apiVersion: apiVersionOf(ReplicaSet),
    kind: ReplicaSet.kind,
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: { ...inheritedAnnotations(deployment), [revisionAnnotation]: revision },
      ownerReferences: [ownerReferenceTo(Deployment, deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function inheritedAnnotations(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name)),
  );
}

function beyondHistory(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const idle = old.filter((set) => replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0);
  const excess = idle.length - (deployment.spec.revisionHistoryLimit ?? 10);
  return excess <= 0 ? [] : idle.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess);
}

/** Counts and conditions as `kubectl rollout status` reads them. */
function progressOf(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  owned: readonly ReplicaSet[],
  create: ReplicaSet | undefined,
  now: Date,
): { status: DeploymentStatus; recheckAfterMs: number | undefined } {
  const desired = deployment.spec.replicas ?? 1;
  const replicas = sum(owned, (set) => set.status?.replicas ?? 0);
  const updatedReplicas = current?.status?.replicas ?? 0;
  const availableReplicas = sum(owned, availableOf);
  const counts = {
    replicas,
    updatedReplicas,
    readyReplicas: sum(owned, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(owned, replicasOf) - availableReplicas),
  };
  const complete =
    current !== undefined && updatedReplicas === desired && replicas === desired && availableReplicas === desired;
  const minimum = desired - (recreates(deployment) ? 0 : rollingBounds(deployment).maxUnavailable);
  const before = deployment.status?.conditions ?? [];
  const available: Report =
    availableReplicas >= minimum
      ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
      : {
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        };
  const progressing = progressReport(deployment, current, create, counts, complete, now);
  const { generation } = deployment.metadata;
  return {
    status: {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...counts,
      conditions: [
        dated('Available', available, before, now, false),
        dated('Progressing', progressing.report, before, now, progressing.advanced),
      ],
    },
    recheckAfterMs: progressing.recheckAfterMs,
  };
}

interface Report {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

type Counts = Pick<DeploymentStatus, 'updatedReplicas' | 'readyReplicas' | 'availableReplicas' | 'replicas'>;

function progressReport(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  create: ReplicaSet | undefined,
  counts: Counts,
  complete: boolean,
  now: Date,
): { report: Report; advanced: boolean; recheckAfterMs?: number } {
  const name = (current ?? create)?.metadata.name ?? '';
  const before = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  if (deployment.spec.paused === true && current === undefined) {
    const report = { status: 'True', reason: 'DeploymentPaused', message: 'Deployment is paused' } as const;
    return { report, advanced: false };
  }
  if (complete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return { report: { status: 'True', reason: 'NewReplicaSetAvailable', message }, advanced: false };
  }
  const status = deployment.status;
  const advanced =
    status !== undefined &&
    ((counts.updatedReplicas ?? 0) > (status.updatedReplicas ?? 0) ||
      (counts.readyReplicas ?? 0) > (status.readyReplicas ?? 0) ||
      (counts.availableReplicas ?? 0) > (status.availableReplicas ?? 0) ||
      (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < (status.replicas ?? 0) - (status.updatedReplicas ?? 0));
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  // What was said of another rollout does not count against this one: a Deployment may have been complete for days.
  const ofThisOne = before?.message?.includes(`"${name}"`) === true && before.reason !== 'NewReplicaSetAvailable';
  const since = (ofThisOne ? Date.parse(before.lastUpdateTime ?? '') : 0) || now.getTime();
  const late = ofThisOne && !advanced && create === undefined && now.getTime() - since >= deadlineMs;
  if (
    before?.reason === 'NewReplicaSetAvailable' &&
    create === undefined &&
    status?.updatedReplicas !== 0 &&
    !advanced
  ) {
    // A rollout that is complete stays so when a Pod fails later.
    if (before.message?.includes(`"${name}"`) === true) {
      return { report: { status: 'True', reason: before.reason, message: before.message }, advanced: false };
    }
  }
  if (late || (ofThisOne && before.reason === 'ProgressDeadlineExceeded' && !advanced && create === undefined)) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return { report: { status: 'False', reason: 'ProgressDeadlineExceeded', message }, advanced: false };
  }
  const report: Report =
    create === undefined
      ? { status: 'True', reason: 'ReplicaSetUpdated', message: `ReplicaSet "${name}" is progressing.` }
      : { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` };
  return { report, advanced, recheckAfterMs: Math.max(1000, since + deadlineMs - now.getTime()) };
}

function dated(
  type: string,
  report: Report,
  before: readonly DeploymentCondition[],
  now: Date,
  advanced: boolean,
): DeploymentCondition {
  const previous = before.find((condition) => condition.type === type);
  const same = previous?.reason === report.reason && previous.message === report.message && !advanced;
  const time = timestamp(now);
  return {
    type,
    ...report,
    lastUpdateTime: same ? (previous.lastUpdateTime ?? time) : time,
    lastTransitionTime: previous?.status === report.status ? (previous.lastTransitionTime ?? time) : time,
  };
}
