import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerLog } from '../containerlog.ts';
import type { Entry } from '../launch.ts';
import { signalGroup, type ProcessRecords } from '../leftovers.ts';
import type { Exit, RunningProcess } from '../process.ts';
import type { ShimCommand, ShimReport, ThreadUsage } from './messages.ts';

/** A built-in program to run: a subcommand of Headgate's own command line. */
export interface ThreadSpec {
  program: string;
  args: readonly string[];
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
}

/** Runs built-in programs, each in a thread of a shim. */
export interface Shims {
  /** Programs of one `group` share a process, which starts with its first program and ends with its last. */
  start(group: string, spec: ThreadSpec, log: ContainerLog): RunningProcess;
}

export interface ShimOptions {
  entry: Entry;
  /** The environment of the processes themselves, which programs do not see. */
  env: Readonly<Record<string, string>>;
  records: ProcessRecords;
}

/** Threads that do not begin with a copy of Node's start-up snapshot are 2.5 MB smaller and start no slower. */
const nodeOptions = ['--no-node-snapshot', '--max-semi-space-size=2', '--expose-gc'];
/** An arena of malloc for each thread would hold memory that nobody uses. */
const allocator = { MALLOC_ARENA_MAX: '1' };

/** A thread that is stuck outside of JavaScript cannot be ended; after this time its container counts as gone all the same. */
const stuckMs = 5_000;
const usageTimeoutMs = 1_000;

const killed = { exitCode: 128 + constants.signals.SIGKILL, signal: constants.signals.SIGKILL };

export function createShims(options: ShimOptions): Shims {
  const shims = new Map<string, Shim>();
  return {
    start: (group, spec, log) => {
      const known = shims.get(group);
      if (known?.open === true) return known.start(spec, log);
      const shim = new Shim(options);
      shims.set(group, shim);
      shim.closed.then(
        () => {
          if (shims.get(group) === shim) shims.delete(group);
        },
        () => undefined,
      );
      return shim.start(spec, log);
    },
  };
}

type HowItEnded = Omit<Exit, 'finishedAt'>;

/** What the shim tells of one run of a container. */
interface Run {
  readonly output: Readable;
  exited(exit: Exit): void;
  readonly measuring: Set<(usage: ThreadUsage | undefined) => void>;
}

class Shim {
  /** Programs can still be started in it. */
  open = true;
  /** Resolves when they no longer can. */
  readonly closed: Promise<void>;
  readonly #child: ChildProcess;
  readonly #runs = new Map<number, Run>();
  readonly #close: () => void;
  #last = 0;

  constructor({ entry, env, records }: ShimOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#close = () => {
      this.open = false;
      resolve();
    };
    this.#child = spawn(entry.execPath, [...nodeOptions, ...entry.args, 'shim'], {
      env: { ...env, ...allocator },
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const { pid } = this.#child;
    const recorded = pid === undefined ? Promise.resolve() : records.add(pid);
    this.#child.on('message', (message) => {
      this.#onReport(message as ShimReport); // The shim's, of our own version.
    });
    this.#child.once('error', ({ message }) => {
      if (pid === undefined) this.#end({ exitCode: 128, startError: `cannot start built-in programs: ${message}` });
    });
    this.#child.once('exit', () => {
      this.#end(killed);
      if (pid === undefined) return;
      void recorded.catch(() => undefined).then(() => records.remove(pid).catch(() => undefined));
    });
  }

  start({ program, args, env }: ThreadSpec, log: ContainerLog): RunningProcess {
    const id = ++this.#last;
    const ended = Promise.withResolvers<Exit>();
    const output = new Readable({
      read: () => {
        this.#send({ type: 'more', id });
      },
    });
    this.#runs.set(id, { output, exited: ended.resolve, measuring: new Set() });
    this.#send({ type: 'run', id, program, args, env });
    const copied = log.copy(output);
    const exited = ended.promise.then(async (exit) => {
      await copied;
      await log.close();
      return exit;
    });
    return {
      pid: undefined,
      startedAt: new Date(),
      exited,
      usage: () => this.#usage(id),
      stop: async (graceMs) => {
        this.#send({ type: 'terminate', id });
        const waiting = new AbortController();
        const timeOut = delay(graceMs, 'timeout' as const, { signal: waiting.signal }).catch(() => undefined);
        if ((await Promise.race([ended.promise, timeOut])) === 'timeout') this.#kill(id);
        waiting.abort();
        return exited;
      },
    };
  }

  #send(command: ShimCommand): void {
    // A shim that is gone needs no telling; its end tells the rest.
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  #onReport(report: ShimReport): void {
    const run = this.#runs.get(report.id);
    if (report.type === 'output') run?.output.push(report.chunk);
    else if (report.type === 'usage') settle(run, report.usage);
    else this.#finish(report.id, report);
  }

  #finish(id: number, { exitCode, signal, startError }: HowItEnded): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#runs.delete(id);
    run.output.push(null);
    settle(run, undefined);
    run.exited({
      exitCode,
      finishedAt: new Date(),
      ...(signal === undefined ? {} : { signal }),
      ...(startError === undefined ? {} : { startError }),
    });
    if (this.#runs.size > 0) return;
    this.#close();
    if (this.#child.connected) this.#child.disconnect();
  }

  #end(how: HowItEnded): void {
    this.#close();
    for (const id of this.#runs.keys()) this.#finish(id, how);
  }

  #kill(id: number): void {
    this.#send({ type: 'kill', id });
    setTimeout(() => {
      if (!this.#runs.has(id)) return;
      this.#finish(id, killed);
      if (this.#runs.size === 0 && this.#child.pid !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
    }, stuckMs).unref();
  }

  #usage(id: number): Promise<ThreadUsage | undefined> {
    const run = this.#runs.get(id);
    if (run === undefined) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<ThreadUsage | undefined>();
    run.measuring.add(resolve);
    setTimeout(resolve, usageTimeoutMs, undefined).unref();
    this.#send({ type: 'usage', id });
    return promise;
  }
}

function settle(run: Run | undefined, usage: ThreadUsage | undefined): void {
  for (const resolve of run?.measuring ?? []) resolve(usage);
  run?.measuring.clear();
}
