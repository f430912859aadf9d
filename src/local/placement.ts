import type { NodeSelectorRequirement } from 'kubernetes-types/core/v1.js';
import type { Node } from '../kinds/core/node.ts';
import type { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import type { Pod } from '../kinds/core/pod.ts';
import { parseQuantity } from '../kinds/quantity.ts';
import { gpuResources, gpusOf, isGpuLabel, type GpuResource } from './gpus.ts';

/** Which node takes a Pod. A pure function of what is known. */

export interface Placement {
  nodeName: string;
}

export interface Unplaced {
  /** As kube-scheduler says it in FailedScheduling. */
  message: string;
}

export interface PlacementView {
  nodes: readonly Node[];
  /** GPUs that the Pods of a node hold. */
  gpusTaken(nodeName: string, resource: GpuResource): number;
  /** A claim of the Pod's namespace. */
  claim(name: string): PersistentVolumeClaim | undefined;
  /** True when the claim is bound once a Pod that uses it has a node (volumeBindingMode WaitForFirstConsumer). */
  bindsLate(claim: PersistentVolumeClaim): boolean;
}

/**
 * The first node that is not cordoned, has the GPUs that the Pod asks for and the labels of GPUs that it must have, as far as
 * any node has such labels. Requests of other resources, other labels and taints are not looked at: a process runs wherever it
 * is started.
 */
export function placePod(pod: Pod, view: PlacementView): Placement | Unplaced {
  const total = view.nodes.length;
  const volumes = unboundClaims(pod, view);
  if (volumes !== undefined) return { message: `0/${String(total)} nodes are available: ${volumes}.` };
  const reasons = new Map<string, number>();
  for (const node of view.nodes) {
    const reason = refusal(pod, node, view);
    if (reason === undefined) return { nodeName: node.metadata.name };
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const parts = [...reasons].map(([reason, count]) => `${String(count)} ${reason}`).toSorted();
  return { message: `0/${String(total)} nodes are available: ${parts.join(', ')}.` };
}

function unboundClaims(pod: Pod, view: PlacementView): string | undefined {
  for (const name of claimNamesOf(pod)) {
    const claim = view.claim(name);
    if (claim === undefined) return `persistentvolumeclaim "${name}" not found`;
    if (claim.status?.phase !== 'Bound' && !view.bindsLate(claim)) {
      return 'pod has unbound immediate PersistentVolumeClaims';
    }
  }
  return undefined;
}

/** PersistentVolumeClaims that a Pod mounts. */
export function claimNamesOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName],
  );
}

function refusal(pod: Pod, node: Node, view: PlacementView): string | undefined {
  if (node.spec?.unschedulable === true && !toleratesCordon(pod)) return 'node(s) were unschedulable';
  if (!hasGpuLabels(pod, node, view.nodes)) return "node(s) didn't match Pod's node affinity/selector";
  for (const resource of gpuResources) {
    const wanted = gpusOf(pod, resource);
    const capacity = parseQuantity(node.status?.allocatable?.[resource] ?? '0') ?? 0;
    if (wanted > 0 && view.gpusTaken(node.metadata.name, resource) + wanted > capacity)
      return `Insufficient ${resource}`;
  }
  return undefined;
}

const cordonTaint = 'node.kubernetes.io/unschedulable';

function toleratesCordon(pod: Pod): boolean {
  return (pod.spec.tolerations ?? []).some(
    ({ key = '', operator = 'Equal', value = '', effect = '' }) =>
      (effect === '' || effect === 'NoSchedule') &&
      (operator === 'Exists' ? key === '' || key === cordonTaint : key === cordonTaint && value === ''),
  );
}

function hasGpuLabels(pod: Pod, node: Node, nodes: readonly Node[]): boolean {
  const labels = node.metadata.labels ?? {};
  const matters = (key: string): boolean =>
    isGpuLabel(key) && nodes.some(({ metadata }) => metadata.labels?.[key] !== undefined);
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(
    ([key, value]) => !matters(key) || labels[key] === value,
  );
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const met = terms.some(({ matchExpressions = [] }) =>
    matchExpressions.every((term) => !matters(term.key) || meets(labels[term.key], term)),
  );
  return selected && (terms.length === 0 || met);
}

function meets(value: string | undefined, { operator, values = [] }: NodeSelectorRequirement): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
