import type {
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
} from 'kubernetes-types/admissionregistration/v1.js';
import { matchesLabels } from '../../kinds/labels.ts';
import type { Resources, Served } from '../resources.ts';
import type { StoredObject } from '../store/object.ts';
import type { Admission, Target } from './plugin.ts';

/** RuleWithOperations with the fields that the generated type lacks. */
interface Rule extends RuleWithOperations {
  resources?: string[];
  scope?: string;
}

export type Webhook = ValidatingWebhook | MutatingWebhook;

/**
 * The version of a resource that a webhook is asked about when one of its rules matches: the request's own, or with
 * `matchPolicy: Equivalent` another one that a rule names. Undefined when no rule matches.
 */
export function matchedVersion(webhook: Webhook, target: Target, resources: Resources): Served | undefined {
  const { served } = target;
  const rules = webhook.rules ?? [];
  if (rules.some((rule) => ruleMatches(rule, target, served))) return served;
  if (webhook.matchPolicy === 'Exact') return undefined;
  return resources.all
    .filter((other) => other.id === served.id)
    .find((other) => rules.some((rule) => ruleMatches(rule, target, other)));
}

function ruleMatches(rule: Rule, { operation, subresource }: Target, { kind, version }: Served): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' } = rule;
  if (scope === 'Namespaced' && !kind.namespaced) return false;
  if (scope === 'Cluster' && kind.namespaced) return false;
  return (
    has(operations, operation) &&
    has(apiGroups, kind.group) &&
    has(apiVersions, version.name) &&
    resources.some((pattern) => resourceMatches(pattern, kind.plural, subresource))
  );
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}

/** `*` stands for all resources without their subresources, in front of or behind a slash for any. */
function resourceMatches(pattern: string, plural: string, subresource: string | undefined): boolean {
  const [resource = '', sub] = pattern.split('/');
  if (resource !== '*' && resource !== plural) return false;
  if (sub === undefined) return subresource === undefined;
  return sub === '*' || sub === subresource;
}

/** Whether the object, or the namespace it is in, is selected. */
export function isSelected(
  { namespaceSelector = {}, objectSelector = {} }: Webhook,
  { served, object, oldObject }: Pick<Admission, 'served' | 'object' | 'oldObject'>,
  namespace: StoredObject | undefined,
): boolean {
  const labels = served.id === '/namespaces' ? (object ?? oldObject)?.metadata.labels : namespace?.metadata.labels;
  const concernsNamespace = served.kind.namespaced || served.id === '/namespaces';
  if (concernsNamespace && !matchesLabels(namespaceSelector, labels)) return false;
  const either = [object, oldObject].filter((one) => one !== undefined);
  return either.some(({ metadata }) => matchesLabels(objectSelector, metadata.labels));
}
