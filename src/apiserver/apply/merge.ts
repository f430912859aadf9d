import { isObject, type JsonObject } from '../json.ts';
import { childrenOf, emptySet, fieldElement, isEmptySet, type FieldSet } from './fieldset.ts';
import { elementOf, fieldOf, shapeOf, type FieldType, type ListType, type MapType } from './fieldtypes.ts';

/** Merging a configuration into an object, and taking fields out of one. Pure: values are copied where they change. */

/** The object with everything the configuration sets. Nothing is removed by this. */
export function mergeObjects(type: FieldType, live: JsonObject, configuration: JsonObject): JsonObject {
  return type.map === undefined ? configuration : mergeMaps(type.map, live, configuration);
}

function mergeValues(type: FieldType, live: unknown, wanted: unknown): unknown {
  if (wanted === undefined) return live;
  const shape = shapeOf(type, wanted);
  if (live === undefined || shapeOf(type, live) !== shape) return wanted;
  if (shape === 'map' && type.map?.atomic === false) {
    const [old, next] = [isObject(live) ? live : {}, isObject(wanted) ? wanted : {}];
    return isBare(old) && isBare(next) ? wanted : mergeMaps(type.map, old, next);
  }
  if (shape === 'list' && type.list?.atomic === false) {
    const [old, next] = [listOf(live), listOf(wanted)];
    return old.length === 0 && next.length === 0 ? wanted : mergeLists(type.list, old, next);
  }
  return wanted;
}

function mergeMaps(type: MapType, live: JsonObject, wanted: JsonObject): JsonObject {
  const result: JsonObject = { ...live };
  for (const [name, value] of Object.entries(wanted)) {
    if (name !== '__proto__') result[name] = mergeValues(fieldOf(type, name), live[name], value);
  }
  return result;
}

/**
 * Entries of both lists: those of the configuration in its order, those only the live list has where they stand between
 * them. The walk is structured-merge-diff's, so that lists come out in the order kube-apiserver gives them.
 */
function mergeLists(type: ListType, live: readonly unknown[], wanted: readonly unknown[]): unknown[] {
  const old = live.map((item) => elementOf(type, item));
  const next = wanted.map((item) => elementOf(type, item));
  const oldAt = placesOf(old);
  const nextAt = placesOf(next);
  const shared = next.filter((element) => element !== undefined && oldAt.has(element));
  const taken = new Set<string | undefined>();
  const result: unknown[] = [];
  let [left, right, nextShared] = [0, 0, 0];
  const takeWanted = () => {
    const element = next[right];
    const [place, ...more] = (element === undefined ? undefined : oldAt.get(element)) ?? [];
    // Entries that are there twice are replaced rather than merged.
    const known = place === undefined || more.length > 0 ? undefined : live[place];
    result.push(mergeValues(type.items, known, wanted[right]));
    taken.add(element);
    if (element !== undefined && shared[nextShared] === element) nextShared += 1;
    right += 1;
  };
  while (left < live.length || right < wanted.length) {
    const element = left < live.length ? old[left] : undefined;
    const isShared = element !== undefined && nextAt.has(element);
    if (left < live.length && right < wanted.length) {
      if (element !== undefined && element === next[right]) {
        takeWanted();
        left += 1;
        continue;
      }
      if (isShared && nextShared < shared.length && shared[nextShared] !== element) {
        left += 1;
        continue;
      }
    }
    if (left < live.length) {
      if (!isShared) {
        result.push(live[left]);
        left += 1;
        continue;
      }
      if (taken.has(element)) left += 1;
    }
    if (right < wanted.length) takeWanted();
  }
  return result;
}

function placesOf(elements: readonly (string | undefined)[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, element] of elements.entries()) {
    if (element === undefined) continue;
    const known = places.get(element);
    if (known === undefined) places.set(element, [index]);
    else known.push(index);
  }
  return places;
}

/** The object without the fields and entries of a set. Maps and lists that become empty by it go, too. */
export function removeFields(type: FieldType, object: JsonObject, set: FieldSet): JsonObject {
  return type.map === undefined ? object : (removeFromMap(type.map, object, set) ?? {});
}

function removeFrom(type: FieldType, value: unknown, set: FieldSet): unknown {
  const shape = shapeOf(type, value);
  if (shape === 'map' && type.map?.atomic === false && isObject(value)) return removeFromMap(type.map, value, set);
  if (shape === 'list' && type.list?.atomic === false && Array.isArray(value)) {
    return removeFromList(type.list, value, set);
  }
  return value;
}

function removeFromMap(type: MapType, value: JsonObject, set: FieldSet): JsonObject | undefined {
  const result: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    const kept = keep(set[fieldElement(name)], fieldOf(type, name), field);
    if (kept !== undefined && name !== '__proto__') result[name] = kept;
  }
  return isBare(result) && !isBare(value) ? undefined : result;
}

function removeFromList(type: ListType, list: readonly unknown[], set: FieldSet): unknown[] | undefined {
  const kept: unknown[] = [];
  for (const item of list) {
    const element = elementOf(type, item);
    const left = keep(element === undefined ? undefined : set[element], type.items, item);
    if (left !== undefined) kept.push(left);
  }
  return kept.length === 0 && list.length > 0 ? undefined : kept;
}

/** What is left of a value: nothing when its node is a member of the set. */
function keep(node: FieldSet | undefined, type: FieldType, value: unknown): unknown {
  if (node === undefined) return value;
  return '.' in node || isEmptySet(node) ? undefined : removeFrom(type, value, node);
}

/** The set with the declared fields that lead to its members made members themselves. */
export function withNamedFields(type: FieldType | undefined, set: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element in set) {
    const node = set[element];
    if (node === undefined) continue;
    const children = childrenOf(node);
    if (isEmptySet(children)) {
      result[element] = node;
      continue;
    }
    const name = element.startsWith('f:') ? element.slice(2) : undefined;
    const declared = name === undefined ? undefined : type?.map?.fields.get(name);
    const below = name === undefined ? type?.list?.items : (declared ?? type?.map?.values);
    const named = withNamedFields(below, children);
    result[element] = declared !== undefined || '.' in node ? { '.': emptySet, ...named } : named;
  }
  return result;
}

function isBare(map: JsonObject): boolean {
  for (const name in map) if (map[name] !== undefined) return false;
  return true;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
