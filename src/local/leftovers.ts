import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * The processes this node has running, on disk: what is still recorded when a node starts was left by one that was killed
 * and had no time to stop its children.
 */
export interface ProcessRecords {
  add(pid: number): Promise<void>;
  remove(pid: number): Promise<void>;
  /** Kills all of them at once, with what they started. */
  killAll: () => void;
}

export function processRecords(directory: string): ProcessRecords {
  const running = new Set<number>();
  return {
    add: async (pid) => {
      running.add(pid);
      const identity = await processIdentity(pid);
      if (identity === undefined) return;
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(directory, String(pid)), identity, { mode: 0o600 });
    },
    remove: (pid) => {
      running.delete(pid);
      return rm(join(directory, String(pid)), { force: true });
    },
    killAll: () => {
      for (const pid of running) signalGroup(pid, 'SIGKILL');
    },
  };
}

/**
 * Kills the process groups recorded in `directory` that still run, and forgets the records. A process id that the system has
 * given to another program meanwhile is left alone. Returns the ids killed.
 */
export async function killLeftovers(directory: string): Promise<number[]> {
  const killed: number[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 1) continue;
    const recorded = await readFile(join(directory, name), 'utf8');
    if (recorded === (await processIdentity(pid)) && signalGroup(pid, 'SIGKILL')) killed.push(pid);
    await rm(join(directory, name), { force: true });
  }
  return killed;
}

/** Signals a process and all it started; false when none of them is there any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Text that no other process has: when the process started, as precisely as the system tells. Undefined when it is gone. */
export async function processIdentity(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    try {
      const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
      // proc(5): starttime is field 22; the name in field 2 may hold spaces, so count from behind its parenthesis.
      const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
      const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
      return `${boot.trim()} ${String(startTime)}`;
    } catch {
      return undefined;
    }
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
