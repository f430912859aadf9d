import type { StoredObject } from './object.ts';

/** The visible objects in memory, found by key and listed in key order. */
export interface ObjectIndex {
  get(resource: string, key: string): StoredObject | undefined;
  list(resource: string, namespace?: string): readonly StoredObject[];
  set(resource: string, key: string, object: StoredObject): void;
  delete(resource: string, key: string): void;
}

interface Collection {
  byKey: Map<string, StoredObject>;
  /** Objects in key order; undefined after a change, until the next list. */
  sorted: readonly StoredObject[] | undefined;
}

export function createIndex(): ObjectIndex {
  const collections = new Map<string, Collection>();

  const collection = (resource: string): Collection => {
    const known = collections.get(resource);
    if (known !== undefined) return known;
    const created: Collection = { byKey: new Map(), sorted: [] };
    collections.set(resource, created);
    return created;
  };

  const sorted = (resource: string): readonly StoredObject[] => {
    const { byKey, sorted: cached } = collection(resource);
    if (cached !== undefined) return cached;
    const entries = [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    collection(resource).sorted = entries;
    return entries;
  };

  return {
    get: (resource, key) => collections.get(resource)?.byKey.get(key),
    list: (resource, namespace) =>
      namespace === undefined
        ? sorted(resource)
        : sorted(resource).filter((object) => object.metadata.namespace === namespace),
    set(resource, key, object) {
      const target = collection(resource);
      target.byKey.set(key, object);
      target.sorted = undefined;
    },
    delete(resource, key) {
      const target = collection(resource);
      target.byKey.delete(key);
      target.sorted = undefined;
    },
  };
}
