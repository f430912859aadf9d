import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerLog } from './containerlog.ts';
import { signalGroup, type ProcessRecords } from './leftovers.ts';
import type { ThreadUsage } from './shim/messages.ts';

export interface ProcessSpec {
  /** The program and its arguments. */
  command: readonly string[];
  /** The whole environment: nothing is inherited. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Keep a pipe open as its standard input, by whose end the program notices that this process died. */
  parentPipe: boolean;
}

export interface Exit {
  /** 128 + signal number for a process that a signal ended, as shells and container runtimes tell it. */
  exitCode: number;
  signal?: number;
  finishedAt: Date;
  /** Why the process could not be started at all. */
  startError?: string;
}

export interface RunningProcess {
  /** What a program in a thread uses, which no process id tells; undefined when it is gone. */
  usage?: () => Promise<ThreadUsage | undefined>;
  /** Also the id of its process group; undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly startedAt: Date;
  /** Resolves when the process is gone and its output is in the log; never rejects. */
  readonly exited: Promise<Exit>;
  /** SIGTERM to the process and all it started, SIGKILL after `graceMs`; resolves with `exited`. A second call may shorten the wait. */
  stop(graceMs: number): Promise<Exit>;
}

/** A child that has ended may have given its output pipe to a process that lives on: no longer wait for the rest than this. */
const outputDrainMs = 1_000;

/** Starts a program as the leader of a process group of its own, its output going to `log`. */
export function startProcess(spec: ProcessSpec, log: ContainerLog, records: ProcessRecords): RunningProcess {
  const startedAt = new Date();
  const [file = '', ...args] = spec.command;
  const child = spawn(file, args, {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: [spec.parentPipe ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  // Written only by its end; that it breaks when the child goes first is no news.
  child.stdin?.on('error', () => undefined);
  const recorded = pid === undefined ? Promise.resolve() : records.add(pid);
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const output = Promise.all(streams.map((stream) => log.copy(stream)));

  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      // Also emitted when a signal cannot be sent; only without a pid it means that nothing was started.
      if (pid === undefined) resolve({ exitCode: 128, finishedAt: new Date(), startError: startError(error, file) });
    });
    child.once('exit', (code, signal) => {
      const number = signal === null ? undefined : constants.signals[signal];
      const exitCode = number === undefined ? (code ?? 0) : 128 + number;
      resolve({ exitCode, finishedAt: new Date(), ...(number === undefined ? {} : { signal: number }) });
    });
  });
  const exited = ended.then(async (exit) => {
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    const drained = new AbortController();
    await Promise.race([output, delay(outputDrainMs, undefined, { signal: drained.signal }).catch(() => undefined)]);
    drained.abort();
    for (const stream of streams) stream.destroy();
    child.stdin?.destroy();
    await log.close();
    await recorded.catch(() => undefined);
    if (pid !== undefined) await records.remove(pid).catch(() => undefined);
    return exit;
  });

  return {
    pid,
    startedAt,
    exited,
    stop: async (graceMs) => {
      if (pid === undefined) return exited;
      signalGroup(pid, 'SIGTERM');
      const waiting = new AbortController();
      const timeOut = delay(graceMs, 'timeout' as const, { signal: waiting.signal }).catch(() => undefined);
      if ((await Promise.race([ended, timeOut])) === 'timeout') signalGroup(pid, 'SIGKILL');
      waiting.abort();
      return exited;
    },
  };
}

function startError(error: NodeJS.ErrnoException, file: string): string {
  if (error.code === 'ENOENT') return `exec: "${file}": executable file or working directory not found`;
  if (error.code === 'EACCES') return `exec: "${file}": permission denied`;
  return error.message;
}
