import type { Kind } from '../kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../kinds/object.ts';

/**
 * A cache of all objects of one kind, kept current by list and watch. Reads are local and synchronous; the objects are
 * shared, so treat them as immutable.
 */
export interface Informer<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** False while the API does not know the kind: its CustomResourceDefinition is not installed. */
  readonly served: boolean;
  get(ref: ObjectRef): T | undefined;
  /** All objects, or those of one namespace. The list of all is the same array until an object changes. */
  list(namespace?: string): readonly T[];
  /** Objects an index function (see addIndex) filed under `value`. */
  byIndex(index: string, value: string): readonly T[];
  /** Files every object under the values `keys` returns; what is there under this name stays. */
  addIndex(index: string, keys: (object: T) => readonly string[]): void;
  /**
   * Calls back after the cache changed: `object` is the new state (the last one when `deleted`), `previous` the one
   * before. Existing objects are announced to a listener that comes later. Returns the function that stops it.
   */
  onChange(listener: (change: Change<T>) => void): () => void;
}

export interface Change<T> {
  object: T;
  previous: T | undefined;
  deleted: boolean;
}

/** The informers of one process: one per kind, shared by everything that reads it. */
export interface InformerCache {
  /** The informer of a kind, started on first use. */
  informer<T extends KubeObject>(kind: Kind<T>): Informer<T>;
  /** Resolves when every informer asked for so far has listed its objects; rejects when they are stopped before. */
  synced(): Promise<void>;
  stop(): Promise<void>;
}
