import type { StructuralSchema } from '../../kinds/structural.ts';
import { equalJson, isObject, listAt, type JsonObject } from '../json.ts';
import { badRequest } from '../status.ts';

/**
 * Strategic merge patch: lists of objects are merged by a key the schema names, and directives (`$patch`, `$retainKeys`,
 * `$deleteFromPrimitiveList/…`, `$setElementOrder/…`) say what a plain merge cannot
 * (sig-api-machinery/strategic-merge-patch.md).
 */
export function strategicMergePatch(schema: StructuralSchema | undefined, target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  return mergeObjects(schema, isObject(target) ? target : {}, patch);
}

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

function mergeObjects(schema: StructuralSchema | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown strategic merge directive $patch: ${JSON.stringify(directive)}`);
  const result: JsonObject = { ...target };
  if (patch['$retainKeys'] !== undefined) {
    const retained = listAt(patch, '$retainKeys');
    for (const name of Object.keys(result)) if (!retained.includes(name)) delete result[name];
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(deletePrefix)) {
      const field = name.slice(deletePrefix.length);
      const removed = Array.isArray(value) ? value : [];
      result[field] = listAt(result, field).filter((item) => !removed.some((other) => equalJson(item, other)));
    }
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$') || name === '__proto__') continue;
    const fieldSchema = fieldOf(schema, name);
    if (value === null) delete result[name];
    else if (Array.isArray(value)) result[name] = mergeLists(fieldSchema, listAt(result, name), value);
    else if (isObject(value)) {
      if (value['$patch'] === 'delete') delete result[name];
      else result[name] = mergeObjects(fieldSchema, objectOf(result[name]), value);
    } else result[name] = value;
  }
  for (const [name, value] of Object.entries(patch)) {
    if (!name.startsWith(orderPrefix)) continue;
    const field = name.slice(orderPrefix.length);
    if (Array.isArray(value) && Array.isArray(result[field])) {
      const key = fieldOf(schema, field)?.['x-kubernetes-patch-merge-key'];
      result[field] = ordered(key, result[field], value, listAt(target, field));
    }
  }
  return result;
}

function fieldOf(schema: StructuralSchema | undefined, name: string): StructuralSchema | undefined {
  const { additionalProperties } = schema ?? {};
  return schema?.properties?.[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function mergeLists(
  schema: StructuralSchema | undefined,
  target: readonly unknown[],
  patch: readonly unknown[],
): unknown[] {
  const merges = (schema?.['x-kubernetes-patch-strategy'] ?? '').split(',').includes('merge');
  const replaces = patch.some((item) => isObject(item) && item['$patch'] === 'replace');
  const items = patch.filter((item) => !(isObject(item) && item['$patch'] === 'replace'));
  if (!merges || replaces) return items.map((item) => (isObject(item) ? withoutDirectives(item) : item));
  const key = schema?.['x-kubernetes-patch-merge-key'];
  if (key === undefined) {
    const added = items.filter((item) => !target.some((other) => equalJson(item, other)));
    return ordered(undefined, [...target, ...added], items, target);
  }
  let result: unknown[] = [...target];
  for (const item of items) {
    if (!isObject(item) || item[key] === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const same = (other: unknown) => isObject(other) && equalJson(other[key], item[key]);
    if (item['$patch'] === 'delete') {
      result = result.filter((other) => !same(other));
      continue;
    }
    const at = result.findIndex(same);
    const merged = mergeObjects(schema?.items, at < 0 ? {} : objectOf(result[at]), item);
    if (at < 0) result.push(merged);
    else result[at] = merged;
  }
  return ordered(key, result, items, target);
}

/**
 * Entries in the order of the patch. Those it does not know go before the first known one that they stood before, else to
 * the end (mergeSortedSlice of apimachinery's strategicpatch).
 */
function ordered(
  key: string | undefined,
  list: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
): unknown[] {
  const identity = (item: unknown) => (key !== undefined && isObject(item) ? item[key] : item);
  const rankIn = (all: readonly unknown[], item: unknown) =>
    all.findIndex((other) => equalJson(identity(other), identity(item)));
  const byRank = (all: readonly unknown[]) => (a: unknown, b: unknown) => rankIn(all, a) - rankIn(all, b);
  const known = list.filter((item) => rankIn(order, item) >= 0).toSorted(byRank(order));
  const others = list.filter((item) => rankIn(order, item) < 0).toSorted(byRank(before));
  const result: unknown[] = [];
  for (const item of known) {
    const place = rankIn(before, item);
    while (others.length > 0 && rankIn(before, others[0]) < place) result.push(others.shift());
    result.push(item);
  }
  return [...result, ...others];
}

function withoutDirectives(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith('$')));
}
