import type * as rbac from 'kubernetes-types/rbac/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { column } from '../kubernetes/columns.ts';
import type { KubeObject } from '../object.ts';

export type Role = Builtin<rbac.Role>;
export type ClusterRole = Builtin<rbac.ClusterRole>;

const columns = [column<KubeObject>('Created At', (role) => role.metadata.creationTimestamp ?? '<unknown>')];
const group = 'rbac.authorization.k8s.io';

export const Role = defineBuiltin<Role>({
  group,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  model: 'V1Role',
  status: false,
  columns,
});

export const ClusterRole = defineBuiltin<ClusterRole>({
  group,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  model: 'V1ClusterRole',
  namespaced: false,
  status: false,
  columns,
});
