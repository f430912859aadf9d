import { keyOf } from '../../kinds/object.ts';
import type { StoredObject } from './object.ts';

/** The visible objects in memory, found by key and listed in key order. */
export interface ObjectIndex {
  get(resource: string, key: string): StoredObject | undefined;
  list(resource: string, namespace?: string): readonly StoredObject[];
  all(): Iterable<{ resource: string; key: string; object: StoredObject }>;
  set(resource: string, key: string, object: StoredObject): void;
  delete(resource: string, key: string): void;
}

interface Collection {
  byKey: Map<string, StoredObject>;
  /** In order; undefined while many keys arrive at once, until somebody lists. */
  keys: string[] | undefined;
}

/** Beyond this, a new key is not inserted in place: a load of many would move all later ones every time. */
const sortedInPlace = 1000;

export function createIndex(): ObjectIndex {
  const collections = new Map<string, Collection>();

  const collection = (resource: string): Collection => {
    const known = collections.get(resource);
    if (known !== undefined) return known;
    const created: Collection = { byKey: new Map(), keys: [] };
    collections.set(resource, created);
    return created;
  };

  return {
    get: (resource, key) => collections.get(resource)?.byKey.get(key),
    list(resource, namespace) {
      const found = collections.get(resource);
      if (found === undefined) return [];
      found.keys ??= [...found.byKey.keys()].toSorted(compareKeys);
      const [from, to] = namespace === undefined ? [0, found.keys.length] : rangeOf(found.keys, `${namespace}/`);
      const objects: StoredObject[] = [];
      for (let index = from; index < to; index += 1) {
        const object = found.byKey.get(found.keys[index] ?? '');
        if (object !== undefined) objects.push(object);
      }
      return objects;
    },
    *all() {
      for (const [resource, { byKey }] of collections) {
        for (const [key, object] of byKey) yield { resource, key, object };
      }
    },
    set(resource, key, object) {
      const target = collection(resource);
      if (!target.byKey.has(key)) insert(target, key);
      target.byKey.set(key, object);
    },
    delete(resource, key) {
      const target = collection(resource);
      if (!target.byKey.delete(key) || target.keys === undefined) return;
      target.keys.splice(firstNotBelow(target.keys, key), 1);
    },
  };
}

function insert(target: Collection, key: string): void {
  if (target.keys === undefined) return;
  const place = firstNotBelow(target.keys, key);
  if (target.keys.length - place > sortedInPlace) target.keys = undefined;
  else target.keys.splice(place, 0, key);
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Index of the first key that is not below `key`. */
export function firstNotBelow(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first object in a list in key order whose key is not below `key`. */
export function firstObjectFrom(objects: readonly StoredObject[], key: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const object = objects[middle];
    if (object !== undefined && keyOf(object.metadata) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The keys that begin with `prefix`, which ends with a slash. */
function rangeOf(keys: readonly string[], prefix: string): [number, number] {
  // '0' is the character after '/'.
  return [firstNotBelow(keys, prefix), firstNotBelow(keys, `${prefix.slice(0, -1)}0`)];
}
