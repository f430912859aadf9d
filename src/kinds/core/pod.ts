import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, since } from '../kubernetes/columns.ts';

export type Pod = Builtin<core.Pod, 'spec'>;

export const Pod = defineBuiltin<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  model: 'V1Pod',
  shortNames: ['po'],
  categories: ['all'],
  columns: [
    column<Pod>('Ready', (pod) => {
      const { ready, total } = containerCounts(pod);
      return `${ready}/${total}`;
    }),
    column<Pod>('Status', podStatusText),
    column<Pod>('Restarts', restartsText),
    age,
    column<Pod>('IP', (pod) => pod.status?.podIP ?? '<none>', { wide: true }),
    column<Pod>('Node', (pod) => pod.spec.nodeName ?? '<none>', { wide: true }),
    column<Pod>('Nominated Node', (pod) => pod.status?.nominatedNodeName ?? '<none>', { wide: true }),
    column<Pod>('Readiness Gates', readinessGatesText, { wide: true }),
  ],
});

/** On Pods that stand for something a node runs by itself: it starts nothing for them. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** The Pod's condition Ready is True. */
export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

function containerCounts(pod: Pod): { ready: number; total: number } {
  const statuses = pod.status?.containerStatuses ?? [];
  const ready = statuses.filter((status) => status.ready && status.state?.running !== undefined).length;
  return { ready, total: pod.spec.containers.length };
}

/** The STATUS cell (printPod in pkg/printers/internalversion): the most telling reason of pod and containers. */
function podStatusText(pod: Pod): string {
  const initReason = initContainersText(pod);
  let reason = initReason ?? pod.status?.reason ?? pod.status?.phase ?? 'Unknown';
  if (initReason === undefined) {
    let running = false;
    for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
      if (status.state?.waiting?.reason) reason = status.state.waiting.reason;
      else if (status.state?.terminated !== undefined) reason = terminatedText(status.state.terminated);
      else if (status.ready && status.state?.running !== undefined) running = true;
    }
    if (reason === 'Completed' && running) {
      reason = isPodReady(pod) ? 'Running' : 'NotReady';
    }
  }
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? reason : 'Terminating';
}

/** `Init:1/2`, `Init:CrashLoopBackOff`...; undefined when the init containers are done. */
function initContainersText(pod: Pod): string | undefined {
  const specs = pod.spec.initContainers ?? [];
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { state } = status;
    const sidecar = specs[index]?.restartPolicy === 'Always';
    if (state?.terminated?.exitCode === 0) continue;
    if (sidecar && status.started) continue;
    if (state?.terminated !== undefined) return `Init:${terminatedText(state.terminated)}`;
    const waiting = state?.waiting?.reason;
    if (waiting && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${specs.length}`;
  }
  return undefined;
}

function terminatedText(state: core.ContainerStateTerminated): string {
  if (state.reason) return state.reason;
  return state.signal ? `Signal:${state.signal}` : `ExitCode:${state.exitCode}`;
}

function restartsText(pod: Pod, now: Date): string {
  const statuses = pod.status?.containerStatuses ?? [];
  const restarts = statuses.reduce((sum, status) => sum + status.restartCount, 0);
  const last = statuses
    .map((status) => status.lastState?.terminated?.finishedAt)
    .filter((time) => time !== undefined)
    .toSorted()
    .at(-1);
  return restarts > 0 && last !== undefined ? `${restarts} (${since(last, now)} ago)` : String(restarts);
}

function readinessGatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) =>
    pod.status?.conditions?.some((c) => c.type === gate.conditionType && c.status === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
