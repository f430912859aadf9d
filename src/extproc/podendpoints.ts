/** Which endpoints the pods of a pool are (epp.md 4.6). */
import { isPodReady, type Pod } from '../kinds/core/pod.ts';
import { matchesLabels, type LabelSelector } from '../kinds/labels.ts';
import type { PickerEndpoint } from '../picker/request.ts';

/** Comma lists of the target ports that a pod really serves; the second is the older name. */
const activePortsAnnotations = ['llm-d.ai/active-ports', 'inference.networking.k8s.io/active-ports'];

/** One endpoint per ready pod and active port, in the order of the pods' names. */
export function podEndpoints(
  pods: readonly Pod[],
  pool: { selector: LabelSelector; ports: readonly number[] },
): PickerEndpoint[] {
  return pods
    .filter((pod) => matchesLabels(pool.selector, pod.metadata.labels) && isReady(pod))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((pod) => endpointsOf(pod, pool.ports));
}

function isReady(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || (pod.status?.podIP ?? '') === '') return false;
  return isPodReady(pod);
}

function endpointsOf(pod: Pod, ports: readonly number[]): PickerEndpoint[] {
  const address = pod.status?.podIP ?? '';
  const active = activePorts(pod);
  return ports.flatMap((port, rank) => {
    if (active !== undefined && !active.has(port)) return [];
    return {
      key: endpointKey(address, port),
      address,
      port,
      name: `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}-rank-${String(rank)}`,
      podName: pod.metadata.name,
      labels: pod.metadata.labels ?? {},
    };
  });
}

export function endpointKey(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

function activePorts(pod: Pod): ReadonlySet<number> | undefined {
  for (const name of activePortsAnnotations) {
    const text = pod.metadata.annotations?.[name];
    if (text !== undefined) return new Set(text.split(',').map((port) => Number(port.trim())));
  }
  return undefined;
}
