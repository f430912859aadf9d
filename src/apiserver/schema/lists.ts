import type { StructuralSchema } from '../../kinds/structural.ts';
import { isObject } from '../json.ts';
import { duplicate, type FieldError } from '../status.ts';

/**
 * Reports entries that occur twice in lists the schema declares as maps or sets (x-kubernetes-list-type). kube-apiserver shows the
 * keys of custom resources as Go prints a map.
 */
export function checkLists(
  schema: StructuralSchema,
  value: unknown,
  path: string,
  errors: FieldError[],
  builtin: boolean,
): void {
  if (Array.isArray(value)) {
    checkUnique(schema, value, path, errors, builtin);
    const { items } = schema;
    if (items !== undefined)
      for (const [index, item] of value.entries()) checkLists(items, item, `${path}[${index}]`, errors, builtin);
  } else if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      const fieldSchema = schema.properties?.[name] ?? schema.additionalProperties;
      if (typeof fieldSchema === 'object')
        checkLists(fieldSchema, field, path === '' ? name : `${path}.${name}`, errors, builtin);
    }
  }
}

function checkUnique(
  schema: StructuralSchema,
  list: readonly unknown[],
  path: string,
  errors: FieldError[],
  builtin: boolean,
): void {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const identity = type === 'set' ? item : keysOf(item, keys);
    const text = JSON.stringify(identity);
    if (seen.has(text)) {
      errors.push(
        builtin ? builtinDuplicate(`${path}[${index}]`, identity) : customDuplicate(`${path}[${index}]`, identity),
      );
    }
    seen.add(text);
  }
}

/** Kubernetes' own kinds name the one field that counts. */
function builtinDuplicate(path: string, identity: unknown): FieldError {
  const [only, ...more] = isObject(identity) ? Object.entries(identity) : [];
  return only === undefined || more.length > 0 ? duplicate(path, identity) : duplicate(`${path}.${only[0]}`, only[1]);
}

function customDuplicate(path: string, identity: unknown): FieldError {
  const error = duplicate(path, identity);
  const prefix = isObject(identity) ? 'map[string]interface {}' : '';
  return { ...error, message: error.message.replace(': ', `: ${prefix}`) };
}

/** The fields that identify an entry of a list map. */
export function keysOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  return isObject(item)
    ? Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]]))
    : {};
}
