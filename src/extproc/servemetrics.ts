import type { Registry } from 'prom-client';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../telemetry/log.ts';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves GET /metrics as upstream guards it (epp.md 4.5); handed in by who starts the program. */
export type ServeMetrics = (options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Asked who may read; undefined: everybody may. */
  readonly reviewer: KubeClient | undefined;
  readonly log: Log;
}) => Promise<MetricsServer>;
