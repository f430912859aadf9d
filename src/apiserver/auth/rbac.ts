import type { PolicyRule, Subject } from 'kubernetes-types/rbac/v1.js';
import type { ClusterRole, Role } from '../../kinds/rbac/role.ts';
import type { ClusterRoleBinding, RoleBinding } from '../../kinds/rbac/rolebinding.ts';
import { keyOf } from '../../kinds/object.ts';
import type { Store } from '../store/store.ts';
import { fullResource, isResource, type Attributes, type ResourceAttributes } from './attributes.ts';
import { mastersGroup, serviceAccountUserName, type User } from './user.ts';

/** Decides by Roles and bindings (the RBAC authorizer of Kubernetes). What no rule allows is forbidden. */
export interface Authorizer {
  authorize(user: User, attributes: Attributes): Verdict;
  /** The rules that hold for a user in a namespace, and at the cluster scope when that is undefined. */
  rulesFor(user: User, namespace: string | undefined): PolicyRule[];
  /** The rules of the role that a binding in `namespace` refers to; undefined when there is none. */
  rulesOf(roleRef: RoleRef, namespace: string | undefined): readonly PolicyRule[] | undefined;
}

export interface Verdict {
  allowed: boolean;
  /** Why, for reviews. */
  reason: string;
}

export interface RoleRef {
  kind: string;
  name: string;
}

const group = 'rbac.authorization.k8s.io';

/** A rule that holds for a user, with the binding that says so. */
interface Grant {
  rule: PolicyRule;
  reason: string;
}

export function createAuthorizer(store: Store): Authorizer {
  // Stored objects of these kinds have been validated against the schemas that the types stand for.
  const list = <T>(plural: string, namespace?: string) =>
    store.list(`${group}/${plural}`, namespace) as unknown as readonly T[];

  const rulesOf = ({ kind, name }: RoleRef, namespace: string | undefined): readonly PolicyRule[] | undefined => {
    const id = kind === 'ClusterRole' ? `${group}/clusterroles` : `${group}/roles`;
    const key = kind === 'ClusterRole' ? name : keyOf({ namespace, name });
    const role = store.get(id, key) as unknown as Role | ClusterRole | undefined;
    return role === undefined ? undefined : (role.rules ?? []);
  };

  function* grants(user: User, namespace: string | undefined): Generator<Grant> {
    const bindings: { binding: RoleBinding | ClusterRoleBinding; label: string }[] = [
      ...list<ClusterRoleBinding>('clusterrolebindings').map((binding) => ({
        binding,
        label: `ClusterRoleBinding ${JSON.stringify(binding.metadata.name)}`,
      })),
      ...(namespace === undefined || namespace === '' ? [] : list<RoleBinding>('rolebindings', namespace)).map(
        (binding) => ({
          binding,
          label: `RoleBinding ${JSON.stringify(`${binding.metadata.name}/${binding.metadata.namespace}`)}`,
        }),
      ),
    ];
    for (const { binding, label } of bindings) {
      const subject = binding.subjects?.find((one) => isMeant(one, user, binding.metadata.namespace));
      if (subject === undefined) continue;
      const { roleRef } = binding;
      const reason = `RBAC: allowed by ${label} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subjectText(subject)}`;
      for (const rule of rulesOf(roleRef, binding.metadata.namespace) ?? []) yield { rule, reason };
    }
  }

  return {
    rulesOf,
    authorize(user, attributes) {
      if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
      const namespace = isResource(attributes) ? attributes.namespace : undefined;
      for (const { rule, reason } of grants(user, namespace)) {
        if (allows(rule, attributes)) return { allowed: true, reason };
      }
      return { allowed: false, reason: '' };
    },
    rulesFor(user, namespace) {
      const everything: PolicyRule[] = [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ];
      const held = [...grants(user, namespace)].map(({ rule }) => rule);
      return user.groups.includes(mastersGroup) ? [...everything, ...held] : held;
    },
  };
}

function isMeant({ kind, name, namespace }: Subject, user: User, bindingNamespace: string | undefined): boolean {
  if (kind === 'User') return name === user.name;
  if (kind === 'Group') return user.groups.includes(name);
  const home = namespace === undefined || namespace === '' ? bindingNamespace : namespace;
  return kind === 'ServiceAccount' && home !== undefined && serviceAccountUserName(home, name) === user.name;
}

function subjectText({ kind, name, namespace }: Subject): string {
  return `${kind} ${JSON.stringify(kind === 'ServiceAccount' ? `${name}/${namespace ?? ''}` : name)}`;
}

/** Whether one rule allows something. */
export function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false;
  if (!isResource(attributes)) return (rule.nonResourceURLs ?? []).some((url) => coversPath(url, attributes.path));
  const names = rule.resourceNames ?? [];
  return (
    includes(rule.apiGroups ?? [], attributes.group) &&
    (rule.resources ?? []).some((resource) => coversResource(resource, attributes)) &&
    (names.length === 0 || names.includes(attributes.name))
  );
}

function includes(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}

/** `*` is everything, `pods/log` that subresource, and `*` + `/scale` that subresource of everything. */
function coversResource(pattern: string, attributes: ResourceAttributes): boolean {
  if (pattern === '*' || pattern === fullResource(attributes)) return true;
  return attributes.subresource !== undefined && pattern === `*/${attributes.subresource}`;
}

function coversPath(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}
