import type { ReplicaSetStatus } from 'kubernetes-types/apps/v1.js';
import { ReplicaSet } from '../kinds/apps/replicaset.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import { controllerOf, isControlledBy } from '../kube/owners.ts';
import type { Log } from '../telemetry/log.ts';
import { isActive, podFromTemplate, readySince } from './podtemplate.ts';

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
const podsByOwner = 'controller-uid';

export function indexPodsByOwner(informers: InformerCache): (owner: string) => readonly Pod[] {
  const pods = informers.informer(Pod);
  pods.addIndex(podsByOwner, (pod) => {
    const uid = controllerOf(pod)?.uid;
    return uid === undefined ? [] : [uid];
  });
  return (owner) => pods.byIndex(podsByOwner, owner);
}

/** Keeps as many Pods of each ReplicaSet as it declares. Pods are found by their controller reference; none are adopted. */
export function startReplicaSetController(options: {
  client: KubeClient;
  informers: InformerCache;
  podsOf: (ownerUid: string) => readonly Pod[];
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, informers, podsOf, events, log } = options;
  const sets = informers.informer(ReplicaSet);

  const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
    const ref = refOf(key);
    const set = sets.get(ref);
    if (set === undefined) return undefined;
    let plan = planReplicaSet(set, podsOf(set.metadata.uid ?? ''), new Date());
    if (plan.create > 0 || plan.remove.length > 0) {
      // The cache may lag behind what the last pass did; acting on it would create Pods twice.
      const { items } = await client.list(Pod, { namespace: ref.namespace });
      const owned = items.filter((pod) => isControlledBy(pod, set));
      plan = planReplicaSet(set, owned, new Date());
    }
    for (let i = 0; i < Math.min(plan.create, maxBurst); i++) {
      const pod = await client.create(Pod, podFromTemplate({ kind: ReplicaSet, object: set }, set.spec.template));
      events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    }
    for (const pod of plan.remove) {
      await client.delete(Pod, pod.metadata, pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid });
      events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    }
    await writeStatus(client, set, plan.status);
    return plan.recheckAfterMs === undefined ? undefined : { requeueAfterMs: plan.recheckAfterMs };
  };

  return startController({
    name: 'replicaset',
    log,
    watches: [
      watch(sets, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(informers.informer(Pod), ({ object, previous }) => [
        ...ownerKeys(object),
        ...(previous === undefined ? [] : ownerKeys(previous)),
      ]),
    ],
    reconcile,
  });
}

function ownerKeys(pod: Pod): string[] {
  const owner = controllerOf(pod);
  if (owner?.kind !== ReplicaSet.kind) return [];
  return [keyOf({ namespace: pod.metadata.namespace, name: owner.name })];
}

async function writeStatus(client: KubeClient, set: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
  const current: Partial<ReplicaSetStatus> = set.status ?? {};
  const fields = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'observedGeneration',
  ] as const;
  if (fields.every((field) => current[field] === status[field])) return;
  await client.patch(ReplicaSet, set.metadata, { type: 'merge', body: { status }, subresource: 'status' });
}
