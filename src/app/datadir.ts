import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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
  const lock = path.join(directory, 'lock');
  const holder = await readFile(lock, 'utf8').catch(() => '');
  const [pid = '', identity = ''] = holder.split('\n');
  if (pid !== '' && Number(pid) !== process.pid && (await processIdentity(Number(pid))) === identity) {
    throw new Error(
      `the data directory ${directory} is in use by process ${pid}; stop it, or choose another --data-dir`,
    );
  }
  await writeFile(lock, `${process.pid}\n${(await processIdentity(process.pid)) ?? ''}\n`, { mode: 0o600 });
  return {
    path: directory,
    kubeconfig: path.join(directory, 'kubeconfig'),
    release: () => rm(lock, { force: true }),
  };
}
