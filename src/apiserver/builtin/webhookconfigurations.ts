import { conditionProblem } from '../admission/matchconditions.ts';
import { listAt, stringAt, valueAt } from '../json.ts';
import { invalidValue, notSupported, required, type FieldError } from '../status.ts';
import type { Strategy } from './strategy.ts';

/** ValidatingWebhookConfigurations and MutatingWebhookConfigurations. What this server would not do as told is refused here. */
export const webhookConfigurations: Strategy = {
  validate: (object) =>
    listAt(object, 'webhooks').flatMap((webhook, index) => checkWebhook(webhook, `webhooks[${index}]`)),
};

const operations = ['CREATE', 'UPDATE', 'DELETE', '*'];

function checkWebhook(webhook: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(webhook, 'name') ?? '';
  if (name.split('.').length < 3) {
    errors.push(
      invalidValue(`${path}.name`, name, 'should be a domain with at least three segments separated by dots'),
    );
  }
  const versions = listAt(webhook, 'admissionReviewVersions');
  if (versions.length === 0) {
    errors.push(required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  } else if (!versions.includes('v1')) {
    errors.push(invalidValue(`${path}.admissionReviewVersions`, versions, 'must include at least one of v1'));
  }
  errors.push(...checkClient(valueAt(webhook, 'clientConfig'), `${path}.clientConfig`));
  for (const [index, rule] of listAt(webhook, 'rules').entries()) {
    errors.push(...checkRule(rule, `${path}.rules[${index}]`));
  }
  for (const [index, condition] of listAt(webhook, 'matchConditions').entries()) {
    const expression = stringAt(condition, 'expression') ?? '';
    const problem = conditionProblem(expression);
    if (problem === undefined) continue;
    const field = `${path}.matchConditions[${index}].expression`;
    errors.push(invalidValue(field, expression, `compilation failed: ${problem}`));
  }
  return errors;
}

function checkRule(rule: unknown, path: string): FieldError[] {
  const errors = ['operations', 'apiGroups', 'apiVersions', 'resources']
    .filter((field) => listAt(rule, field).length === 0)
    .map((field) => required(`${path}.${field}`));
  for (const [index, operation] of listAt(rule, 'operations').entries()) {
    if (operations.includes(String(operation))) continue;
    errors.push(notSupported(`${path}.operations[${index}]`, operation, operations));
  }
  return errors;
}

function checkClient(config: unknown, path: string): FieldError[] {
  const url = stringAt(config, 'url');
  if ((url === undefined) === (valueAt(config, 'service') === undefined)) {
    return [required(path, 'exactly one of url or service is required')];
  }
  if (url === undefined) return [];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:') {
    return [invalidValue(`${path}.url`, url, "'https' is the only allowed URL scheme")];
  }
  if (parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    return [
      invalidValue(`${path}.url`, url, 'user information, query parameters and fragments are not permitted in the URL'),
    ];
  }
  return [];
}
