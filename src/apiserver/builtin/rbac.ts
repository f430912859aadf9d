import { equalJson, isObject, listAt, stringAt, type JsonObject } from '../json.ts';
import { checkLabels } from '../schema/metadata.ts';
import { invalidValue, notSupported, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Strategy } from './strategy.ts';

/** Roles and bindings (pkg/apis/rbac/validation). Who may write which of them is admission/escalation.ts. */

const group = 'rbac.authorization.k8s.io';

export const roles: Strategy = { validate: (object) => checkPolicyRules(object, true) };

export const clusterRoles: Strategy = {
  validate: (object) => [...checkPolicyRules(object, false), ...checkAggregation(object)],
};

export const roleBindings: Strategy = bindings(['Role', 'ClusterRole'], true);
export const clusterRoleBindings: Strategy = bindings(['ClusterRole'], false);

function checkPolicyRules(role: StoredObject, namespaced: boolean): FieldError[] {
  return listAt(role, 'rules').flatMap((rule, index) => checkPolicyRule(rule, `rules[${index}]`, namespaced));
}

function checkPolicyRule(rule: unknown, path: string, namespaced: boolean): FieldError[] {
  const has = (field: string) => listAt(rule, field).length > 0;
  const errors = has('verbs') ? [] : [required(`${path}.verbs`, 'verbs must contain at least one value')];
  if (has('nonResourceURLs')) {
    const field = `${path}.nonResourceURLs`;
    const urls = listAt(rule, 'nonResourceURLs');
    if (namespaced) errors.push(invalidValue(field, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (has('apiGroups') || has('resources') || has('resourceNames')) {
      errors.push(invalidValue(field, urls, 'rules cannot apply to both regular resources and non-resource URLs'));
    }
    return errors;
  }
  if (!has('apiGroups')) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (!has('resources')) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

function checkAggregation(role: StoredObject): FieldError[] {
  if (!isObject(role['aggregationRule'])) return [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors');
  if (selectors.length === 0) {
    return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  }
  return selectors.flatMap((selector, index) => checkLabelSelector(selector, `${path}[${index}]`));
}

/** metav1.LabelSelector (apimachinery ValidateLabelSelector). */
function checkLabelSelector(selector: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const labels = isObject(selector) && isObject(selector['matchLabels']) ? selector['matchLabels'] : {};
  checkLabels(labels, `${path}.matchLabels`, errors);
  for (const [index, expression] of listAt(selector, 'matchExpressions').entries()) {
    errors.push(...checkExpression(expression, `${path}.matchExpressions[${index}]`));
  }
  return errors;
}

function checkExpression(expression: unknown, path: string): FieldError[] {
  const operator = stringAt(expression, 'operator') ?? '';
  const values = listAt(expression, 'values');
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push({ reason: 'FieldValueForbidden', field: `${path}.values`, message });
    }
  } else {
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  checkLabels({ [stringAt(expression, 'key') ?? '']: '' }, `${path}.key`, errors);
  return errors;
}

function bindings(kinds: readonly string[], namespaced: boolean): Strategy {
  return {
    prepare(object) {
      const subjects = listAt(object, 'subjects');
      return subjects.length === 0 ? object : { ...object, subjects: subjects.map(withApiGroup) };
    },
    validate(object, previous) {
      const errors = checkRoleRef(object, kinds);
      for (const [index, subject] of listAt(object, 'subjects').entries()) {
        errors.push(...checkSubject(subject, `subjects[${index}]`, namespaced));
      }
      if (previous !== undefined && !equalJson(object['roleRef'], previous['roleRef'])) {
        errors.push(invalidValue('roleRef', object['roleRef'], 'cannot change roleRef'));
      }
      return errors;
    },
  };
}

/** Users and groups are of the RBAC group unless something else is said. */
function withApiGroup(subject: unknown): unknown {
  if (!isObject(subject) || (stringAt(subject, 'apiGroup') ?? '') !== '') return subject;
  const named = subject['kind'] === 'User' || subject['kind'] === 'Group';
  return named ? { ...subject, apiGroup: group } : subject;
}

function checkRoleRef(binding: StoredObject, kinds: readonly string[]): FieldError[] {
  const { apiGroup, kind, name } = isObject(binding['roleRef']) ? binding['roleRef'] : ({} as JsonObject);
  return [
    ...(apiGroup === group ? [] : [notSupported('roleRef.apiGroup', apiGroup, [group])]),
    ...(kinds.some((one) => one === kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(name === undefined || name === '' ? [required('roleRef.name')] : []),
  ];
}

function checkSubject(subject: unknown, path: string, namespaced: boolean): FieldError[] {
  const [kind, name, apiGroup, namespace] = ['kind', 'name', 'apiGroup', 'namespace'].map(
    (field) => stringAt(subject, field) ?? '',
  );
  const errors = name === '' ? [required(`${path}.name`)] : [];
  if (kind === 'ServiceAccount') {
    if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
    if (!namespaced && namespace === '') errors.push(required(`${path}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== group) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
  } else {
    errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
