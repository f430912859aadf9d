import type { Registry } from 'prom-client';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../telemetry/log.ts';
import { createGuard } from './guard.ts';
import { metricsRoute } from './open.ts';
import { startAdminServer, type AdminServer } from './server.ts';

/** The metrics of a program of its own, such as `headgate epp --metrics-port`: guarded where there is an API that knows tokens (epp.md 4.5). */
export function serveRegistry(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Asked who may read; undefined: everybody may. */
  readonly reviewer: KubeClient | undefined;
  readonly log: Log;
}): Promise<AdminServer> {
  const { host, port, registry, reviewer, log } = options;
  return startAdminServer({
    address: host,
    port,
    guard: createGuard({ reviewer }),
    routes: [metricsRoute(() => registry.metrics(), { open: reviewer === undefined })],
    log,
  });
}
