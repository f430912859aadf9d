import type { Kind } from '../../kinds/kind.ts';
import { isObject, listAt, objectAt, stringAt } from '../json.ts';
import { invalidValue, required, type FieldError } from '../status.ts';

/** Rules for names, labels and annotations (apimachinery pkg/util/validation). */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualifiedPart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

interface NameRule {
  pattern: RegExp;
  maxLength: number;
  message: string;
}

const subdomainRule: NameRule = {
  pattern: new RegExp(`^${subdomain}$`),
  maxLength: 253,
  message: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`,
};
const labelRule: NameRule = {
  pattern: new RegExp(`^${label}$`),
  maxLength: 63,
  message: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`,
};
const serviceRule: NameRule = {
  pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
  maxLength: 63,
  message:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
};
const pathSegmentRule: NameRule = {
  pattern: /^(?!\.{1,2}$)[^/%]+$/,
  maxLength: 253,
  message: "may not be '.' or '..' and may not contain '/' or '%'",
};

function nameRuleOf(kind: Kind): NameRule {
  if (kind.group === '' && kind.kind === 'Namespace') return labelRule;
  if (kind.group === '' && kind.kind === 'Service') return serviceRule;
  return kind.group === 'rbac.authorization.k8s.io' ? pathSegmentRule : subdomainRule;
}

export function checkMetadata(kind: Kind, object: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(object, 'metadata', 'name') ?? '';
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...checkName(nameRuleOf(kind), name));
  checkLabels(objectAt(object, 'metadata', 'labels') ?? {}, 'metadata.labels', errors);
  checkAnnotations(objectAt(object, 'metadata', 'annotations') ?? {}, errors);
  for (const [index, finalizer] of listAt(object, 'metadata', 'finalizers').entries()) {
    const problem = typeof finalizer === 'string' ? finalizerProblem(kind, finalizer) : 'must be a string';
    if (problem !== undefined) errors.push(invalidValue(`metadata.finalizers[${index}]`, finalizer, problem));
  }
  const owners = listAt(object, 'metadata', 'ownerReferences').filter(isObject);
  if (owners.filter((owner) => owner['controller'] === true).length > 1) {
    errors.push(invalidValue('metadata.ownerReferences', owners, 'Only one reference can have Controller set to true'));
  }
  return errors;
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function finalizerProblem(kind: Kind, finalizer: string): string | undefined {
  const problem = qualifiedNameProblem(finalizer);
  if (problem !== undefined || !kind.builtin || finalizer.includes('/') || standardFinalizers.has(finalizer)) {
    return problem;
  }
  return 'name is neither a standard finalizer name nor is it fully qualified';
}

function checkName(rule: NameRule, name: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name.length > rule.maxLength) {
    errors.push(invalidValue('metadata.name', name, `must be no more than ${rule.maxLength} characters`));
  }
  if (!rule.pattern.test(name)) errors.push(invalidValue('metadata.name', name, rule.message));
  return errors;
}

export function checkLabels(labels: Record<string, unknown>, path: string, errors: FieldError[]): void {
  for (const [key, value] of Object.entries(labels)) {
    const problem = qualifiedNameProblem(key);
    if (problem !== undefined) errors.push(invalidValue(path, key, problem));
    if (typeof value !== 'string' || value === '') continue;
    if (value.length > 63) errors.push(invalidValue(path, value, 'must be no more than 63 characters'));
    if (!labelValue.test(value)) errors.push(invalidValue(path, value, labelValueMessage));
  }
}

const labelValue = new RegExp(`^${qualifiedPart}$`);
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const maxAnnotationBytes = 256 * 1024;

function checkAnnotations(annotations: Record<string, unknown>, errors: FieldError[]): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    const problem = qualifiedNameProblem(key.toLowerCase());
    if (problem !== undefined) errors.push(invalidValue('metadata.annotations', key, problem));
    bytes += Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
  }
  if (bytes > maxAnnotationBytes) {
    const message = `Too long: may not be more than ${maxAnnotationBytes} bytes`;
    errors.push({ reason: 'FieldValueTooLong', field: 'metadata.annotations', message });
  }
}

/** What is wrong with `prefix/name` (label keys, annotation keys, finalizers); undefined when nothing is. */
function qualifiedNameProblem(text: string): string | undefined {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (parts.length > 2) {
    return `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualifiedPart}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  }
  if (prefix === '') return 'prefix part must be non-empty';
  if (prefix !== undefined && !subdomainRule.pattern.test(prefix)) return `prefix part ${subdomainRule.message}`;
  if (name === '') return 'name part must be non-empty';
  if (name.length > 63) return 'name part must be no more than 63 characters';
  if (labelValue.test(name)) return undefined;
  return `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualifiedPart}')`;
}
