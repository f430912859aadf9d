import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { DestinationStream } from 'pino';
import { FlagError } from '../flags/goflags.ts';
import { terminate, terminatedCode, type ThreadData } from '../local/shim/messages.ts';
import { ConfigError } from '../picker/config/parameters.ts';
import { createLog, logDestination } from '../telemetry/log.ts';
import { isProgram, programs, type ProgramName, type Running } from './programs.ts';

/** A program that does not finish its requests in time is ended anyway; a Pod with less grace is killed before. */
const drainTimeoutMs = 120_000;
/** Without its node nobody can reach it any more. */
const orphanTimeoutMs = 3_000;

/**
 * Runs a program to its end in a process of its own, or until SIGTERM, SIGINT or, when a node started it, until that node is
 * gone: its end of our standard input closes whatever happened to it (`HEADGATE_PARENT_PIPE`). Logs go to standard output,
 * where `kubectl logs` finds them.
 */
export async function runInProcess(name: ProgramName, argv: readonly string[]): Promise<void> {
  const end = ending();
  if (process.env['HEADGATE_PARENT_PIPE'] === '1') {
    const onGone = (): void => {
      if (!end.close('the node that started this program is gone', orphanTimeoutMs)) process.exit(1);
    };
    process.stdin.resume().on('end', onGone).on('error', onGone);
  }
  await run(name, argv, logDestination(1), end);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.close(signal, drainTimeoutMs));
}

/** The same in a thread of a shim, which hands on what signals would say; `process.exit` ends the thread. */
export async function runInThread(): Promise<void> {
  const { program, args } = workerData as ThreadData; // The shim's, of our own version.
  if (!isProgram(program)) throw new Error(`Headgate has no program "${program}"`);
  const end = ending();
  parentPort?.on('message', (message) => {
    // What has not begun to listen for SIGTERM ends by it.
    if (message === terminate && !end.close('SIGTERM', drainTimeoutMs)) process.exit(terminatedCode);
  });
  await run(program, args, process.stdout, end);
  flushCompileCache();
  // What loading left behind would stay for as long as the program has little to do: a third of its memory.
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

interface Ending {
  program?: Running;
  /** Lets the program finish what it is doing, within this time; false when it does not run yet. */
  close(reason: string, timeoutMs: number): boolean;
  /** Told that the program is to end. */
  onClose?: (reason: string) => void;
}

function ending(): Ending {
  let closing = false;
  const end: Ending = {
    close: (reason, timeoutMs) => {
      if (end.program === undefined) return false;
      setTimeout(() => process.exit(0), timeoutMs).unref();
      if (closing) return true;
      closing = true;
      end.onClose?.(reason);
      void end.program.close().finally(() => process.exit(0));
      return true;
    },
  };
  return end;
}

async function run(name: ProgramName, argv: readonly string[], output: DestinationStream, end: Ending): Promise<void> {
  const log = createLog({ level: 'info', destination: output });
  end.onClose = (reason) => {
    log.info({ reason }, 'stopping');
  };
  try {
    const start = await programs[name]();
    const started = await start(argv, { env: process.env, log });
    if (typeof started === 'number') process.exit(started);
    end.program = started;
  } catch (error) {
    // What a user got wrong is said by the message; where in our code that was found is of no help.
    const mistake = error instanceof FlagError || error instanceof ConfigError;
    log.fatal(mistake ? {} : { err: error }, error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}
