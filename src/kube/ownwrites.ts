import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import type { InformerCache } from './informer.ts';
import { controllerOf, isControlledBy } from './owners.ts';

/**
 * Caches as they will be once the watch has caught up with our own writes. A controller that reads them does not act twice
 * on what it has just done, and does not run into conflicts with itself.
 */
export interface OwnWrites {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): T | undefined;
  /** What of a kind the owner controls. */
  owned<T extends KubeObject>(kind: Kind<T>, owner: KubeObject): readonly T[];
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
  pending: Map<string, { readonly object: KubeObject | undefined; readonly since: number }>;
  /** Writes that have no answer yet, by key: `overtaken` once the cache has heard of the object. */
  underWay: Map<string, { overtaken: boolean }>;
  /** Versions that our last write of each object made, by key. */
  versions: Map<string, string | undefined>;
}

/**
 * A result that the cache has not seen after this time is one that it never will: the object came and went while the watch was
 * interrupted.
 */
const forgottenAfterMs = 60_000;
const byController = 'controller-uid';

export function createOwnWrites(informers: InformerCache): OwnWrites {
  const kinds = new Map<Kind, Written>();

  const writtenOf = (kind: Kind): Written => {
    const known = kinds.get(kind);
    if (known !== undefined) return known;
    const written: Written = { pending: new Map(), underWay: new Map(), versions: new Map() };
    kinds.set(kind, written);
    informers.informer(kind).onChange(({ object, deleted }) => {
      const key = keyOf(object.metadata);
      written.pending.delete(key);
      const write = written.underWay.get(key);
      if (write !== undefined) write.overtaken = true;
      if (deleted) written.versions.delete(key);
    });
    return written;
  };

  const pendingOf = <T extends KubeObject>(kind: Kind<T>) => {
    const pending = kinds.get(kind)?.pending ?? new Map<string, never>();
    for (const [key, { since }] of pending) {
      // The oldest come first.
      if (performance.now() - since < forgottenAfterMs) break;
      pending.delete(key);
    }
    // What is filed under a kind is what a write of that kind returned.
    return pending as ReadonlyMap<string, { readonly object: T | undefined }>;
  };

  return {
    get: <T extends KubeObject>(kind: Kind<T>, ref: ObjectRef) => {
      const pending = pendingOf<T>(kind).get(keyOf(ref));
      return pending === undefined ? informers.informer(kind).get(ref) : pending.object;
    },
    owned: <T extends KubeObject>(kind: Kind<T>, owner: KubeObject) => {
      const informer = informers.informer(kind);
      informer.addIndex(byController, controllerUid);
      const cached = informer.byIndex(byController, owner.metadata.uid ?? '');
      const pending = pendingOf<T>(kind);
      if (pending.size === 0) return cached;
      const unseen = [...pending.values()].flatMap(({ object }) =>
        object !== undefined && isControlledBy(object, owner) ? [object] : [],
      );
      return [...cached.filter(({ metadata }) => !pending.has(keyOf(metadata))), ...unseen];
    },
    write: async <T extends KubeObject, R extends T | undefined>(
      kind: Kind<T>,
      ref: ObjectRef,
      send: () => Promise<R>,
    ) => {
      const written = writtenOf(kind);
      const key = keyOf(ref);
      const state = { overtaken: false };
      written.underWay.set(key, state);
      let result: R;
      try {
        result = await send();
      } finally {
        if (written.underWay.get(key) === state) written.underWay.delete(key);
      }
      const version = result?.metadata.resourceVersion;
      if (result !== undefined) written.versions.set(key, version);
      // The watch may be faster than the answer, and a write that changed nothing is never announced.
      const seen = informers.informer(kind).get(ref)?.metadata.resourceVersion === version;
      // Set anew, so that the map stays in the order of time.
      written.pending.delete(key);
      if (!state.overtaken && !seen) written.pending.set(key, { object: result, since: performance.now() });
      return result;
    },
    isOwn: (kind, object) => {
      const version = kinds.get(kind)?.versions.get(keyOf(object.metadata));
      return version !== undefined && version === object.metadata.resourceVersion;
    },
  };
}

function controllerUid(object: KubeObject): readonly string[] {
  const uid = controllerOf(object)?.uid;
  return uid === undefined ? [] : [uid];
}
