import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Node = Builtin<core.Node>;

const roleLabel = 'node-role.kubernetes.io/';

export const Node = defineBuiltin<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  model: 'V1Node',
  shortNames: ['no'],
  namespaced: false,
  columns: [
    column<Node>('Status', statusText),
    column<Node>('Roles', rolesText),
    age,
    column<Node>('Version', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    column<Node>('Internal-IP', (node) => address(node, 'InternalIP'), { wide: true }),
    column<Node>('External-IP', (node) => address(node, 'ExternalIP'), { wide: true }),
    column<Node>('OS-Image', (node) => node.status?.nodeInfo?.osImage || '<unknown>', { wide: true }),
    column<Node>('Kernel-Version', (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>', { wide: true }),
    column<Node>('Container-Runtime', (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>', {
      wide: true,
    }),
  ],
});

function statusText(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable ? `${text},SchedulingDisabled` : text;
}

function rolesText(node: Node): string {
  const roles = Object.keys(node.metadata.labels ?? {})
    .filter((label) => label.startsWith(roleLabel))
    .map((label) => label.slice(roleLabel.length));
  return roles.length === 0 ? '<none>' : roles.toSorted().join(',');
}

function address(node: Node, type: string): string {
  return node.status?.addresses?.find((entry) => entry.type === type)?.address ?? '<none>';
}
