import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { jsonOf, parseStored } from './encoding.ts';
import { encodeEvent } from './eventlog.ts';
import type { StoreEvent } from './history.ts';
import type { StoredObject } from './object.ts';
import { createReserve, freeBytes } from './reserve.ts';

export interface KeyedObject {
  resource: string;
  key: string;
  object: StoredObject;
}

/** What the store keeps on disk: objects, the log of recent events and the newest revision, in one LMDB environment. */
export interface Database {
  revision(): number;
  objects(): Iterable<KeyedObject>;
  /** Objects and revision of one moment, while another process writes. */
  snapshot(): { revision: number; objects: readonly KeyedObject[] };
  /** Fills an empty database. */
  load(objects: readonly KeyedObject[], revision: number): Promise<void>;
  events(): { revision: number; value: Buffer<ArrayBuffer> }[];
  event(revision: number): Buffer<ArrayBuffer> | undefined;
  /** Resolves when everything in it is on disk, in one transaction; rejects with a StorageError when nothing of it is. */
  commit(events: readonly StoreEvent[], droppedRevisions: readonly number[]): Promise<void>;
  /**
   * To be asked before a write is accepted: LMDB may take the process down when a disk is full in the middle of a transaction.
   *
   * @throws StorageError when the disk is full. Deletions are taken for as long as the reserve lasts.
   */
  requireRoom(event: Pick<StoreEvent, 'type' | 'object'>): void;
  close(): Promise<void>;
}

/** The disk did not take a write. Reads go on. Its fields make it an answer of the API. */
export class StorageError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: 500 | 507, reason: string, message: string) {
    super(message);
    this.name = 'StorageError';
    this.code = code;
    this.reason = reason;
  }
}

type Key = (string | number)[];

const revisionKey: Key = ['meta', 'revision'];
const objectKey = (resource: string, key: string): Key => ['object', resource, key];
const eventKey = (revision: number): Key => ['event', revision];
/** Bounds of all keys that begin with a word: LMDB keys are ordered, and nothing else begins with it. */
const objectRange = { start: ['object'], end: ['objects'] };
const eventRange = { start: ['event'], end: ['events'] };

const maxKeyBytes = 1900;

/** LMDB takes keys up to 1978 bytes, without NUL. */
export function isStorableKey(resource: string, key: string): boolean {
  return Buffer.byteLength(resource) + Buffer.byteLength(key) <= maxKeyBytes && !key.includes('\u0000');
}

export function openDatabase(directory: string, { readOnly = false } = {}): Database {
  const database = open<Buffer<ArrayBuffer>, Key>({
    path: directory,
    readOnly,
    // Maps what is read, in pieces, instead of the whole file.
    remapChunks: true,
    encoding: 'binary',
    // Objects are text that says much the same: a third of the size on disk, and of the file that is mapped.
    compression: true,
    // Without overlappingSync a commit resolves only when its transaction has been flushed to disk.
    overlappingSync: false,
    // Transactions are made here, one at a time; lmdb's own batches would leave a failed commit's rejection unhandled.
    eventTurnBatching: false,
  });
  const reserve = createReserve(directory);
  if (!readOnly) reserve.refill();
  // LMDB makes its files readable for everybody; they hold Secrets.
  if (!readOnly) for (const file of ['data.mdb', 'lock.mdb']) chmodSync(join(directory, file), 0o600);
  const revision = (): number => Number(database.get(revisionKey)?.toString() ?? '0');
  function* objects(): Generator<KeyedObject> {
    for (const { key, value } of database.getRange(objectRange)) {
      const [, resource, name] = key;
      if (typeof resource === 'string' && typeof name === 'string') {
        yield { resource, key: name, object: parseStored(value) };
      }
    }
  }

  return {
    revision: () => {
      // Else the answer could be that of a moment ago.
      database.resetReadTxn();
      return revision();
    },
    objects,
    snapshot: () => {
      database.resetReadTxn();
      // One turn of the event loop is one read transaction.
      return { objects: [...objects()], revision: revision() };
    },
    async load(restored, newRevision) {
      await database.batch(() => {
        for (const { resource, key, object } of restored) void database.put(objectKey(resource, key), jsonOf(object));
        void database.put(revisionKey, Buffer.from(String(newRevision)));
      });
    },
    events: () =>
      [...database.getRange(eventRange)].flatMap(({ key: [, revision], value }) =>
        typeof revision === 'number' ? [{ revision, value }] : [],
      ),
    event: (revision) => database.get(eventKey(revision)),

    async commit(events, droppedRevisions) {
      const last = events.at(-1);
      if (last === undefined) return;
      try {
        await database.batch(() => {
          for (const event of events) {
            const key = objectKey(event.resource, event.key);
            if (event.type === 'DELETED') void database.remove(key);
            else void database.put(key, jsonOf(event.object));
            void database.put(eventKey(event.revision), encodeEvent(event));
          }
          for (const revision of droppedRevisions) void database.remove(eventKey(revision));
          void database.put(revisionKey, Buffer.from(String(last.revision)));
        });
        reserve.refill();
      } catch (error) {
        throw await storageError(error, directory);
      }
    },

    requireRoom(event) {
      if (reserve.hasRoom(isDeletion(event))) return;
      throw diskFull(directory);
    },

    close: () => database.close(),
  };
}

/** An object goes in several steps when finalizers hold it: those are part of its deletion. */
function isDeletion({ type, object }: Pick<StoreEvent, 'type' | 'object'>): boolean {
  return type === 'DELETED' || object.metadata.deletionTimestamp !== undefined;
}

const fullBelowBytes = 1024 * 1024;

function diskFull(directory: string): StorageError {
  const message = `the write was not stored: the disk that holds ${directory} is full. Free some space, or delete what is not needed; reads go on, and writes are taken again as soon as there is room`;
  return new StorageError(507, 'InsufficientStorage', message);
}

async function storageError(error: unknown, directory: string): Promise<StorageError> {
  // lmdb keeps the cause in a promise, whose rejection must not stay unhandled.
  const cause: unknown =
    error instanceof Error && 'commitError' in error
      ? await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
      : error;
  const why = cause instanceof Error ? cause.message : String(cause);
  if (freeBytes(directory) < fullBelowBytes || /no space|quota/i.test(why)) {
    return diskFull(directory);
  }
  return new StorageError(500, 'InternalError', `the write was not stored in ${directory}: ${why}. Reads go on`);
}
