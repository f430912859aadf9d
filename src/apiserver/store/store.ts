import { openDatabase, isStorableKey, StorageError } from './database.ts';
import { decodeEvents, decodeStates } from './eventlog.ts';
import { createHistory, defaultWindow, type History, type HistoryWindow, type StoreEvent } from './history.ts';
import type { StoredObject } from './object.ts';
import { createIndex, type ObjectIndex } from './objects.ts';
import { listAsOf } from './past.ts';

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
  /** The same as it was at a past revision; undefined when that is no longer known. */
  listAt(revision: number, resource: string, namespace?: string): readonly StoredObject[] | undefined;
  /**
   * Runs `decide` on the newest accepted state of an object and makes its decision durable. What `decide` throws rejects
   * the write. Resolves with the object as stored (for `remove`: as it was last).
   *
   * @throws StorageError when the disk does not take it; then nothing of it is stored.
   */
  write(resource: string, key: string, decide: (newest: StoredObject | undefined) => Decision): Promise<StoredObject>;
  /** Past events, bounded; and the events to come. */
  readonly history: History;
  close(): Promise<void>;
}

/** What a write that is on its way to disk makes of an object. */
interface AcceptedState {
  object: StoredObject | undefined;
  revision: number;
  stored: Promise<StoredObject>;
}

interface PendingWrite {
  event: StoreEvent;
  resolve: (object: StoredObject) => void;
  reject: (error: Error) => void;
}

/** Opens or creates the store in a directory. */
export function openStore(directory: string, window: HistoryWindow = defaultWindow): Store {
  const database = openDatabase(directory);
  const objects: ObjectIndex = createIndex();
  for (const { resource, key, object } of database.objects()) objects.set(resource, key, object);
  let visible = database.revision();
  let accepted = visible;
  let stopped: Error | undefined;
  const current = (resource: string, key: string): StoredObject | undefined => objects.get(resource, key);
  const past = decodeEvents(database.events(), current);
  const history = createHistory(past, past[0] === undefined ? visible : past[0].revision - 1, window, {
    states(revision) {
      const record = database.event(revision);
      return record && decodeStates(record);
    },
    current,
  });
  /** Revisions that left the window; the next transaction removes them from the log. */
  let dropped: number[] = [];

  // Newest accepted state of objects whose writes are not visible yet, and those writes in version order.
  const newestAccepted = new Map<string, AcceptedState>();
  let queue: PendingWrite[] = [];
  let committing: Promise<void> | undefined;

  const publish = ({ event, resolve }: PendingWrite) => {
    const { resource, key, object, revision } = event;
    if (event.type === 'DELETED') objects.delete(resource, key);
    else objects.set(resource, key, object);
    const id = idOf(resource, key);
    if (newestAccepted.get(id)?.revision === revision) newestAccepted.delete(id);
    visible = revision;
    resolve(object);
    dropped.push(...history.add(event));
  };

  /** Group commit: what is accepted while one transaction is on its way to disk shares the next. */
  const commitQueue = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      const removed = dropped;
      queue = [];
      dropped = [];
      const events = batch.map(({ event }) => event);
      const failure = await database.commit(events, removed).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      if (failure === undefined) {
        for (const write of batch) publish(write);
      } else {
        dropped = [...removed, ...dropped];
        refuse(batch, failure);
      }
    }
    committing = undefined;
  };

  /** What came after a write that was not stored may rest on it. Their versions are not used again. */
  const refuse = (batch: readonly PendingWrite[], error: Error) => {
    for (const write of [...batch, ...queue.splice(0)]) write.reject(error);
    newestAccepted.clear();
    // Nobody knows what a disk holds that fails to say whether it stored something.
    if (database.revision() !== visible) {
      const message = `${error.message}. It is not certain what the disk holds: no more writes are taken until a restart`;
      stopped ??= new StorageError(500, 'InternalError', message);
    }
  };

  return {
    revision: () => visible,
    get: (resource, key) => objects.get(resource, key),
    list: (resource, namespace) => objects.list(resource, namespace),
    listAt: (revision, resource, namespace) => {
      if (revision < history.oldest()) return undefined;
      const current = objects.list(resource, namespace);
      return listAsOf(current, history.since(revision), resource, namespace);
    },
    history,

    async write(resource, key, decide) {
      if (stopped !== undefined) throw stopped;
      const id = idOf(resource, key);
      const onItsWay = newestAccepted.get(id);
      const newest = onItsWay === undefined ? objects.get(resource, key) : onItsWay.object;
      const decision = decide(newest);
      if (decision.action === 'keep') {
        // What is answered must be durable, too.
        await onItsWay?.stored;
        return decision.object;
      }
      if (!isStorableKey(resource, key)) throw new NameTooLong(key);
      const revision = accepted + 1;
      const object = {
        ...decision.object,
        metadata: { ...decision.object.metadata, resourceVersion: String(revision) },
      };
      const removed = decision.action === 'remove';
      const type = removed ? 'DELETED' : newest === undefined ? 'ADDED' : 'MODIFIED';
      const event: StoreEvent = { revision, type, resource, key, object, previous: newest };
      database.requireRoom(event);
      accepted = revision;
      const stored = new Promise<StoredObject>((resolve, reject) => {
        queue.push({ event, resolve, reject });
      });
      newestAccepted.set(id, { object: removed ? undefined : object, revision, stored });
      // Not at once: the other writes of this turn of the event loop come along.
      committing ??= new Promise<void>((turn) => setImmediate(turn)).then(commitQueue);
      return stored;
    },

    async close() {
      stopped ??= new StorageError(500, 'InternalError', 'the store is closed');
      await committing;
      await database.close();
    },
  };
}

/** Its fields make it an answer of the API. */
class NameTooLong extends Error {
  readonly code = 400;
  readonly reason = 'BadRequest';

  constructor(key: string) {
    super(`the name ${key.slice(0, 80)}... cannot be stored: it is longer than 1,900 bytes or contains NUL`);
  }
}

function idOf(resource: string, key: string): string {
  return `${resource}\u0000${key}`;
}
