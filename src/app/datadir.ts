import { chmod, link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { processIdentity } from '../local/leftovers.ts';

/** The directory that holds everything one `headgate up` keeps, held by one process at a time. */
export interface DataDir {
  /** Absolute. */
  readonly path: string;
  readonly kubeconfig: string;
  release(): Promise<void>;
}

/** Where in the data directory tools find the address of the running process's admin API, and the token that opens it. */
export const adminUrlFile = 'admin-url';
export const adminTokenFile = 'admin-token';

/**
 * Creates the directory, readable by its owner only, and takes it.
 *
 * @throws Error when another running process has it: two API servers over one store would lose writes.
 */
export async function openDataDir(given: string): Promise<DataDir> {
  const directory = path.resolve(given);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const lock = await takeLock(directory);
  return {
    path: directory,
    kubeconfig: path.join(directory, 'kubeconfig'),
    // The file stays, so that its number is not given out again; without a holder it holds up nobody.
    release: () => writeFile(lock, '', { mode: 0o600 }),
  };
}

/**
 * The directory belongs to whoever made the lock file of the highest number, as long as that process runs. A file comes into being with
 * its content, and only once, so that of several that start at the same instant one alone makes the next number.
 */
async function takeLock(directory: string): Promise<string> {
  const mine = path.join(directory, `lock-of-${process.pid}`);
  await writeFile(mine, `${process.pid}\n${(await processIdentity(process.pid)) ?? ''}\n`, { mode: 0o600 });
  try {
    for (;;) {
      const newest = (await lockNumbers(directory)).at(-1) ?? 0;
      await refuseHeld(directory, newest);
      const lock = lockFile(directory, newest + 1);
      if (!(await linked(mine, lock))) continue;
      const numbers = await lockNumbers(directory);
      if (numbers.at(-1) === newest + 1) {
        for (const old of numbers.slice(0, -1)) await rm(lockFile(directory, old), { force: true });
        return lock;
      }
      // The number was taken, and tidied away, by others that were faster.
      await rm(lock, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

const lockFile = (directory: string, number: number): string => path.join(directory, `lock.${number}`);

/** In order. */
async function lockNumbers(directory: string): Promise<number[]> {
  const numbers = (await readdir(directory)).flatMap(
    (name) => /^lock\.(?<number>\d+)$/.exec(name)?.groups?.['number'] ?? [],
  );
  return numbers.map(Number).toSorted((a, b) => a - b);
}

async function refuseHeld(directory: string, number: number): Promise<void> {
  const holder = await readFile(lockFile(directory, number), 'utf8').catch(() => '');
  const [pid = '', identity = ''] = holder.split('\n');
  if (pid === '' || Number(pid) === process.pid || (await processIdentity(Number(pid))) !== identity) return;
  throw new Error(`the data directory ${directory} is in use by process ${pid}; stop it, or choose another --data-dir`);
}

/** Gives a file a second name; false when there is one of that name. */
async function linked(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
