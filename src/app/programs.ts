import type { Log } from '../telemetry/log.ts';

/** Resolves when the program serves, or with its exit code when it has run to its end. */
type Start = (argv: readonly string[], options: { env: NodeJS.ProcessEnv; log: Log }) => Promise<Running | number>;

export interface Running {
  url: string;
  close(): Promise<void>;
}

/** The programs that the embedded node runs in pods, each loaded only when it is run. */
export const programs = {
  simulator: async (): Promise<Start> => (await import('../simulator/vllm.ts')).startSimulator,
  testupstream: async (): Promise<Start> => (await import('../simulator/testupstream.ts')).startTestUpstream,
  epp: async (): Promise<Start> => {
    const [{ startEpp }, { serveRegistry: serveMetrics }, { weighExternalMemoryWithHeap }] = await Promise.all([
      import('../extproc/epp.ts'),
      import('../admin/registrymetrics.ts'),
      import('../extproc/externalmemory.ts'),
    ]);
    weighExternalMemoryWithHeap();
    return (argv, options) => startEpp(argv, { ...options, serveMetrics });
  },
  aim: async (): Promise<Start> => (await import('../simulator/aim/aim.ts')).startAim,
  aimdownload: async (): Promise<Start> => (await import('../simulator/aim/download.ts')).runAimDownload,
  storageinitializer: async (): Promise<Start> =>
    (await import('../simulator/aim/storageinitializer.ts')).runStorageInitializer,
  upstream: async (): Promise<Start> => (await import('../simulator/upstream.ts')).startUpstream,
  llamacpp: async (): Promise<Start> => (await import('../llamacpp/server.ts')).startLlamaCpp,
  bbr: async (): Promise<Start> => {
    const [{ startBbr }, { serveRegistry: serveMetrics }] = await Promise.all([
      import('../extproc/bbr.ts'),
      import('../admin/registrymetrics.ts'),
    ]);
    return (argv, options) => startBbr(argv, { ...options, serveMetrics });
  },
} as const;

export type ProgramName = keyof typeof programs;

export function isProgram(name: string): name is ProgramName {
  return Object.hasOwn(programs, name);
}
