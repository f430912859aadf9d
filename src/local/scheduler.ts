import { Pod } from '../kinds/core/pod.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Informer } from '../kube/informer.ts';
import type { Log } from '../telemetry/log.ts';

/** Binds every Pod that has no node to the only one there is. Resource requests, selectors and taints are not looked at. */
export function startScheduler(options: {
  client: KubeClient;
  pods: Informer<Pod>;
  nodeName: string;
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, pods, nodeName, events, log } = options;
  return startController({
    name: 'scheduler',
    log,
    watches: [watch(pods, ({ object, deleted }) => (!deleted && unscheduled(object) ? [keyOf(object.metadata)] : []))],
    reconcile: async (key) => {
      const ref = refOf(key);
      const pod = pods.get(ref);
      if (pod === undefined || !unscheduled(pod)) return;
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
