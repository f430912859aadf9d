import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import type { InformerCache } from './informer.ts';

/**
 * Caches as they will be once the watch has caught up with our own writes. A controller that reads them does not act twice
 * on what it has just done, and does not run into conflicts with itself.
 */
export interface OwnWrites {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): T | undefined;
  /** Does a write, and remembers its result (undefined: deleted) until the cache has seen it. */
  write<T extends KubeObject, R extends T | undefined>(
    kind: Kind<T>,
    ref: ObjectRef,
    send: () => Promise<R>,
  ): Promise<R>;
  /** The object is one that we wrote: its change tells us nothing new. */
  isOwn(kind: Kind, object: KubeObject): boolean;
}

interface Written {
  /** Results the cache has not seen, by key. */
  pending: Map<string, KubeObject | undefined>;
  /** Versions that our last write of each object made, by key. */
  versions: Map<string, string | undefined>;
}

export function createOwnWrites(informers: InformerCache): OwnWrites {
  const kinds = new Map<Kind, Written>();

  const writtenOf = (kind: Kind): Written => {
    const known = kinds.get(kind);
    if (known !== undefined) return known;
    const written: Written = { pending: new Map(), versions: new Map() };
    kinds.set(kind, written);
    informers.informer(kind).onChange(({ object, deleted }) => {
      const key = keyOf(object.metadata);
      written.pending.delete(key);
      if (deleted) written.versions.delete(key);
    });
    return written;
  };

  return {
    get: <T extends KubeObject>(kind: Kind<T>, ref: ObjectRef) => {
      const pending = kinds.get(kind)?.pending;
      const key = keyOf(ref);
      // What is filed under a kind is what a write of that kind returned.
      if (pending?.has(key) === true) return pending.get(key) as T | undefined;
      return informers.informer(kind).get(ref);
    },
    write: async <T extends KubeObject, R extends T | undefined>(
      kind: Kind<T>,
      ref: ObjectRef,
      send: () => Promise<R>,
    ) => {
      const written = writtenOf(kind);
      const informer = informers.informer(kind);
      const before = informer.get(ref);
      const result = await send();
      const after = informer.get(ref);
      const version = result?.metadata.resourceVersion;
      if (result !== undefined) written.versions.set(keyOf(ref), version);
      // The watch may be faster than the answer, and a write that changed nothing is never announced.
      if (after === before && after?.metadata.resourceVersion !== version) written.pending.set(keyOf(ref), result);
      return result;
    },
    isOwn: (kind, object) => {
      const version = kinds.get(kind)?.versions.get(keyOf(object.metadata));
      return version !== undefined && version === object.metadata.resourceVersion;
    },
  };
}
