import { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { ClusterRole } from '../../../kinds/rbac/role.ts';
import { RoleBinding } from '../../../kinds/rbac/rolebinding.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import type { Reader } from '../../../reconcile/pass.ts';

/** Lets the downloads of a namespace report to their artifacts (aim.md 2.5, 9). */

export const statusWriter = 'aim-engine-artifact-status-updater';

/** Both are shared and so have no owner; who has changed them meant it, so that they are only made where they are missing. */
export function missingStatusWriter(namespace: string, read: Reader): Child[] {
  const shared = { owned: false };
  const role = read.get(ClusterRole, { name: statusWriter });
  const binding = read.get(RoleBinding, { namespace, name: statusWriter });
  return [
    ...(role === undefined ? [child(ClusterRole, { metadata: { name: statusWriter }, rules }, shared)] : []),
    ...(binding === undefined ? [bindingOf(namespace)] : []),
  ];
}

const rules = [
  { apiGroups: [AIMArtifact.group], resources: [`${AIMArtifact.plural}/status`], verbs: ['get', 'patch', 'update'] },
];

function bindingOf(namespace: string): Child {
  return child(
    RoleBinding,
    {
      metadata: { name: statusWriter, namespace },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
      roleRef: { apiGroup: ClusterRole.group, kind: ClusterRole.kind, name: statusWriter },
    },
    { owned: false },
  );
}
