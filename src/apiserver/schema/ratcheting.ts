import type { StructuralSchema } from '../../kinds/structural.ts';
import { equalJson, isObject } from '../json.ts';
import type { FieldError } from '../status.ts';
import { keysOf } from './lists.ts';

/**
 * Validation ratcheting of custom resources: an update is not refused for a value that it leaves as it was, so that objects from
 * before a stricter definition can still be changed. Only a value that is correlated with one of before can be unchanged: fields,
 * entries of maps and of list maps, and lists as a whole.
 */

/** The errors that are about something the update has changed. */
export function ratcheted(
  schema: StructuralSchema,
  value: unknown,
  previous: unknown,
  errors: readonly FieldError[],
): readonly FieldError[] {
  if (errors.length === 0 || previous === undefined) return errors;
  const unchanged: string[] = [];
  collectUnchanged(schema, value, previous, '', unchanged);
  return errors.filter(({ field }) => !unchanged.some((path) => isWithin(field, path)));
}

function isWithin(field: string, path: string): boolean {
  return field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`);
}

/** Appends the paths of the largest parts of a value that are as before. */
function collectUnchanged(
  schema: StructuralSchema,
  value: unknown,
  previous: unknown,
  path: string,
  unchanged: string[],
): void {
  if (path !== '' && equalJson(value, previous)) {
    unchanged.push(path);
  } else if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      const before = entryBefore(schema, item, previous);
      if (before !== undefined) collectUnchanged(items, item, before, `${path}[${index}]`, unchanged);
    }
  } else if (isObject(value) && isObject(previous)) {
    for (const [name, field] of Object.entries(value)) {
      const before = previous[name];
      // A key with a dot could be taken for the path of something else.
      if (before === undefined || /[.[\]]/.test(name)) continue;
      const { properties, additionalProperties } = schema;
      const known = properties?.[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : {});
      collectUnchanged(known, field, before, path === '' ? name : `${path}.${name}`, unchanged);
    }
  }
}

/** The entry of a list map that an entry replaces; those of other lists cannot be told apart. */
export function entryBefore(schema: StructuralSchema, item: unknown, previous: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined || !Array.isArray(previous)) return undefined;
  const identity = keysOf(item, keys);
  return previous.find((other) => equalJson(keysOf(other, keys), identity));
}
