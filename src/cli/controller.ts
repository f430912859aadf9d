import type { Level } from 'pino';
import { startControllerProcess } from '../app/controllerprocess.ts';
import { familyLoader } from '../app/families.ts';
import { createLog, logDestination } from '../telemetry/log.ts';

export interface ControllerFlags {
  kubeconfig?: string;
  /** Names of families. */
  controllers: string[];
  leaderElect: boolean;
  leaseNamespace: string;
  bindAddress: string;
  port: number;
  logLevel: Level | 'silent';
}

/** Runs `headgate controller` until SIGINT or SIGTERM; a second signal ends it at once. */
export async function controller(flags: ControllerFlags, version: string): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    let asked = false;
    const onSignal = (): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
  const running = await startControllerProcess({
    kubeconfig: flags.kubeconfig,
    env: process.env,
    families: await familyLoader(flags, flags.controllers)(),
    leaseNamespace: flags.leaderElect ? flags.leaseNamespace : undefined,
    address: flags.bindAddress,
    port: flags.port,
    version,
    log: createLog({ level: flags.logLevel, destination: logDestination(1) }),
  });
  console.log(`Metrics and health at ${running.metricsUrl}, the API by ${running.source}`);
  try {
    await stopped;
  } finally {
    await running.stop();
  }
}
