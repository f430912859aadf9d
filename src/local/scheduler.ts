import type { Node } from '../kinds/core/node.ts';
import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import { timestamp } from '../kube/conditions.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Informer } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';

/**
 * Binds every Pod that has no node to the only one there is, unless the node is cordoned (`spec.unschedulable`): then Pods wait
 * until it is not, except those that tolerate it. Resource requests, selectors and other taints are not looked at.
 */
export function startScheduler(options: {
  client: KubeClient;
  pods: Informer<Pod>;
  nodes: Informer<Node>;
  nodeName: string;
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, pods, nodes, nodeName, events, log } = options;
  return startController({
    name: 'scheduler',
    log,
    watches: [
      watch(pods, ({ object, deleted }) => (!deleted && unscheduled(object) ? [keyOf(object.metadata)] : [])),
      watch(nodes, () =>
        pods
          .list()
          .filter(unscheduled)
          .map(({ metadata }) => keyOf(metadata)),
      ),
    ],
    reconcile: async (key) => {
      const ref = refOf(key);
      const pod = pods.get(ref);
      if (pod === undefined || !unscheduled(pod)) return;
      if (nodes.get({ name: nodeName })?.spec?.unschedulable === true && !toleratesCordon(pod)) {
        await reportCordoned(client, events, pod);
        return;
      }
      await client.patch(Pod, ref, {
        type: 'merge',
        body: { metadata: { uid: pod.metadata.uid }, spec: { nodeName } },
      });
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`);
    },
  });
}

function unscheduled(pod: Pod): boolean {
  return !pod.spec.nodeName && pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed';
}

const cordonTaint = 'node.kubernetes.io/unschedulable';

function toleratesCordon(pod: Pod): boolean {
  return (pod.spec.tolerations ?? []).some(
    ({ key = '', operator = 'Equal', value = '', effect = '' }) =>
      (effect === '' || effect === 'NoSchedule') &&
      (operator === 'Exists' ? key === '' || key === cordonTaint : key === cordonTaint && value === ''),
  );
}

/** Says in the Pod's PodScheduled condition, and once in an Event, why it waits. */
async function reportCordoned(client: KubeClient, events: EventRecorder, pod: Pod): Promise<void> {
  const message = '0/1 nodes are available: 1 node(s) were unschedulable.';
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
