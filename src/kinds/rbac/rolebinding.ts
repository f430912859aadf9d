import type * as rbac from 'kubernetes-types/rbac/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type RoleBinding = Builtin<rbac.RoleBinding, 'roleRef'>;
export type ClusterRoleBinding = Builtin<rbac.ClusterRoleBinding, 'roleRef'>;

const columns = [
  column<RoleBinding>('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  age,
  column<RoleBinding>('Users', (binding) => subjects(binding, 'User'), { wide: true }),
  column<RoleBinding>('Groups', (binding) => subjects(binding, 'Group'), { wide: true }),
  column<RoleBinding>('ServiceAccounts', (binding) => subjects(binding, 'ServiceAccount'), { wide: true }),
];
const group = 'rbac.authorization.k8s.io';

export const RoleBinding = defineBuiltin<RoleBinding>({
  group,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  model: 'V1RoleBinding',
  status: false,
  columns,
});

export const ClusterRoleBinding = defineBuiltin<ClusterRoleBinding>({
  group,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  model: 'V1ClusterRoleBinding',
  namespaced: false,
  status: false,
  columns,
});

function subjects(binding: RoleBinding, kind: string): string {
  return (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace ?? ''}/${subject.name}` : subject.name))
    .join(', ');
}
