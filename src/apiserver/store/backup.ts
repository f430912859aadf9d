import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openDatabase } from './database.ts';
import { parseStored } from './encoding.ts';
import type { StoreEvent } from './history.ts';

/**
 * A backup is a file of lines: a head, one line per kept file, one per object, and an end with the number of lines and the
 * SHA-256 of everything before it. It holds credentials and Secrets: mode 0600.
 */
interface Head {
  format: 'headgate-backup';
  version: 1;
  revision: number;
  createdAt: string;
}

type Line =
  | Head
  | { file: string; content: string }
  | { resource: string; key: string; object: unknown }
  | { end: number; sha256: string };

export interface BackupSummary {
  objects: number;
  revision: number;
}

/** In a data directory: the store, and the small files that clients depend on. */
const storeDirectory = 'objects';
const keptFiles = ['pki/identity.json', 'pki/serviceaccount.key', 'port'];

/**
 * Writes all objects of a data directory, as they are at one moment, to a file; also while `headgate up` uses the directory.
 *
 * @throws Error when there is no store, or the file exists or cannot be written.
 */
export function writeBackup(dataDir: string, file: string): BackupSummary {
  const store = join(dataDir, storeDirectory);
  if (!existsSync(join(store, 'data.mdb'))) throw new Error(`${dataDir} is no data directory: there is no ${store}`);
  if (existsSync(file)) throw new Error(`${file} exists already: a backup does not overwrite`);
  const unfinished = `${file}.unfinished`;
  const writer = openLines(unfinished);
  // Read-only: LMDB gives this process a snapshot of its own, beside the one that writes.
  const database = openDatabase(store, { readOnly: true });
  try {
    const snapshot = database.snapshot();
    const { revision } = snapshot;
    writer.write({ format: 'headgate-backup', version: 1, revision, createdAt: new Date().toISOString() });
    for (const name of keptFiles) {
      const path = join(dataDir, name);
      if (existsSync(path)) writer.write({ file: name, content: readFileSync(path, 'utf8') });
    }
    let objects = 0;
    for (const { resource, key, object } of snapshot.objects) {
      writer.write({ resource, key, object });
      objects += 1;
    }
    writer.finish();
    renameSync(unfinished, file);
    return { objects, revision };
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  } finally {
    void database.close();
  }
}

function openLines(file: string): { write(line: Line): void; finish(): void } {
  const descriptor = openSync(file, 'w', 0o600);
  const hash = createHash('sha256');
  let count = 0;
  let waiting: string[] = [];
  const flush = (): void => {
    writeSync(descriptor, waiting.join(''));
    waiting = [];
  };
  const write = (line: Line): void => {
    const text = `${JSON.stringify(line)}\n`;
    hash.update(text);
    count += 1;
    if (waiting.push(text) >= 1000) flush();
  };
  return {
    write,
    finish() {
      const end = { end: count, sha256: hash.copy().digest('hex') };
      write(end);
      flush();
      fsyncSync(descriptor);
      closeSync(descriptor);
    },
  };
}

/**
 * How far versions jump with a restore: clients may have seen later ones than the backup holds, and must neither wait for
 * them nor meet them again with another meaning. As etcd's documentation advises.
 */
const revisionJump = 1_000_000_000;

/**
 * Puts the objects of a backup in the place of those of a data directory, which nobody may be using. What was there is moved
 * aside and returned. Nothing is changed when the file is not a whole backup.
 */
export async function restoreBackup(
  file: string,
  dataDir: string,
  now: Date,
): Promise<BackupSummary & { replaced: string | undefined }> {
  const { head, files, objects } = parseBackup(readFileSync(file, 'utf8'), file);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const store = join(dataDir, storeDirectory);
  const fresh = join(dataDir, `${storeDirectory}-restoring`);
  rmSync(fresh, { recursive: true, force: true });
  const database = openDatabase(fresh);
  const revision = head.revision + revisionJump;
  try {
    await database.load(objects, revision);
  } finally {
    await database.close();
  }
  const aside = join(dataDir, `${storeDirectory}-replaced-${now.toISOString().replaceAll(/[:.]/g, '-')}`);
  const replaced = existsSync(store) ? aside : undefined;
  if (replaced !== undefined) renameSync(store, replaced);
  renameSync(fresh, store);
  for (const { name, content } of files) writeWhole(join(dataDir, name), content);
  return { objects: objects.length, revision, replaced };
}

type RestoredObject = Pick<StoreEvent, 'resource' | 'key' | 'object'>;

function parseBackup(text: string, file: string) {
  const broken = (why: string): Error =>
    new Error(`${file} is not a whole Headgate backup: ${why}. Nothing was changed`);
  const hash = createHash('sha256');
  let head: Head | undefined;
  let count = 0;
  const files: { name: string; content: string }[] = [];
  const objects: RestoredObject[] = [];
  for (const entry of text.split('\n')) {
    const line = parseLine(entry);
    if (line === undefined) throw broken(`line ${count + 1} cannot be read`);
    if ('end' in line) {
      checkEnd(line, count, hash, broken);
      if (head === undefined) throw broken('it has no head');
      return { head, files, objects };
    }
    hash.update(`${entry}\n`);
    count += 1;
    if ('format' in line) head = line;
    else if ('file' in line) {
      if (!keptFiles.includes(line.file)) throw broken(`it holds an unknown file ${line.file}`);
      files.push({ name: line.file, content: line.content });
    } else objects.push({ ...line, object: parseStored(Buffer.from(JSON.stringify(line.object))) });
  }
  throw broken('its end is missing');
}

function checkEnd(
  { end, sha256 }: Extract<Line, { end: number }>,
  count: number,
  hash: Hash,
  broken: (why: string) => Error,
): void {
  if (end !== count) throw broken(`it holds ${count} lines instead of ${end}`);
  if (sha256 !== hash.digest('hex')) throw broken('its checksum does not match');
}

/** The checksum vouches for the shape of what follows it; a line of anything else is refused. */
function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    if ('format' in value && (value.format !== 'headgate-backup' || !('version' in value) || value.version !== 1)) {
      return undefined;
    }
    const known = ['format', 'file', 'resource', 'end'].some((field) => field in value);
    return known ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const descriptor = openSync(`${path}.new`, 'w', 0o600);
  writeSync(descriptor, content);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${path}.new`, path);
}
