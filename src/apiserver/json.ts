/** Plain JSON values as the API server handles them: outside data until a schema has been applied. */

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object under a field, undefined when it is absent or something else. */
export function objectAt(value: unknown, ...path: readonly string[]): JsonObject | undefined {
  const found = valueAt(value, ...path);
  return isObject(found) ? found : undefined;
}

export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const part of path) {
    if (!isObject(current)) return undefined;
    current = current[part];
  }
  return current;
}

export function stringAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** A copy with `path` set to `next` (removed when undefined); objects on the way are copied, missing ones made. */
export function withValue(object: JsonObject, path: readonly string[], next: unknown): JsonObject {
  const [field, ...rest] = path;
  if (field === undefined) throw new Error('a path has at least one field');
  const copy = { ...object };
  if (rest.length > 0) copy[field] = withValue(objectAt(object, field) ?? {}, rest, next);
  else if (next === undefined) delete copy[field];
  else copy[field] = next;
  return copy;
}

/** Deep equality of JSON values; the order of fields does not matter. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  const others = Object.keys(b).filter((key) => b[key] !== undefined);
  return keys.length === others.length && keys.every((key) => equalJson(a[key], b[key]));
}
