import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  terminate,
  terminatedCode,
  type ShimCommand,
  type ShimReport,
  type ThreadData,
  type ThreadUsage,
} from './messages.ts';

/**
 * The process that runs built-in programs for the node, a thread each: `headgate shim`, as containerd has shims beside its
 * containers. A program that throws, exits, runs out of heap or never returns ends alone. When the node is gone, the
 * programs end, too.
 */
export function runShim(): void {
  const threads = new Map<number, Thread>();
  const entry = pathToFileURL(process.argv[1] ?? '').href;
  const compileCache = process.env['NODE_COMPILE_CACHE'];
  const report = (message: ShimReport): void => {
    if (process.connected) process.send?.(message);
  };
  const commands: { [T in ShimCommand['type']]: (command: Extract<ShimCommand, { type: T }>) => void } = {
    run: ({ id, program, args, env }) => {
      const thread = startThread({ program, args, entry, compileCache }, env, {
        output: (chunk) => {
          report({ type: 'output', id, chunk });
        },
        exited: (exit) => {
          threads.delete(id);
          report({ type: 'exit', id, ...exit });
          if (!process.connected && threads.size === 0) process.exit();
        },
      });
      threads.set(id, thread);
    },
    terminate: ({ id }) => threads.get(id)?.terminate(),
    kill: ({ id }) => threads.get(id)?.kill(),
    more: ({ id }) => threads.get(id)?.more(),
    usage: ({ id }) => {
      const thread = threads.get(id);
      // A thread that is just ending has nothing to tell; the node does not wait for it.
      thread?.usage().then(
        (usage) => {
          report({ type: 'usage', id, usage });
        },
        () => undefined,
      );
    },
  };
  process.on('message', (message) => {
    const command = message as ShimCommand; // The node's, of our own version.
    (commands[command.type] as (command: ShimCommand) => void)(command);
  });
  process.once('disconnect', () => {
    if (threads.size === 0) process.exit();
    for (const thread of threads.values()) thread.terminate();
    setTimeout(() => process.exit(), orphanTimeoutMs);
  });
  // The node decides what ends when: a signal to the whole process group is not meant for programs of Pods.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

/** Without its node nobody can reach a program any more. */
const orphanTimeoutMs = 3_000;
/** Most threads do little: a small young generation keeps each of them small. */
const youngGenerationMb = 2;

/**
 * The first code of a thread is JavaScript: the cache has to be on before anything is loaded, and to strip the types of a
 * first module would load what does that, which is larger than most programs.
 */
const bootstrap = `
  const { workerData } = require('node:worker_threads');
  if (workerData.compileCache !== undefined) require('node:module').enableCompileCache(workerData.compileCache);
  import(workerData.entry);
`;

interface Thread {
  terminate(): void;
  kill(): void;
  /** Gives the next piece of output, as soon as there is one. */
  more(): void;
  usage(): Promise<ThreadUsage>;
}

interface ThreadReports {
  output: (chunk: Uint8Array) => void;
  exited: (exit: { exitCode: number; signal?: number }) => void;
}

function startThread(
  workerData: ThreadData,
  env: Readonly<Record<string, string>>,
  { output, exited }: ThreadReports,
): Thread {
  let asked: 'nothing' | 'terminate' | 'kill' = 'nothing';
  let failure: Error | undefined;
  const worker = new Worker(bootstrap, {
    eval: true,
    workerData,
    env: { ...env },
    stdout: true,
    stderr: true,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  const lines = merged([worker.stdout, worker.stderr], output);
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on('exit', (code) => {
    void lines.ended.then(() => {
      const outOfMemory = failure !== undefined && 'code' in failure && failure.code === 'ERR_WORKER_OUT_OF_MEMORY';
      if (failure !== undefined) output(Buffer.from(`${outOfMemory ? failure.message : inspect(failure)}\n`));
      if (asked === 'kill') exited(killedBy('SIGKILL'));
      else if (outOfMemory) exited(killedBy('SIGABRT'));
      else if (asked === 'terminate' && code === terminatedCode) exited(killedBy('SIGTERM'));
      else exited({ exitCode: code });
    });
  });
  return {
    terminate: () => {
      if (asked === 'nothing') asked = 'terminate';
      worker.postMessage(terminate);
    },
    kill: () => {
      asked = 'kill';
      void worker.terminate();
    },
    more: lines.more,
    usage: () => usageOf(worker),
  };
}

/** Both output streams of a program, in pieces as they are asked for. */
function merged(
  streams: readonly Readable[],
  output: (chunk: Uint8Array) => void,
): { more: () => void; ended: Promise<unknown> } {
  let wanted = false;
  const give = (): void => {
    for (const stream of streams) {
      if (!wanted) return;
      const chunk: unknown = stream.read();
      if (!(chunk instanceof Uint8Array)) continue;
      wanted = false;
      output(chunk);
    }
  };
  const ended = streams.map((stream) => new Promise((resolve) => stream.on('readable', give).once('end', resolve)));
  const more = (): void => {
    wanted = true;
    give();
  };
  return { more, ended: Promise.all(ended) };
}

function killedBy(name: 'SIGKILL' | 'SIGTERM' | 'SIGABRT'): { exitCode: number; signal: number } {
  const signal = constants.signals[name];
  return { exitCode: 128 + signal, signal };
}

async function usageOf(worker: Worker): Promise<ThreadUsage> {
  const heap = await worker.getHeapStatistics();
  return {
    cpuSeconds: await cpuSeconds(worker),
    bytes: heap.total_physical_size + heap.malloced_memory + heap.external_memory,
  };
}

/** Before Node 24.6 a thread's processor time is not told; the time its event loop was busy comes close. */
async function cpuSeconds(worker: Worker): Promise<number> {
  if (!('cpuUsage' in worker)) return (worker as Worker).performance.eventLoopUtilization().active / 1000;
  const { user, system } = await worker.cpuUsage();
  return (user + system) / 1e6;
}
