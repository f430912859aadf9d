import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startApiServer } from '../apiserver/server.ts';
import { createDataPlane } from '../gateway/dataplane.ts';
import { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import { Deployment } from '../kinds/apps/deployment.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Gateway } from '../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { allKinds } from '../kinds/registry.ts';
import { createInformerCache } from '../kube/cache.ts';
import { createKubeClient } from '../kube/httpclient.ts';
import { createCatalog, parseCatalog, type Catalog } from '../local/catalog.ts';
import { claimNetwork } from '../local/network.ts';
import { startNode } from '../local/node.ts';
import { createHttpScrape } from '../picker/httpscrape.ts';
import { createPicker } from '../picker/picker.ts';
import type { RouteTable } from '../routing/table.ts';
import type { Log } from '../telemetry/log.ts';
import { applyManifests } from './apply.ts';
import { startControllers } from './controllers.ts';
import { openDataDir } from './datadir.ts';
import { readManifests } from './manifests.ts';
import { pendingIn, whenReady, type Cluster, type Pending } from './readiness.ts';
import { createSockets } from './sockets.ts';
import { gatewayAddress, servedModels, type GatewayAddress, type ServedModel } from './summary.ts';

export interface UpOptions {
  /** Files and directories to apply. */
  files: readonly string[];
  dataDir: string;
  /** 0: a free port, kept from run to run. */
  apiPort: number;
  catalogFile?: string;
  /** Controller names of the GatewayClasses to act for. */
  claimedControllers: readonly string[];
  debugHeaders: boolean;
  log: Log;
  /** Told what is being done, in words for the user. */
  progress(message: string): void;
}

export interface Up {
  readonly apiUrl: string;
  /** Path of the kubeconfig file. */
  readonly kubeconfig: string;
  /** Resolves with true when everything declared is ready, with false when `signal` aborts first. */
  ready(signal: AbortSignal): Promise<boolean>;
  pending(): Pending[];
  models(): ServedModel[];
  gateways(): GatewayAddress[];
  /** Finishes requests, ends all local processes and closes the store; within about 10 s. */
  stop(): Promise<void>;
}

/** Requests in flight get so long when the process stops. */
const drainMs = 3_000;

/** The embedded API, the controllers, the node and the gateway in this process. What fails to start takes the rest down again. */
export async function startUp(options: UpOptions): Promise<Up> {
  const stack = new AsyncDisposableStack();
  try {
    return await assemble(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function assemble(options: UpOptions, stack: AsyncDisposableStack): Promise<Up> {
  const { log, progress } = options;
  // What the user wrote is read first: a mistake there ends before anything starts.
  const manifests = await readManifests(options.files);
  const catalog = await readCatalog(options.catalogFile);
  const dataDir = await openDataDir(options.dataDir);
  stack.defer(() => dataDir.release());
  const network = await claimNetwork({ dataDir: dataDir.path });
  stack.defer(() => network.close());

  progress('starting the Kubernetes API');
  // Logs come from the node, which starts after the API that serves them.
  let node: Awaited<ReturnType<typeof startNode>> | undefined;
  const api = await startApiServer({
    dataDir: dataDir.path,
    kinds: allKinds,
    port: options.apiPort,
    serviceAddresses: network.services,
    podLogs: {
      read: (request) => {
        if (node === undefined) throw new Error('the embedded node has not started yet');
        return node.podLogs.read(request);
      },
    },
    log,
  });
  stack.defer(() => api.close());
  await writeFile(dataDir.kubeconfig, api.kubeconfig(), { mode: 0o600 });
  const client = createKubeClient({ server: api.url, ca: api.caCertificate, token: api.token });
  stack.defer(() => client.close());
  const informers = createInformerCache(client, log);
  stack.defer(() => informers.stop());

  progress(`starting the node on ${network.cidr}`);
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
  node = await startNode({
    client,
    informers,
    dataDir: dataDir.path,
    network,
    catalog,
    entry: { execPath: process.execPath, args: [process.argv[1] ?? main] },
    // Nine programs of the same code start for the quickstart: what one compiled, the others load.
    env: { NODE_COMPILE_CACHE: path.join(dataDir.path, 'compile-cache') },
    log,
  });
  const started = node;
  stack.defer(() => started.stop());

  progress('starting the gateway');
  const scrape = createHttpScrape();
  stack.defer(() => scrape.close());
  const picker = createPicker({ scrape: scrape.scrape, log });
  stack.defer(() => {
    picker.stop();
  });
  const dataPlane = createDataPlane({ log, picker, debugHeaders: options.debugHeaders });
  stack.defer(() => dataPlane.close(drainMs));
  const { gateways } = network;
  const sockets = createSockets({
    // An address of an earlier run may lie outside the block that was free this time.
    allocate: (preferred) =>
      gateways.allocate(preferred !== undefined && gateways.isFree(preferred) ? preferred : undefined),
    release: gateways.release,
    bind: dataPlane.bind,
    unbind: dataPlane.unbind,
    log,
  });
  let table: RouteTable = { generation: 0, gateways: new Map() };
  const controllers = await startControllers({
    client,
    informers,
    claimedControllers: options.claimedControllers,
    publish: (next, pools) => {
      table = next;
      picker.update(pools);
      dataPlane.apply(next);
    },
    program: sockets.program,
    log,
  });
  stack.defer(() => controllers.stop());

  if (manifests.length > 0) progress(`applying ${manifests.length} objects`);
  await applyManifests(client, allKinds, manifests, () => undefined);

  const watched = {
    deployments: informers.informer(Deployment),
    pods: informers.informer(Pod),
    gateways: informers.informer(Gateway),
    httpRoutes: informers.informer(HTTPRoute),
    aiGatewayRoutes: informers.informer(AIGatewayRoute),
  };
  await informers.synced();
  const cluster = (): Cluster => ({
    deployments: watched.deployments.list(),
    pods: watched.pods.list(),
    gateways: watched.gateways.list(),
    httpRoutes: watched.httpRoutes.list(),
    aiGatewayRoutes: watched.aiGatewayRoutes.list(),
  });

  return {
    apiUrl: api.url,
    kubeconfig: dataDir.kubeconfig,
    ready: (signal) => whenReady(cluster, progress, signal),
    pending: () => pendingIn(cluster()),
    models: () => [...table.gateways.values()].flatMap(servedModels),
    gateways: () => watched.gateways.list().map((gateway) => gatewayAddress(gateway, sockets.portOf)),
    stop: () => stack.disposeAsync(),
  };
}

async function readCatalog(file: string | undefined): Promise<Catalog> {
  return createCatalog(file === undefined ? [] : parseCatalog(await readFile(file, 'utf8'), file));
}
