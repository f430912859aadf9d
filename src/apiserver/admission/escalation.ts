import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { ruleText, uncovered } from '../auth/escalation.ts';
import type { Authorizer } from '../auth/rbac.ts';
import { equalJson, listAt, objectAt, stringAt } from '../json.ts';
import { forbidden } from '../status.ts';
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

function checkRole(authorizer: Authorizer, admission: Admission): void {
  const { object, oldObject, user, namespace, served } = admission;
  const rules = rulesIn(object);
  const changed = oldObject === undefined || !equalJson(rules, rulesIn(oldObject));
  if (!changed || isAllowed(authorizer, admission, 'escalate', served.kind.plural, admission.name)) return;
  refuseUncovered(admission, uncovered(authorizer.rulesFor(user, namespace), rules));
  if (objectAt(object, 'aggregationRule') === undefined) return;
  if (equalJson(objectAt(object, 'aggregationRule'), objectAt(oldObject, 'aggregationRule'))) return;
  // What it will gather is not known yet, so it may be anything.
  refuseUncovered(admission, uncovered(authorizer.rulesFor(user, undefined), everything));
}

const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

function checkBinding(authorizer: Authorizer, admission: Admission): void {
  const { object, oldObject, user, namespace } = admission;
  if (oldObject !== undefined && equalJson(object?.['subjects'], oldObject['subjects'])) return;
  const roleRef = {
    kind: stringAt(object, 'roleRef', 'kind') ?? '',
    name: stringAt(object, 'roleRef', 'name') ?? '',
  };
  const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (isAllowed(authorizer, admission, 'bind', plural, roleRef.name)) return;
  const granted = authorizer.rulesOf(roleRef, namespace);
  if (granted === undefined) {
    throw forbidden(admission.served.kind, admission.name, `${plural}.${group} "${roleRef.name}" not found`);
  }
  refuseUncovered(admission, uncovered(authorizer.rulesFor(user, namespace), granted));
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
  const who = `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)})`;
  const rules = missing.map(ruleText).join('\n');
  throw forbidden(served.kind, name, `${who} is attempting to grant RBAC permissions not currently held:\n${rules}`);
}

function rulesIn(role: unknown): PolicyRule[] {
  // Validated against the schema that the type stands for.
  return [...listAt(role, 'rules')] as PolicyRule[];
}
