import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { ClusterRole, Role } from '../../kinds/rbac/role.ts';
import { quotedList, rulesText, uncovered } from '../auth/escalation.ts';
import type { Authorizer } from '../auth/rbac.ts';
import { equalJson, listAt, stringAt } from '../json.ts';
import { forbidden, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Admission, AdmissionPlugin } from './plugin.ts';

const group = 'rbac.authorization.k8s.io';
const roleKinds = new Set([`${group}/roles`, `${group}/clusterroles`]);
const bindingKinds = new Set([`${group}/rolebindings`, `${group}/clusterrolebindings`]);

/**
 * Nobody may give away by a role or a binding what he may not do himself, unless the verbs `escalate` and `bind` allow it
 * (pkg/registry/rbac: policybased storage).
 */
export function escalationAdmission(authorizer: Authorizer): AdmissionPlugin {
  return {
    handles: ({ operation, served }) =>
      operation !== 'DELETE' && (roleKinds.has(served.id) || bindingKinds.has(served.id)),
    async validate(admission) {
      await Promise.resolve();
      if (roleKinds.has(admission.served.id)) checkRole(authorizer, admission);
      else checkBinding(authorizer, admission);
    },
  };
}

/** All rules count at every update, changed or not: a label or an aggregationRule may give away what stands there already. */
function checkRole(authorizer: Authorizer, admission: Admission): void {
  const { object, oldObject, user, namespace, served } = admission;
  if (isOnlyForCollector(object, oldObject)) return;
  if (isAllowed(authorizer, admission, 'escalate', served.kind.plural, admission.urlName)) return;
  refuseUncovered(admission, uncovered(authorizer.rulesFor(user, namespace), rulesIn(object)));
  if (!aggregates(object) && !aggregates(oldObject)) return;
  // What it gathers may be anything, and taking selectors away may undo a restriction.
  if (uncovered(authorizer.rulesFor(user, undefined), everything).length === 0) return;
  const why = 'must have cluster-admin privileges to use the aggregationRule';
  throw forbidden(served.kind, admission.name, why);
}

const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

function aggregates(role: unknown): boolean {
  return listAt(role, 'aggregationRule', 'clusterRoleSelectors').length > 0;
}

function checkBinding(authorizer: Authorizer, admission: Admission): void {
  const { object, oldObject, user, namespace } = admission;
  if (isOnlyForCollector(object, oldObject)) return;
  const roleRef = {
    kind: stringAt(object, 'roleRef', 'kind') ?? '',
    name: stringAt(object, 'roleRef', 'name') ?? '',
  };
  const role = roleRef.kind === 'ClusterRole' ? ClusterRole : Role;
  if (isAllowed(authorizer, admission, 'bind', role.plural, roleRef.name)) return;
  const granted = authorizer.rulesOf(roleRef, namespace);
  if (granted === undefined) throw notFound(role, roleRef.name);
  refuseUncovered(admission, uncovered(authorizer.rulesFor(user, namespace), granted));
}

/** Fields that the garbage collector changes, so that it may do its work on roles whose rules it does not hold. */
const collectorFields = ['ownerReferences', 'finalizers', 'managedFields', 'resourceVersion'];

function isOnlyForCollector(object: StoredObject | undefined, old: StoredObject | undefined): boolean {
  return object !== undefined && old !== undefined && equalJson(comparable(object), comparable(old));
}

function comparable({ metadata, ...rest }: StoredObject): object {
  const kept = Object.entries(metadata).filter(([name]) => !collectorFields.includes(name));
  return { ...rest, metadata: Object.fromEntries(kept) };
}

function isAllowed(
  authorizer: Authorizer,
  { user, namespace }: Admission,
  verb: string,
  resource: string,
  name: string,
) {
  return authorizer.authorize(user, { verb, group, resource, subresource: undefined, namespace, name }).allowed;
}

function refuseUncovered({ served, name, user }: Admission, missing: readonly PolicyRule[]): void {
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${rulesText(missing)}`;
  throw forbidden(served.kind, name, why);
}

function rulesIn(role: unknown): PolicyRule[] {
  // Validated against the schema that the type stands for.
  return [...listAt(role, 'rules')] as PolicyRule[];
}
