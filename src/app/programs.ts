import { pino } from 'pino';
import { FlagError } from '../flags/goflags.ts';
import { ConfigError } from '../picker/config/parameters.ts';
import { createLog, type Log } from '../telemetry/log.ts';

/** Resolves when the program serves, or with its exit code when it has run to its end. */
type Start = (argv: readonly string[], options: { env: NodeJS.ProcessEnv; log: Log }) => Promise<Running | number>;

interface Running {
  url: string;
  close(): Promise<void>;
}

/** The programs that the embedded node runs in pods, each loaded only when it is run. */
const programs = {
  simulator: async (): Promise<Start> => (await import('../simulator/vllm.ts')).startSimulator,
  testupstream: async (): Promise<Start> => (await import('../simulator/testupstream.ts')).startTestUpstream,
  epp: async (): Promise<Start> => {
    const [{ startEpp }, { weighExternalMemoryWithHeap }] = await Promise.all([
      import('../extproc/epp.ts'),
      import('../extproc/externalmemory.ts'),
    ]);
    weighExternalMemoryWithHeap();
    return startEpp;
  },
  aim: async (): Promise<Start> => (await import('../simulator/aim/aim.ts')).startAim,
  aimdownload: async (): Promise<Start> => (await import('../simulator/aim/download.ts')).runAimDownload,
  storageinitializer: async (): Promise<Start> =>
    (await import('../simulator/aim/storageinitializer.ts')).runStorageInitializer,
  upstream: async (): Promise<Start> => (await import('../simulator/upstream.ts')).startUpstream,
  llamacpp: async (): Promise<Start> => (await import('../llamacpp/server.ts')).startLlamaCpp,
  bbr: async (): Promise<Start> => (await import('../extproc/bbr.ts')).startBbr,
} as const;

export function isProgram(name: string): name is keyof typeof programs {
  return Object.hasOwn(programs, name);
}

/** A program that does not finish its requests in time is ended anyway; a Pod with less grace is killed before. */
const drainTimeoutMs = 120_000;
/** Without its node nobody can reach it any more. */
const orphanTimeoutMs = 3_000;

/**
 * Runs a program to its end, or until SIGTERM, SIGINT or, when a node started it, until that node is gone: its end of our
 * standard input closes whatever happened to it (`HEADGATE_PARENT_PIPE`). Logs go to standard output, where `kubectl logs`
 * finds them.
 */
export async function runProgram(name: keyof typeof programs, argv: readonly string[]): Promise<void> {
  const log = createLog({ level: 'info', destination: pino.destination({ dest: 1, sync: true }) });
  const program: { running?: Running } = {};
  let closing = false;
  const close = (reason: string, timeoutMs: number): void => {
    if (program.running === undefined) process.exit(1);
    setTimeout(() => process.exit(0), timeoutMs).unref();
    if (closing) return;
    closing = true;
    log.info({ reason }, 'stopping');
    void program.running.close().finally(() => process.exit(0));
  };
  if (process.env['HEADGATE_PARENT_PIPE'] === '1') {
    const onGone = (): void => {
      close('the node that started this program is gone', orphanTimeoutMs);
    };
    process.stdin.resume().on('end', onGone).on('error', onGone);
  }
  try {
    const start = await programs[name]();
    const started = await start(argv, { env: process.env, log });
    if (typeof started === 'number') process.exit(started);
    program.running = started;
  } catch (error) {
    // What a user got wrong is said by the message; where in our code that was found is of no help.
    const mistake = error instanceof FlagError || error instanceof ConfigError;
    log.fatal(mistake ? {} : { err: error }, error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      close(signal, drainTimeoutMs);
    });
  }
}
