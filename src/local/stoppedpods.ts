import { Pod } from '../kinds/core/pod.ts';
import { isNotFound, type KubeClient } from '../kube/client.ts';
import { stoppedPodStatus } from './podstatus.ts';

/**
 * Reports the Pods of a node that was stopped or killed as not ready, before anybody acts on what it last wrote: until
 * they run again, routes must not lead to them, nor may `headgate up` take them for ready.
 */
export async function reportStoppedPods(client: KubeClient, nodeNames: readonly string[]): Promise<void> {
  const lists = nodeNames.map((name) => client.list(Pod, { fieldSelector: `spec.nodeName=${name}` }));
  for (const pod of (await Promise.all(lists)).flatMap(({ items }) => items)) {
    const status = stoppedPodStatus(pod, new Date());
    if (status === undefined) continue;
    await client
      .patch(Pod, pod.metadata, { type: 'merge', body: { status }, subresource: 'status' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}
