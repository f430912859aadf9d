import { setTimeout as delay } from 'node:timers/promises';
import { createGuard } from '../admin/guard.ts';
import { healthRoutes, metricsRoute, type Readiness } from '../admin/open.ts';
import { startAdminServer } from '../admin/server.ts';
import { findApi } from '../kube/apiaccess.ts';
import { watchAccess, type AccessProblems } from '../kube/accessproblems.ts';
import { electLeader, type Leadership } from '../kube/leader.ts';
import { createInformerCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../telemetry/log.ts';
import { startFamilies } from './controllers.ts';
import type { Family } from './families/family.ts';

export interface ControllerProcessOptions {
  /** A kubeconfig; without one: the ServiceAccount of the Pod, or KUBECONFIG. */
  readonly kubeconfig?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whose controllers run; those of Gateways belong to the gateway of `headgate up`. */
  readonly families: readonly Family[];
  /** Take turns with other processes by a Lease in this namespace; undefined: there are no others. */
  readonly leaseNamespace: string | undefined;
  /** Where `/healthz`, `/readyz` and `/metrics` are; port 0 is any free one. */
  readonly address: string;
  readonly port: number;
  readonly version: string;
  readonly log: Log;
}

export interface ControllerProcess {
  /** Of `/metrics`. */
  readonly metricsUrl: string;
  /** Where the API and the credentials come from. */
  readonly source: string;
  stop(): Promise<void>;
}

const leaseName = 'headgate-controller';
const leaderPollMs = 250;
const longestStopMs = 5_000;

interface Running {
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts the controllers on a Kubernetes API, or waits for the turn to.
 *
 * @throws Error when there is no API to work on
 */
export async function startControllerProcess(options: ControllerProcessOptions): Promise<ControllerProcess> {
  const { kubeconfig, env, leaseNamespace, log } = options;
  const api = await findApi(kubeconfig === undefined ? env : { KUBECONFIG: kubeconfig });
  if (api === undefined) {
    throw new Error('no Kubernetes API: give --kubeconfig, set KUBECONFIG, or run in a Pod with a ServiceAccount');
  }
  const { source } = api;
  const access = watchAccess(api.client, log);
  const { client } = access;
  let running: Running | undefined;
  let leadership: Leadership | undefined;
  const http = await startAdminServer({
    address: options.address,
    port: options.port,
    orFreePort: true,
    guard: createGuard({ reviewer: client }),
    routes: [
      ...healthRoutes(() => readiness(access, running !== undefined, leadership)),
      metricsRoute(async () => (await running?.metrics()) ?? '', { open: true }),
    ],
    log,
  });
  const stopping = new AbortController();
  if (leaseNamespace !== undefined) {
    const identity = env['POD_NAME'] ?? leaseName;
    leadership = electLeader({ client, namespace: leaseNamespace, name: leaseName, identity, log });
  }
  const work = lead(leadership, stopping.signal, log, {
    start: async () => {
      running = await startAll(client, options, stopping.signal);
      log.info({ controllers: options.families.map(({ name }) => name), source }, 'controllers started');
    },
    stop: async () => {
      const ending = running;
      running = undefined;
      await ending?.stop();
    },
  });
  return {
    metricsUrl: `${http.url}/metrics`,
    source,
    stop: async () => {
      stopping.abort();
      const ended = work.then(() => leadership?.release());
      // An API that hangs does not keep the process.
      await Promise.race([ended, delay(longestStopMs, undefined, { ref: false })]);
      await http.close();
      await client.close();
    },
  };
}

/** Who waits for its turn is ready to take it; who cannot do its work is not ready, and says why. */
function readiness(access: AccessProblems, running: boolean, leadership: Leadership | undefined): Readiness {
  const problems = access.problems();
  if (problems.length > 0) return { ready: false, text: problems.join('\n') };
  if (!access.reached()) return { ready: false, text: 'the Kubernetes API has not answered yet' };
  if (running) return { ready: true, text: 'ok' };
  return leadership?.isLeader() === false
    ? { ready: true, text: 'standby' }
    : { ready: false, text: 'starting: the caches are not filled yet' };
}

/** Has the controllers run whenever it is our turn, until the signal. A start that fails is tried again. */
async function lead(
  leadership: Leadership | undefined,
  signal: AbortSignal,
  log: Log,
  controllers: { start(): Promise<void>; stop(): Promise<void> },
): Promise<void> {
  let started = false;
  while (!signal.aborted) {
    const turn = leadership?.isLeader() ?? true;
    try {
      if (turn && !started) {
        await controllers.start();
        started = true;
      } else if (!turn && started) {
        started = false;
        log.warn('no longer leading: the controllers stop');
        await controllers.stop();
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'controllers not started, trying again');
    }
    await delay(leaderPollMs, undefined, { signal }).catch(() => undefined);
  }
  await controllers.stop();
}

async function startAll(
  client: KubeClient,
  { families, log, version }: ControllerProcessOptions,
  signal: AbortSignal,
): Promise<Running> {
  const informers = createInformerCache(client, log);
  // Caches that never fill must not keep a process that is to end.
  signal.addEventListener('abort', () => void informers.stop(), { once: true });
  const running = await startFamilies(families, () => ({ client, informers, log, version }));
  return {
    metrics: () => running.metrics(),
    stop: async () => {
      await running.stop();
      await informers.stop();
    },
  };
}
