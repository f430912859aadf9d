import type { Kind } from '../kind.ts';
import { ClusterRole, Role } from './role.ts';
import { ClusterRoleBinding, RoleBinding } from './rolebinding.ts';

export { ClusterRole, ClusterRoleBinding, Role, RoleBinding };

/** The kinds of rbac.authorization.k8s.io/v1. */
export const kinds: readonly Kind[] = [Role, ClusterRole, RoleBinding, ClusterRoleBinding];
