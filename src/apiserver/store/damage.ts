import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * LMDB ends the whole process, with an assertion in C, when its file is damaged. So that a damaged store ends in a message, a file that
 * was not closed in order, or has changed since, is first read from end to end by a process that may die of it.
 */

const sealFile = 'closed';

/** Says that the file is as its last owner left it when he closed it. */
export function sealStore(directory: string): void {
  try {
    writeFileSync(join(directory, sealFile), fingerprint(directory) ?? '', { mode: 0o600 });
  } catch {
    // On a full disk the next start takes a look, that is all.
  }
}

/**
 * @throws Error that names the file and how to go on when the store cannot be read.
 */
export async function checkStore(directory: string): Promise<void> {
  const now = fingerprint(directory);
  if (now === undefined) return;
  const sealed = readSeal(directory) === now;
  rmSync(join(directory, sealFile), { force: true });
  if (sealed) return;
  const problem = await readWhole(directory);
  if (problem === undefined) return;
  throw new Error(
    `the store ${join(directory, 'data.mdb')} is damaged (${problem}): restore a backup with ` +
      `\`headgate restore FILE --data-dir ...\`, or move that directory away to start with an empty one`,
  );
}

function fingerprint(directory: string): string | undefined {
  const { size, mtimeMs } = statSync(join(directory, 'data.mdb'), { throwIfNoEntry: false }) ?? {};
  return size === undefined || size === 0 ? undefined : `${size} ${mtimeMs}`;
}

function readSeal(directory: string): string {
  try {
    return readFileSync(join(directory, sealFile), 'utf8');
  } catch {
    return '';
  }
}

/** Reads every entry, in a process of its own. */
const reader = `
  const [lmdb, path] = process.argv.slice(1);
  const { open } = await import(lmdb);
  const database = open({ path, readOnly: true, encoding: 'binary', compression: true });
  let bytes = 0;
  for (const { value } of database.getRange({})) bytes += value.length;
  await database.close();
`;

/** Why the file cannot be read; undefined when it can. */
async function readWhole(directory: string): Promise<string | undefined> {
  const args = ['--input-type=module', '-e', reader, import.meta.resolve('lmdb'), directory];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4096);
  });
  const ended: unknown[] = await once(child, 'close');
  if (ended[0] === 0) return undefined;
  const said = output.split('\n').find((line) => /Error|[Aa]ssert|MDB_/.test(line));
  return said?.trim() ?? `reading it ended with ${String(ended[1] ?? ended[0])}`;
}
