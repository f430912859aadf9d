import { open } from 'lmdb';
import { createHistory, type History, type StoreEvent } from './history.ts';
import type { StoredObject } from './object.ts';
import { createIndex, type ObjectIndex } from './objects.ts';

/** What a write does to the object it was shown. `keep` answers with it as it is, without a new version. */
export type Decision =
  | { action: 'put'; object: StoredObject }
  | { action: 'remove'; object: StoredObject }
  | { action: 'keep'; object: StoredObject };

/**
 * The durable, versioned set of all objects. Readers see committed state only; writers decide on the newest accepted state, so
 * that no update is lost although several writes may be on their way to disk. A write becomes visible, and is announced,
 * once its transaction is on disk, in the order of resource versions.
 */
export interface Store {
  /** The newest visible resource version. */
  revision(): number;
  get(resource: string, key: string): StoredObject | undefined;
  /** Visible objects of a resource in key order, or those of one namespace. */
  list(resource: string, namespace?: string): readonly StoredObject[];
  /**
   * Runs `decide` on the newest accepted state of an object and makes its decision durable. What `decide` throws rejects
   * the write. Resolves with the object as stored (for `remove`: as it was last).
   */
  write(resource: string, key: string, decide: (newest: StoredObject | undefined) => Decision): Promise<StoredObject>;
  /** Past events, bounded; and the events to come. */
  readonly history: History;
  close(): Promise<void>;
}

interface PendingWrite {
  event: StoreEvent;
  key: string;
  done: boolean;
  resolve(object: StoredObject): void;
  reject(error: Error): void;
}

const revisionKey = ['meta', 'revision'];

/** Opens or creates the store in a directory. */
export function openStore(directory: string): Store {
  // Without overlappingSync a put resolves only when its transaction has been flushed to disk.
  const database = open<string, string[]>({ path: directory, encoding: 'string', overlappingSync: false });
  let visible = Number(database.get(revisionKey) ?? '0');
  let accepted = visible;
  let failure: Error | undefined;
  const objects: ObjectIndex = createIndex();
  for (const { key, value } of database.getRange({ start: ['object'], end: ['objects'] })) {
    const [, resource, name] = key;
    // Written by this store, from an object that had passed validation.
    if (resource !== undefined && name !== undefined) objects.set(resource, name, JSON.parse(value) as StoredObject);
  }
  const history = createHistory(visible);

  // Newest accepted state of objects whose writes are not visible yet, and those writes in version order.
  const newestAccepted = new Map<string, { object: StoredObject | undefined; revision: number }>();
  const queue: PendingWrite[] = [];
  const idle: (() => void)[] = [];

  const publishCommitted = () => {
    while (queue[0]?.done === true) {
      const write = queue.shift();
      if (write === undefined) return;
      const { event, key } = write;
      const id = idOf(event.resource, key);
      if (event.type === 'DELETED') objects.delete(event.resource, key);
      else objects.set(event.resource, key, event.object);
      if (newestAccepted.get(id)?.revision === event.revision) newestAccepted.delete(id);
      visible = event.revision;
      write.resolve(event.object);
      history.add(event);
    }
    if (queue.length === 0) for (const resolve of idle.splice(0)) resolve();
  };

  const persist = (event: StoreEvent, key: string): Promise<StoredObject> =>
    new Promise((resolve, reject) => {
      const write: PendingWrite = { event, key, done: false, resolve, reject };
      queue.push(write);
      const objectKey = ['object', event.resource, key];
      // Writes of one turn of the event loop share a transaction, so the revision can never lag behind the objects.
      const durable = [
        database.put(revisionKey, String(event.revision)),
        event.type === 'DELETED' ? database.remove(objectKey) : database.put(objectKey, event.json),
      ];
      Promise.all(durable).then(() => {
        write.done = true;
        publishCommitted();
      }, fail);
    });

  /** What was accepted but not stored is lost, and what was accepted after it may rest on it: nothing more is accepted. */
  const fail = (error: unknown) => {
    failure ??= new Error(`the store cannot write any more: ${error instanceof Error ? error.message : String(error)}`);
    for (const write of queue.splice(0)) write.reject(failure);
    for (const resolve of idle.splice(0)) resolve();
  };

  const untilIdle = async (): Promise<void> => {
    if (queue.length > 0 && failure === undefined) await new Promise<void>((resolve) => idle.push(resolve));
  };

  return {
    revision: () => visible,
    get: (resource, key) => objects.get(resource, key),
    list: (resource, namespace) => objects.list(resource, namespace),
    history,

    async write(resource, key, decide) {
      if (failure !== undefined) throw failure;
      const id = idOf(resource, key);
      const onItsWay = newestAccepted.get(id);
      const newest = onItsWay === undefined ? objects.get(resource, key) : onItsWay.object;
      const decision = decide(newest);
      if (decision.action === 'keep') {
        // What is answered must be durable, too.
        if (onItsWay !== undefined) await untilIdle();
        return decision.object;
      }
      const revision = accepted + 1;
      const object = {
        ...decision.object,
        metadata: { ...decision.object.metadata, resourceVersion: String(revision) },
      };
      const removed = decision.action === 'remove';
      const event: StoreEvent = {
        revision,
        type: removed ? 'DELETED' : newest === undefined ? 'ADDED' : 'MODIFIED',
        resource,
        object,
        previous: newest,
        json: JSON.stringify(object),
      };
      accepted = revision;
      newestAccepted.set(id, { object: removed ? undefined : object, revision });
      return persist(event, key);
    },

    async close() {
      await untilIdle();
      failure ??= new Error('the store is closed');
      await database.close();
    },
  };
}

function idOf(resource: string, key: string): string {
  return `${resource}\u0000${key}`;
}
