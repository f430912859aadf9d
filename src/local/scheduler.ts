import { Node } from '../kinds/core/node.ts';
import { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import { StorageClass } from '../kinds/storage/storageclass.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';
import { gpuResources, gpusOf, wantsGpus, type GpuResource } from './gpus.ts';
import { claimNamesOf, placePod, type PlacementView } from './placement.ts';
import { timestamp } from '../kinds/timestamp.ts';

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
  const bound = new Map<string, { nodeName: string; pod: Pod }>();

  const waiting = (namespace?: string): Pod[] => pods.list(namespace).filter(unscheduled);
  const keysOf = (list: readonly Pod[]): string[] => list.map(({ metadata }) => keyOf(metadata));

  const gpusTaken = (): ((nodeName: string, resource: GpuResource) => number) => {
    const taken = new Map<string, number>();
    const known = new Map(pods.list().map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const uid of bound.keys()) {
      if (known.get(uid) === undefined || known.get(uid)?.spec.nodeName !== undefined) bound.delete(uid);
    }
    const add = (nodeName: string, pod: Pod): void => {
      for (const resource of gpuResources) {
        const key = `${nodeName}/${resource}`;
        taken.set(key, (taken.get(key) ?? 0) + gpusOf(pod, resource));
      }
    };
    for (const pod of known.values()) if (pod.spec.nodeName && !finished(pod)) add(pod.spec.nodeName, pod);
    for (const { nodeName, pod } of bound.values()) add(nodeName, pod);
    return (nodeName, resource) => taken.get(`${nodeName}/${resource}`) ?? 0;
  };

  const viewFor = ({ metadata: { namespace } }: Pod): PlacementView => {
    let taken: PlacementView['gpusTaken'] | undefined;
    return {
      nodes: nodeNames.flatMap((name) => nodes.get({ name }) ?? []),
      gpusTaken: (nodeName, resource) => (taken ??= gpusTaken())(nodeName, resource),
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
        (deleted || finished(object)) && wantsGpus(object) ? keysOf(waiting().filter(wantsGpus)) : [],
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
      if (wantsGpus(pod)) bound.set(pod.metadata.uid ?? '', { nodeName, pod });
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
