import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import type { KubeClient, WatchEvent } from './client.ts';
import type { Change, Informer, InformerCache } from './informer.ts';
import { reflect, type Store } from './reflector.ts';

export function createInformerCache(client: KubeClient, log: Log): InformerCache {
  const informers = new Map<Kind, { informer: CachedInformer<KubeObject>; done: Promise<void> }>();
  const stopping = new AbortController();

  return {
    informer: <T extends KubeObject>(kind: Kind<T>): Informer<T> => {
      const known = informers.get(kind);
      // The map pairs each kind with the informer made from it, which its type cannot say.
      if (known !== undefined) return known.informer as unknown as CachedInformer<T>;
      const informer = new CachedInformer(kind, log);
      const done = reflect(client, kind, informer, log, stopping.signal);
      informers.set(kind, { informer: informer as unknown as CachedInformer<KubeObject>, done });
      return informer;
    },
    synced: () =>
      new Promise((resolve, reject) => {
        const stopped = (): void =>
          reject(new Error('the informers were stopped before they had listed their objects'));
        if (stopping.signal.aborted) stopped();
        stopping.signal.addEventListener('abort', stopped, { once: true });
        void Promise.all([...informers.values()].map(({ informer }) => informer.synced)).then(() => {
          stopping.signal.removeEventListener('abort', stopped);
          resolve();
        });
      }),
    stop: async () => {
      stopping.abort();
      await Promise.all([...informers.values()].map(({ done }) => done));
    },
  };
}

interface Index<T> {
  keys: (object: T) => readonly string[];
  files: Map<string, Map<string, T>>;
}

class CachedInformer<T extends KubeObject> implements Informer<T>, Store<T> {
  readonly kind: Kind<T>;
  readonly synced: Promise<void>;
  served = true;
  readonly #objects = new Map<string, T>();
  readonly #namespaces: Index<T> = { keys: (object) => [object.metadata.namespace ?? ''], files: new Map() };
  readonly #indexes = new Map<string, Index<T>>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  /** Of all objects, until one changes: who compares lists sees at once that nothing did. */
  #list: readonly T[] | undefined;
  readonly #log: Log;
  #markSynced: () => void = () => undefined;

  constructor(kind: Kind<T>, log: Log) {
    this.kind = kind;
    this.#log = log;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get(ref: ObjectRef): T | undefined {
    return this.#objects.get(keyOf(ref));
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return (this.#list ??= [...this.#objects.values()]);
    return [...(this.#namespaces.files.get(namespace)?.values() ?? [])];
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`informer of ${this.kind.kind} has no index ${index}`);
    return [...(found.files.get(value)?.values() ?? [])];
  }

  addIndex(name: string, keys: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { keys, files: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) file(index, key, object);
  }

  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    for (const object of this.#objects.values())
      this.#notify(listener, { object, previous: undefined, deleted: false });
    return () => this.#listeners.delete(listener);
  }

  replace(items: readonly T[]): void {
    const gone = new Map(this.#objects);
    for (const item of items) {
      gone.delete(keyOf(item.metadata));
      this.#put(item);
    }
    for (const object of gone.values()) this.#remove(object);
    this.served = true;
    this.#markSynced();
  }

  unserved(): void {
    this.replace([]);
    this.served = false;
  }

  apply(event: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>): void {
    if (event.type === 'DELETED') this.#remove(event.object);
    else this.#put(event.object);
  }

  #put(object: T): void {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    this.#list = undefined;
    for (const index of this.#allIndexes()) {
      if (previous !== undefined) unfile(index, key, previous);
      file(index, key, object);
    }
    this.#announce({ object, previous, deleted: false });
  }

  #remove(object: T): void {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    this.#list = undefined;
    for (const index of this.#allIndexes()) unfile(index, key, previous);
    this.#announce({ object, previous, deleted: true });
  }

  *#allIndexes(): Iterable<Index<T>> {
    yield this.#namespaces;
    yield* this.#indexes.values();
  }

  #announce(change: Change<T>): void {
    for (const listener of this.#listeners) this.#notify(listener, change);
  }

  /** A listener that throws must not stop the others, nor the watch. */
  #notify(listener: (change: Change<T>) => void, change: Change<T>): void {
    try {
      listener(change);
    } catch (error) {
      this.#log.error({ kind: this.kind.kind, err: error }, 'informer listener failed');
    }
  }
}

function file<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.keys(object)) {
    let files = index.files.get(value);
    if (files === undefined) index.files.set(value, (files = new Map<string, T>()));
    files.set(key, object);
  }
}

function unfile<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.keys(object)) {
    const files = index.files.get(value);
    files?.delete(key);
    if (files?.size === 0) index.files.delete(value);
  }
}
