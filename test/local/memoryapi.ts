import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Kind } from '../../src/kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../../src/kinds/object.ts';
import {
  KubeError,
  type DeleteOptions,
  type KubeClient,
  type Patch,
  type WatchEvent,
  type WatchOptions,
} from '../../src/kube/client.ts';

/**
 * The part of a Kubernetes API that the node uses, in memory: versions, watches, uids, merge patches, graceful deletion of
 * Pods and background garbage collection. For tests of the node by itself; test/app runs it on the real embedded API.
 */
export class MemoryApi implements KubeClient {
  readonly #objects = new Map<string, KubeObject>();
  readonly #events: { kind: Kind; version: number; event: WatchEvent<KubeObject> }[] = [];
  #version = 0;
  #wake: () => void = () => undefined;
  #changed = this.#next();

  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): Promise<T | undefined> {
    return Promise.resolve(this.#objects.get(idOf(kind, ref)) as T | undefined);
  }

  list<T extends KubeObject>(
    kind: Kind<T>,
    options: { namespace?: string | undefined } = {},
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const items = [...this.#objects]
      .filter(([id]) => id.startsWith(`${kind.plural}/`))
      .map(([, object]) => object as T);
    const { namespace } = options;
    return Promise.resolve({
      items: items.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
      resourceVersion: String(this.#version),
    });
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const id = idOf(kind, object.metadata);
    if (this.#objects.has(id)) throw new KubeError(409, 'AlreadyExists', `${id} already exists`);
    const creationTimestamp = new Date().toISOString();
    const metadata = { ...object.metadata, uid: randomUUID(), creationTimestamp, generation: 1 };
    return this.#store(kind, 'ADDED', { ...object, metadata });
  }

  async update<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const stored = this.#found(kind, object.metadata);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion)
      throw new KubeError(409, 'Conflict', 'changed');
    return this.#store(kind, 'MODIFIED', { ...object, metadata: { ...stored.metadata, ...object.metadata } });
  }

  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    return this.update(kind, object);
  }

  async patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, { body, subresource }: Patch): Promise<T> {
    const stored = this.#found(kind, ref);
    const next = merge(stored, body) as T;
    const { uid, resourceVersion } = next.metadata;
    if (uid !== stored.metadata.uid || resourceVersion !== stored.metadata.resourceVersion)
      throw new KubeError(409, 'Conflict', 'another object');
    const generation = (stored.metadata.generation ?? 1) + (subresource === undefined ? 1 : 0);
    return this.#store(kind, 'MODIFIED', { ...next, metadata: { ...next.metadata, generation } });
  }

  async delete(kind: Kind, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const stored = this.#objects.get(idOf(kind, ref));
    if (stored === undefined || (options.uid !== undefined && options.uid !== stored.metadata.uid)) return;
    const spec = 'spec' in stored ? (stored.spec as { nodeName?: string; terminationGracePeriodSeconds?: number }) : {};
    const grace = options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
    if (kind.kind === 'Pod' && grace > 0 && spec.nodeName !== undefined) {
      if (stored.metadata.deletionTimestamp !== undefined) return;
      const deletion = { deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: grace };
      this.#store(kind, 'MODIFIED', { ...stored, metadata: { ...stored.metadata, ...deletion } });
      return;
    }
    this.#objects.delete(idOf(kind, ref));
    this.#announce(kind, 'DELETED', stored);
    for (const [id, object] of this.#objects) {
      if (!object.metadata.ownerReferences?.some(({ uid }) => uid === stored.metadata.uid)) continue;
      const plural = id.slice(0, id.indexOf('/'));
      await this.delete({ ...kind, kind: object.kind, plural }, object.metadata);
    }
  }

  async *watch<T extends KubeObject>(
    kind: Kind<T>,
    { resourceVersion, signal }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    let position = this.#events.findIndex(({ version }) => version > Number(resourceVersion));
    if (position < 0) position = this.#events.length;
    while (!signal.aborted) {
      for (; position < this.#events.length; position++) {
        const entry = this.#events[position];
        if (entry?.kind.plural === kind.plural) yield entry.event as WatchEvent<T>;
      }
      const stop = new AbortController();
      await Promise.race([
        this.#changed,
        delay(60_000, undefined, { signal: AbortSignal.any([signal, stop.signal]) }).catch(() => undefined),
      ]);
      stop.abort();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #found<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): T {
    const stored = this.#objects.get(idOf(kind, ref));
    if (stored === undefined) throw new KubeError(404, 'NotFound', `${kind.plural} "${ref.name}" not found`);
    return stored as T;
  }

  #store<T extends KubeObject>(kind: Kind<T>, type: 'ADDED' | 'MODIFIED', object: T): T {
    this.#objects.set(idOf(kind, object.metadata), object);
    return this.#announce(kind, type, object);
  }

  #announce<T extends KubeObject>(kind: Kind<T>, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): T {
    this.#version++;
    const stored = structuredClone({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    });
    if (type !== 'DELETED') this.#objects.set(idOf(kind, object.metadata), stored);
    this.#events.push({ kind, version: this.#version, event: { type, object: stored } });
    const wake = this.#wake;
    this.#changed = this.#next();
    wake();
    return stored;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

const idOf = (kind: Kind, ref: ObjectRef): string => `${kind.plural}/${keyOf(ref)}`;

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === 'object' && target !== null ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = merge(result[key], value);
  }
  return result;
}
