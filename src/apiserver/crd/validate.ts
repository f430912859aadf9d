import { equalJson, isObject, listAt, objectAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import { isReadablePath } from '../jsonpath.ts';
import { duplicate, invalidValue, notSupported, required, type FieldError } from '../status.ts';
import { checkStructuralSchema } from './structural.ts';

/** The rules for CustomResourceDefinitions, in the words of kube-apiserver (apiextensions pkg/apis/apiextensions/validation). */

const label = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const labelMessage =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function validateDefinition(crd: JsonObject, previous: JsonObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const group = stringAt(crd, 'spec', 'group') ?? '';
  const plural = stringAt(crd, 'spec', 'names', 'plural') ?? '';
  const name = stringAt(crd, 'metadata', 'name') ?? '';
  if (name !== `${plural}.${group}`) {
    errors.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  }
  checkGroup(crd, group, errors);
  const scope = stringAt(crd, 'spec', 'scope') ?? '';
  if (scope !== 'Cluster' && scope !== 'Namespaced') {
    errors.push(notSupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  if (valueAt(crd, 'spec', 'preserveUnknownFields') === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalidValue('spec.preserveUnknownFields', true, why));
  }
  checkConversion(crd, errors);
  checkNames(objectAt(crd, 'spec', 'names') ?? {}, errors);
  checkVersions(crd, errors);
  // What has been checked once is not checked again with every change of the status.
  const known = previous === undefined ? undefined : valueAt(previous, 'spec', 'versions');
  if (!equalJson(valueAt(crd, 'spec', 'versions'), known)) checkSchemas(crd, errors);
  checkStoredVersions(crd, errors);
  if (previous !== undefined) checkImmutable(crd, previous, errors);
  return errors;
}

const approval = 'api-approved.kubernetes.io';

function checkGroup(crd: JsonObject, group: string, errors: FieldError[]): void {
  if (group === '') errors.push(required('spec.group'));
  else if (!subdomain.test(group)) errors.push(invalidValue('spec.group', group, 'must be a DNS subdomain'));
  else if (!group.includes('.'))
    errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return;
  if (stringAt(crd, 'metadata', 'annotations', approval)) return;
  const why = `protected groups must have approval annotation "${approval}", see https://github.com/kubernetes/enhancements/pull/1111`;
  errors.push(required(`metadata.annotations[${approval}]`, why));
}

function checkConversion(crd: JsonObject, errors: FieldError[]): void {
  const strategy = stringAt(crd, 'spec', 'conversion', 'strategy') ?? 'None';
  if (strategy === 'None') return;
  const field = 'spec.conversion.strategy';
  const error = notSupported(field, strategy, ['None']);
  const message = `${error.message} (the embedded API calls no conversion webhooks)`;
  errors.push(strategy === 'Webhook' ? { ...error, message } : error);
}

function checkNames(names: JsonObject, errors: FieldError[]): void {
  const checkLabel = (field: string, text: string) => {
    if (!label.test(text)) errors.push(invalidValue(field, text, labelMessage));
  };
  for (const field of ['plural', 'singular']) {
    const text = stringAt(names, field) ?? '';
    if (text === '') errors.push(required(`spec.names.${field}`));
    else checkLabel(`spec.names.${field}`, text);
  }
  for (const field of ['kind', 'listKind']) {
    const text = stringAt(names, field) ?? '';
    if (text === '') errors.push(required(`spec.names.${field}`));
    else if (!label.test(text.toLowerCase())) {
      const why = `may have mixed case, but should otherwise match: ${labelMessage}`;
      errors.push(invalidValue(`spec.names.${field}`, text, why));
    }
  }
  if (names['kind'] !== undefined && names['kind'] === names['listKind']) {
    errors.push(invalidValue('spec.names.listKind', names['listKind'], 'kind and listKind may not be the same'));
  }
  for (const list of ['shortNames', 'categories']) {
    for (const [index, one] of listAt(names, list).entries()) checkLabel(`spec.names.${list}[${index}]`, String(one));
  }
}

function checkVersions(crd: JsonObject, errors: FieldError[]): void {
  const versions = versionsOf(crd);
  const field = 'spec.versions';
  const stored = versions.filter((version) => version['storage'] === true);
  if (versions.length === 0) errors.push(required(field, 'must have exactly one version marked as storage version'));
  else if (stored.length !== 1) {
    const shown = versions.map((version) => version['name']);
    errors.push(invalidValue(field, shown, 'must have exactly one version marked as storage version'));
  }
  const seen = new Set<unknown>();
  for (const [index, version] of versions.entries()) {
    const path = `${field}[${index}]`;
    const name = stringAt(version, 'name') ?? '';
    if (!label.test(name)) errors.push(invalidValue(`${path}.name`, name, labelMessage));
    if (seen.has(name)) errors.push(duplicate(`${path}.name`, name));
    seen.add(name);
    if (version['deprecationWarning'] !== undefined && version['deprecated'] !== true) {
      const why = 'can only be set for deprecated versions';
      errors.push(invalidValue(`${path}.deprecationWarning`, version['deprecationWarning'], why));
    }
    checkSubresources(version, versions[0], `${path}.subresources`, errors);
    checkColumns(version, `${path}.additionalPrinterColumns`, errors);
  }
}

function versionsOf(crd: JsonObject): JsonObject[] {
  return listAt(crd, 'spec', 'versions').filter(isObject);
}

/** Errors of a schema that all versions share are reported once, where kube-apiserver does. */
function checkSchemas(crd: JsonObject, errors: FieldError[]): void {
  const schemas = versionsOf(crd).map((version) => valueAt(version, 'schema', 'openAPIV3Schema'));
  const [first, ...others] = schemas;
  if (first !== undefined && others.every((schema) => equalJson(schema, first))) {
    errors.push(...checkStructuralSchema(first, 'spec.validation.openAPIV3Schema'));
    return;
  }
  for (const [index, schema] of schemas.entries()) {
    errors.push(...checkStructuralSchema(schema, `spec.versions[${index}].schema.openAPIV3Schema`));
  }
}

function checkSubresources(version: JsonObject, first: unknown, path: string, errors: FieldError[]): void {
  const own = valueAt(version, 'subresources');
  if (!equalJson(own ?? {}, valueAt(first, 'subresources') ?? {})) {
    errors.push(invalidValue(path, own ?? null, 'the embedded API serves the same subresources in every version'));
  }
  const scale = objectAt(version, 'subresources', 'scale');
  if (scale === undefined) return;
  const fields = [
    ['specReplicasPath', '.spec', true],
    ['statusReplicasPath', '.status', true],
    ['labelSelectorPath', '.status', false],
  ] as const;
  for (const [name, under, needed] of fields) {
    const value = stringAt(scale, name) ?? '';
    const field = `${path}.scale.${name}`;
    if (value === '' && needed) errors.push(required(field));
    const ofSpec = name === 'labelSelectorPath' && value.startsWith('.spec.');
    if (value !== '' && !ofSpec && !(value.startsWith(`${under}.`) && isReadablePath(value))) {
      errors.push(invalidValue(field, value, `should be a json path under ${under}`));
    }
  }
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];

function checkColumns(version: JsonObject, path: string, errors: FieldError[]): void {
  for (const [index, column] of listAt(version, 'additionalPrinterColumns').entries()) {
    const field = `${path}[${index}]`;
    const type = stringAt(column, 'type') ?? '';
    const jsonPath = stringAt(column, 'jsonPath') ?? '';
    if ((stringAt(column, 'name') ?? '') === '') errors.push(required(`${field}.name`));
    if (!columnTypes.includes(type)) errors.push(notSupported(`${field}.type`, type, columnTypes));
    if (jsonPath === '') errors.push(required(`${field}.jsonPath`));
    else if (!isReadablePath(jsonPath)) {
      const why =
        'the embedded API reads paths of fields, indexes, slices, [*] and filters like [?(@.type=="Ready")] only';
      errors.push(invalidValue(`${field}.jsonPath`, jsonPath, why));
    }
  }
}

function checkStoredVersions(crd: JsonObject, errors: FieldError[]): void {
  const names = new Set(listAt(crd, 'spec', 'versions').map((version) => stringAt(version, 'name')));
  for (const [index, stored] of listAt(crd, 'status', 'storedVersions').entries()) {
    if (typeof stored !== 'string' || names.has(stored)) continue;
    const why = `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`;
    errors.push(invalidValue(`status.storedVersions[${index}]`, stored, why));
  }
}

const immutable = [['group'], ['scope'], ['names', 'plural'], ['names', 'kind']] as const;

function checkImmutable(crd: JsonObject, previous: JsonObject, errors: FieldError[]): void {
  for (const path of immutable) {
    const next = valueAt(crd, 'spec', ...path);
    if (next === valueAt(previous, 'spec', ...path)) continue;
    errors.push(invalidValue(`spec.${path.join('.')}`, next, 'field is immutable'));
  }
}
