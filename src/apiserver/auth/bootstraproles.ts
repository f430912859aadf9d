import { readFileSync } from 'node:fs';
import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { ClusterRole } from '../../kinds/rbac/role.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import { isObject, type JsonObject } from '../json.ts';

/**
 * The ClusterRoles and ClusterRoleBindings that exist from the first start. `bootstraproles.json` has those of Kubernetes
 * v1.32.5 that users meet (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata, Apache-2.0); added are roles that
 * extend `view`, `edit` and `admin` to the kinds that are not Kubernetes' own.
 */
export function bootstrapRoles(kinds: readonly Kind[]): JsonObject[] {
  const parsed: unknown = JSON.parse(readFileSync(new URL('bootstraproles.json', import.meta.url), 'utf8'));
  if (!Array.isArray(parsed)) throw new Error('bootstraproles.json must be a list');
  return [...parsed.filter(isObject), ...customRoles(kinds)];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

function customRoles(kinds: readonly Kind[]): JsonObject[] {
  const namespaced = kinds.filter((kind) => !kind.builtin && kind.namespaced);
  const groups = [...new Set(namespaced.map(({ group }) => group))].toSorted();
  const rules = (verbs: readonly string[], withStatus: boolean): PolicyRule[] =>
    groups.map((group) => ({
      apiGroups: [group],
      resources: namespaced
        .filter((kind) => kind.group === group)
        .flatMap(({ plural, status }) => [plural, ...(withStatus && status ? [`${plural}/status`] : [])])
        .toSorted(),
      verbs: [...verbs],
    }));
  const metrics: PolicyRule = { apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: read };
  return [
    roleOf('headgate:aggregate-to-view', 'view', [...rules(read, true), metrics]),
    roleOf('headgate:aggregate-to-edit', 'edit', rules(write, false)),
  ];
}

function roleOf(name: string, target: string, rules: PolicyRule[]): JsonObject {
  return {
    apiVersion: apiVersionOf(ClusterRole),
    kind: ClusterRole.kind,
    metadata: {
      name,
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
      labels: { [`rbac.authorization.k8s.io/aggregate-to-${target}`]: 'true' },
    },
    rules,
  };
}
