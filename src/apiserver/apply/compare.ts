import { equalJson, isObject, type JsonObject } from '../json.ts';
import { childrenOf, emptySet, fieldElement, isEmptySet, member, type FieldSet } from './fieldset.ts';
import { elementOf, fieldOf, shapeOf, type FieldType, type ListType, type MapType } from './fieldtypes.ts';

/** Which fields differ between two values. No field is in two of the sets; an absent set has none. */
export interface Comparison {
  removed?: FieldSet;
  modified?: FieldSet;
  added?: FieldSet;
}

const same: Comparison = {};

/** Compares two whole objects. */
export function compareObjects(type: FieldType, before: JsonObject, after: JsonObject): Comparison {
  return type.map === undefined || before === after ? same : compareMaps(type.map, before, after);
}

/** The node of a value where there was none: every map, entry and leaf is a member. */
function everyField(type: FieldType, value: unknown): FieldSet {
  const shape = shapeOf(type, value);
  if (shape === 'map' && type.map?.atomic === false && isObject(value)) return member(fieldsOfMap(type.map, value));
  if (shape === 'list' && type.list?.atomic === false && Array.isArray(value)) {
    const nodes: Record<string, FieldSet> = {};
    for (const [element, items] of entriesOf(type.list, value)) {
      nodes[element] = items.length > 1 ? emptySet : everyField(type.list.items, items[0]);
    }
    return member(nodes);
  }
  return emptySet;
}

function fieldsOfMap(type: MapType, value: JsonObject): FieldSet {
  const nodes: Record<string, FieldSet> = {};
  for (const name in value) {
    if (value[name] !== undefined) nodes[fieldElement(name)] = everyField(fieldOf(type, name), value[name]);
  }
  return nodes;
}

/** Two values in one place, as the nodes of that place. */
function compareValues(type: FieldType, before: unknown, after: unknown): Comparison {
  if (before === after) return same;
  const [left, right] = [shapeOf(type, before), shapeOf(type, after)];
  if (left !== right) {
    // One kind of value where there was another: the place is modified, what was below it goes, what is below it comes.
    const removed = childrenOf(everyField(type, before));
    const added = childrenOf(everyField(type, after));
    return {
      modified: emptySet,
      ...(!isEmptySet(removed) && { removed }),
      ...(!isEmptySet(added) && { added }),
    };
  }
  if (left === 'map' && type.map?.atomic === false) {
    const [old, next] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
    // Between two empty maps only the difference between empty and null counts, as for a leaf.
    if (!isBare(old) || !isBare(next)) return compareMaps(type.map, old, next);
  } else if (left === 'list' && type.list?.atomic === false) {
    const [old, next] = [listOf(before), listOf(after)];
    if (old.length > 0 || next.length > 0) return compareLists(type.list, old, next);
  }
  return equalJson(before, after) ? same : { modified: emptySet };
}

function isBare(map: JsonObject): boolean {
  for (const name in map) if (map[name] !== undefined) return false;
  return true;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

interface Collected {
  removed?: Record<string, FieldSet>;
  modified?: Record<string, FieldSet>;
  added?: Record<string, FieldSet>;
}

function put(into: Collected, change: keyof Collected, element: string, node: FieldSet): void {
  (into[change] ??= {})[element] = node;
}

function putAll(into: Collected, element: string, { removed, modified, added }: Comparison): void {
  if (removed !== undefined) put(into, 'removed', element, removed);
  if (modified !== undefined) put(into, 'modified', element, modified);
  if (added !== undefined) put(into, 'added', element, added);
}

function compareMaps(type: MapType, before: JsonObject, after: JsonObject): Comparison {
  const result: Collected = {};
  for (const name in before) {
    const [old, next] = [before[name], after[name]];
    if (old === undefined || old === next) continue;
    const element = fieldElement(name);
    if (next === undefined) put(result, 'removed', element, everyField(fieldOf(type, name), old));
    else putAll(result, element, compareValues(fieldOf(type, name), old, next));
  }
  for (const name in after) {
    if (before[name] !== undefined || after[name] === undefined) continue;
    put(result, 'added', fieldElement(name), everyField(fieldOf(type, name), after[name]));
  }
  return result;
}

function compareLists(type: ListType, before: readonly unknown[], after: readonly unknown[]): Comparison {
  const result: Collected = {};
  const [old, next] = [entriesOf(type, before), entriesOf(type, after)];
  for (const [element, items] of old) compareEntries(result, type.items, element, items, next.get(element) ?? []);
  for (const [element, items] of next) {
    if (!old.has(element)) compareEntries(result, type.items, element, [], items);
  }
  return result;
}

/** Entries with one identity, of which there may be several: those are owned as one, without what is below them. */
function compareEntries(
  result: Collected,
  type: FieldType,
  element: string,
  before: readonly unknown[],
  after: readonly unknown[],
): void {
  const several = { before: before.length > 1, after: after.length > 1 };
  if (several.before && several.after) {
    if (!equalJson(before, after)) put(result, 'modified', element, emptySet);
  } else if (several.before) {
    if (after.length > 0) put(result, 'added', element, everyField(type, after[0]));
    put(result, 'removed', element, emptySet);
  } else if (several.after) {
    if (before.length > 0) put(result, 'removed', element, everyField(type, before[0]));
    put(result, 'added', element, emptySet);
  } else if (before.length === 0) put(result, 'added', element, everyField(type, after[0]));
  else if (after.length === 0) put(result, 'removed', element, everyField(type, before[0]));
  else putAll(result, element, compareValues(type, before[0], after[0]));
}

/** Entries by identity. An entry without one (it lacks a key) cannot be owned. */
function entriesOf(type: ListType, list: readonly unknown[]): Map<string, unknown[]> {
  const entries = new Map<string, unknown[]>();
  for (const item of list) {
    const element = elementOf(type, item);
    if (element === undefined) continue;
    const known = entries.get(element);
    if (known === undefined) entries.set(element, [item]);
    else known.push(item);
  }
  return entries;
}

/** The fields a configuration sets: leaves, entries and the fields of free maps, but not what only leads to them. */
export function fieldsSetBy(type: FieldType, configuration: JsonObject): FieldSet {
  return (type.map === undefined ? undefined : setByMap(type.map, configuration)) ?? emptySet;
}

/** The node of a value that a configuration sets; undefined when nothing of it is owned. */
function setBy(type: FieldType, value: unknown): FieldSet | undefined {
  const shape = shapeOf(type, value);
  if (shape === 'map' && type.map?.atomic === false) {
    return isObject(value) ? setByMap(type.map, value) : undefined;
  }
  if (shape === 'list' && type.list?.atomic === false) {
    const nodes: Record<string, FieldSet> = {};
    for (const [element, items] of entriesOf(type.list, listOf(value))) {
      nodes[element] = items.length > 1 ? emptySet : member(setBy(type.list.items, items[0]));
    }
    return isEmptySet(nodes) ? undefined : nodes;
  }
  return emptySet;
}

function setByMap(type: MapType, value: JsonObject): FieldSet | undefined {
  const nodes: Record<string, FieldSet> = {};
  for (const name in value) {
    const field = value[name];
    if (field === undefined) continue;
    const below = setBy(fieldOf(type, name), field);
    const owned = field === null || (isObject(field) && isBare(field)) || !type.fields.has(name);
    const node = owned ? member(below) : below;
    if (node !== undefined) nodes[fieldElement(name)] = node;
  }
  return isEmptySet(nodes) ? undefined : nodes;
}
