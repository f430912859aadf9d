import type { StructuralSchema } from '../../kinds/structural.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required, type FieldError } from '../status.ts';
import { compilePattern } from '../schema/patterns.ts';
import { checkValue } from '../schema/values.ts';
import { checkSchemaRules } from './rules.ts';

/** Whether the schema of a CustomResourceDefinition is a structural schema the API can work with (apiextensions.k8s.io/v1). */

type Level = 'root' | 'field' | 'item';

/** Errors of a version's `openAPIV3Schema`. */
export function checkStructuralSchema(schema: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!isObject(schema)) return [required(path, 'schemas are required')];
  checkNode(schema, path, 'root', errors);
  if (errors.length === 0) checkSchemaRules(schema, path, errors);
  return errors;
}

const notAllowed: Readonly<Record<string, string>> = {
  $ref: '$ref is not supported',
  id: 'id is not supported',
  $schema: '$schema is not supported',
  definitions: 'definitions is not supported',
  dependencies: 'dependencies is not supported',
  patternProperties: 'patternProperties is not supported',
  additionalItems: 'additionalItems is not supported',
};

const types = ['object', 'array', 'string', 'integer', 'number', 'boolean'];

const mustHaveType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
};

function checkNode(schema: JsonObject, path: string, level: Level, errors: FieldError[]): void {
  for (const [word, why] of Object.entries(notAllowed)) {
    if (schema[word] !== undefined) errors.push(forbiddenField(`${path}.${word}`, why));
  }
  if (schema['uniqueItems'] === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbiddenField(`${path}.uniqueItems`, why));
  }
  checkType(schema, path, level, errors);
  checkPattern(schema, path, errors);
  checkDefault(schema, path, level, errors);
  checkListType(schema, path, errors);
  checkProperties(schema, path, level, errors);
  checkItems(schema, path, errors);
  for (const word of ['allOf', 'anyOf', 'oneOf']) {
    for (const [index, branch] of listAt(schema, word).entries()) {
      if (isObject(branch)) checkBranch(branch, schema, `${path}.${word}[${index}]`, errors);
    }
  }
  const negated = objectAt(schema, 'not');
  if (negated !== undefined) checkBranch(negated, schema, `${path}.not`, errors);
}

function checkType(schema: JsonObject, path: string, level: Level, errors: FieldError[]): void {
  const type = stringAt(schema, 'type') ?? '';
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const field = `${path}.type`;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const why = 'must be true or undefined';
    errors.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, why));
  }
  if (type !== '' && !types.includes(type)) errors.push(notSupported(field, type, types));
  else if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(field, why) : invalidValue(field, type, why));
  } else if (type === '' && (level === 'root' || (!intOrString && !keepsUnknown))) {
    errors.push(required(field, mustHaveType[level]));
  } else if (level === 'root' && type !== 'object')
    errors.push(invalidValue(field, type, 'must be object at the root'));
  if (intOrString && type !== '') {
    errors.push(invalidValue(field, type, 'must be empty if x-kubernetes-int-or-string is true'));
  }
  if (embedded && schema['additionalProperties'] !== undefined) {
    const why = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbiddenField(`${path}.additionalProperties`, why));
  }
  if (embedded && !keepsUnknown && Object.keys(objectAt(schema, 'properties') ?? {}).length === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(`${path}.properties`, why));
  }
}

function checkPattern(schema: JsonObject, path: string, errors: FieldError[]): void {
  const pattern = stringAt(schema, 'pattern');
  if (pattern === undefined || pattern === '') return;
  try {
    compilePattern(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.push(invalidValue(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${why}`));
  }
}

/** A default must itself be allowed by the schema it belongs to. */
function checkDefault(schema: JsonObject, path: string, level: Level, errors: FieldError[]): void {
  if (schema['default'] === undefined) return;
  if (level === 'root') {
    errors.push(forbiddenField(`${path}.default`, 'must not be set at the root'));
    return;
  }
  const holder = { type: 'object' as const, properties: { default: asStructural(schema) } };
  try {
    for (const error of checkValue(holder, { default: schema['default'] }, 'custom')) {
      errors.push({ ...error, field: `${path}.${error.field}` });
    }
  } catch {
    // A schema that cannot be followed is reported for what is wrong with it.
  }
}

function checkProperties(schema: JsonObject, path: string, level: Level, errors: FieldError[]): void {
  const properties = objectAt(schema, 'properties') ?? {};
  const { additionalProperties } = schema;
  if (additionalProperties !== undefined) {
    const field = `${path}.additionalProperties`;
    if (additionalProperties === false) {
      errors.push(forbiddenField(field, 'additionalProperties cannot be set to false'));
    } else if (Object.keys(properties).length > 0) {
      errors.push(forbiddenField(field, 'additionalProperties and properties are mutual exclusive'));
    }
    if (isObject(additionalProperties)) checkNode(additionalProperties, field, 'field', errors);
  }
  for (const [name, property] of Object.entries(properties)) {
    const field = `${path}.properties[${name}]`;
    if (!isObject(property)) errors.push(required(field, 'must be a schema'));
    else if (name === 'metadata' && (level === 'root' || schema['x-kubernetes-embedded-resource'] === true)) {
      checkMetadataSchema(property, field, errors);
    } else checkNode(property, field, 'field', errors);
  }
}

/** The API knows metadata by itself; a schema may only narrow names. */
function checkMetadataSchema(schema: JsonObject, path: string, errors: FieldError[]): void {
  if (schema['type'] !== 'object') {
    errors.push(invalidValue(`${path}.type`, schema['type'] ?? '', 'must be object'));
  }
  const others = Object.keys(objectAt(schema, 'properties') ?? {}).filter(
    (name) => name !== 'name' && name !== 'generateName',
  );
  if (others.length > 0 || schema['x-kubernetes-preserve-unknown-fields'] === true) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbiddenField(path, why));
  }
  for (const name of ['name', 'generateName']) {
    const field = objectAt(schema, 'properties', name);
    if (field !== undefined) checkNode(field, `${path}.properties[${name}]`, 'field', errors);
  }
}

function checkItems(schema: JsonObject, path: string, errors: FieldError[]): void {
  const { items } = schema;
  if (Array.isArray(items)) {
    errors.push(forbiddenField(`${path}.items`, 'items must be a schema object and not an array'));
  } else if (isObject(items)) checkNode(items, `${path}.items`, 'item', errors);
  else if (schema['type'] === 'array') errors.push(required(`${path}.items`, 'must be specified'));
}

/** Branches of allOf, anyOf, oneOf and not may only restrict values of fields that are specified outside them. */
function checkBranch(branch: JsonObject, outer: JsonObject, path: string, errors: FieldError[]): void {
  const isIntOrString = outer['x-kubernetes-int-or-string'] === true;
  for (const word of ['description', 'title', 'default', 'nullable', 'additionalProperties']) {
    if (branch[word] !== undefined && branch[word] !== false && branch[word] !== '') {
      errors.push(forbiddenField(`${path}.${word}`, 'must be undefined to be structural'));
    }
  }
  if (branch['type'] !== undefined && !isIntOrString) {
    errors.push(forbiddenField(`${path}.type`, 'must be empty to be structural'));
  }
  for (const [name, property] of Object.entries(objectAt(branch, 'properties') ?? {})) {
    const specified = objectAt(outer, 'properties', name);
    if (!isObject(property)) continue;
    if (specified === undefined) {
      const field = `${path.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\]$|\.not$/, '')}.properties[${name}]`;
      errors.push(required(field, `because it is defined in ${path}.properties[${name}]`));
    } else checkBranch(property, specified, `${path}.properties[${name}]`, errors);
  }
  const items = objectAt(branch, 'items');
  if (items !== undefined) checkBranch(items, objectAt(outer, 'items') ?? {}, `${path}.items`, errors);
}

const listTypes = ['atomic', 'set', 'map'];

function checkListType(schema: JsonObject, path: string, errors: FieldError[]): void {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && mapType !== 'granular' && mapType !== 'atomic') {
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['granular', 'atomic']));
  }
  const listType = schema['x-kubernetes-list-type'];
  const keys = listAt(schema, 'x-kubernetes-list-map-keys');
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys.length > 0)
      errors.push(required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty'));
    return;
  }
  if (!listTypes.some((one) => one === listType)) {
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, listTypes));
  }
  if (schema['type'] !== 'array') {
    const why = 'must be array if x-kubernetes-list-type is specified';
    errors.push(invalidValue(`${path}.type`, schema['type'] ?? '', why));
  }
  if (listType !== 'map') {
    if (keys.length > 0) errors.push(forbiddenField(keysPath, 'must not be set if x-kubernetes-list-type is not map'));
    return;
  }
  if (keys.length === 0) errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  checkMapKeys(schema, keys, path, errors);
}

function checkMapKeys(schema: JsonObject, keys: readonly unknown[], path: string, errors: FieldError[]): void {
  const items = objectAt(schema, 'items') ?? {};
  if (items['type'] !== 'object') {
    errors.push(
      invalidValue(
        `${path}.items.type`,
        items['type'] ?? '',
        'must be object if parent array has x-kubernetes-list-type=map',
      ),
    );
  }
  const isRequired = listAt(items, 'required');
  for (const [index, key] of keys.entries()) {
    const name = String(key);
    const property = objectAt(items, 'properties', name);
    const keyPath = `${path}.x-kubernetes-list-map-keys[${index}]`;
    if (keys.indexOf(key) < index) errors.push(duplicate(keyPath, key));
    if (property === undefined) {
      errors.push(invalidValue(keyPath, key, 'entries must all be names of item properties'));
    } else if (property['type'] === 'object' || property['type'] === 'array') {
      const field = `${path}.items.properties[${name}].type`;
      errors.push(
        invalidValue(field, property['type'], 'must be a scalar type if parent array has x-kubernetes-list-type=map'),
      );
    } else if (!isRequired.includes(name) && property['default'] === undefined) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(`${path}.items.properties[${name}].default`, why));
    }
  }
}

/** Reads an outside schema as one that code can walk, after checkStructuralSchema found nothing wrong with it. */
export function asStructural(schema: JsonObject): StructuralSchema {
  return schema;
}
