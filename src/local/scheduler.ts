import { Node } from '../kinds/core/node.ts';
import { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import { StorageClass } from '../kinds/storage/storageclass.ts';
import { timestamp } from '../kube/conditions.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';
import { gpusOf } from './gpus.ts';
import { claimNamesOf, placePod, type PlacementView } from './placement.ts';

/** Binds every Pod that has no node to one of this process's nodes, as soon as one can take it (placement.ts). */
export function startScheduler(options: {
  client: KubeClient;
  informers: InformerCache;
  nodeNames: readonly string[];
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, informers, nodeNames, events, log } = options;
  const pods = informers.informer(Pod);
  const nodes = informers.informer(Node);
  const claims = informers.informer(PersistentVolumeClaim);
  const classes = informers.informer(StorageClass);
  // Pods bound just now, which the cache may still show without a node.
  const bound = new Map<string, { nodeName: string; gpus: number }>();

  const waiting = (namespace?: string): Pod[] => pods.list(namespace).filter(unscheduled);
  const keysOf = (list: readonly Pod[]): string[] => list.map(({ metadata }) => keyOf(metadata));

  const gpusTaken = (): ((nodeName: string) => number) => {
    const taken = new Map<string, number>();
    const known = new Map(pods.list().map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const uid of bound.keys()) {
      if (known.get(uid) === undefined || known.get(uid)?.spec.nodeName !== undefined) bound.delete(uid);
    }
    const add = (nodeName: string, gpus: number): unknown => taken.set(nodeName, (taken.get(nodeName) ?? 0) + gpus);
    for (const pod of known.values()) if (pod.spec.nodeName && !finished(pod)) add(pod.spec.nodeName, gpusOf(pod));
    for (const { nodeName, gpus } of bound.values()) add(nodeName, gpus);
    return (nodeName) => taken.get(nodeName) ?? 0;
  };

  const viewFor = ({ metadata: { namespace } }: Pod): PlacementView => {
    let taken: ((nodeName: string) => number) | undefined;
    return {
      nodes: nodeNames.flatMap((name) => nodes.get({ name }) ?? []),
      gpusTaken: (nodeName) => (taken ??= gpusTaken())(nodeName),
      claim: (name) => claims.get({ namespace, name }),
      bindsLate: ({ spec }) =>
        classes.get({ name: spec.storageClassName ?? '' })?.volumeBindingMode === 'WaitForFirstConsumer',
    };
  };

  return startController({
    name: 'scheduler',
    log,
    watches: [
      watch(pods, ({ object, deleted }) => (!deleted && unscheduled(object) ? [keyOf(object.metadata)] : [])),
      // A Pod that ends gives its GPUs back.
      watch(pods, ({ object, deleted }) =>
        (deleted || finished(object)) && gpusOf(object) > 0 ? keysOf(waiting().filter((pod) => gpusOf(pod) > 0)) : [],
      ),
      watch(nodes, () => keysOf(waiting())),
      watch(claims, ({ object: { metadata } }) =>
        keysOf(waiting(metadata.namespace).filter((pod) => claimNamesOf(pod).includes(metadata.name))),
      ),
    ],
    reconcile: async (key) => {
      const ref = refOf(key);
      const pod = pods.get(ref);
      if (pod === undefined || !unscheduled(pod) || bound.has(pod.metadata.uid ?? '')) return;
      const placement = placePod(pod, viewFor(pod));
      if ('message' in placement) {
        await reportWaiting(client, events, pod, placement.message);
        return;
      }
      const { nodeName } = placement;
      await client.patch(Pod, ref, {
        type: 'merge',
        body: { metadata: { uid: pod.metadata.uid }, spec: { nodeName } },
      });
      const gpus = gpusOf(pod);
      if (gpus > 0) bound.set(pod.metadata.uid ?? '', { nodeName, gpus });
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`);
    },
  });
}

function unscheduled(pod: Pod): boolean {
  return !pod.spec.nodeName && pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed';
}

function finished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Says in the Pod's PodScheduled condition, and once in an Event, why it waits. */
async function reportWaiting(client: KubeClient, events: EventRecorder, pod: Pod, message: string): Promise<void> {
  const known = pod.status?.conditions ?? [];
  if (
    known.some(({ type, status, message: said }) => type === 'PodScheduled' && status === 'False' && said === message)
  ) {
    return;
  }
  const waits = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: timestamp(),
  };
  const conditions = [...known.filter(({ type }) => type !== 'PodScheduled'), waits];
  await client.patch(Pod, refOf(keyOf(pod.metadata)), {
    type: 'merge',
    subresource: 'status',
    body: { status: { conditions } },
  });
  events.event(pod, 'Warning', 'FailedScheduling', message);
}
