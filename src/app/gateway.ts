import { createDataPlane } from '../gateway/dataplane.ts';
import { Gateway } from '../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { refOf } from '../kinds/object.ts';
import type { AirunwaySettings } from '../controllers/airunway/settings.ts';
import type { KubeClient } from '../kube/client.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Catalog } from '../local/catalog.ts';
import { simulatedImageMetadata } from '../simulator/aim/imagemetadata.ts';
import type { AddressPool } from '../local/network.ts';
import { createZmqSource } from '../picker/kvevents/zmqsource.ts';
import { createHttpScrape } from '../picker/metrics/httpscrape.ts';
import { createPicker } from '../picker/picker.ts';
import { createHttpRender } from '../picker/tokens/httprender.ts';
import type { RouteTable } from '../routing/table.ts';
import type { Log } from '../telemetry/log.ts';
import { startControllers } from './controllers.ts';
import { debugPages } from './debugpages.ts';
import { createDecisionTrail } from './decisiontrail.ts';
import { startMetricsServer } from './metricsserver.ts';
import { listModels } from './modellist.ts';
import { modelNames } from './modelnames.ts';
import { followObjects, pickerKnowledge, updatePicker } from './pickers.ts';
import { createSockets } from './sockets.ts';
import { originOf } from './summary.ts';

export interface GatewayOptions {
  client: KubeClient;
  informers: InformerCache;
  /** Addresses that Gateways may listen on. */
  addresses: AddressPool;
  /** Where the metrics are served. */
  nodeAddress: string;
  /** Says which endpoint pickers are ours. */
  catalog: Catalog;
  claimedControllers: readonly string[];
  debugHeaders: boolean;
  airunway: AirunwaySettings;
  airunwayLog: Log;
  /** Models of the GPUs that the nodes have, for the profiles of simulated images. */
  gpuModels: readonly string[];
  version: string;
  log: Log;
}

export interface RunningGateway {
  /** The table that is served now. */
  table(): RouteTable;
  /** The table has all that the caches hold. */
  settled: () => boolean;
  /** Where a Gateway's declared port is really open. */
  portOf: (gatewayKey: string, port: number) => number | undefined;
  metricsUrl: string;
}

/** Requests in flight get so long when the process stops. */
const drainMs = 3_000;
/** That of Envoy's admin interface. */
const metricsPort = 9901;
/** Decisions of the endpoint picker that are remembered. */
const trailLength = 100;

/** The data plane with its picker, and the controllers that feed it; `stack` takes them down again. */
export async function startGateway(options: GatewayOptions, stack: AsyncDisposableStack): Promise<RunningGateway> {
  const { client, informers, addresses, claimedControllers, debugHeaders, log } = options;
  const scrape = createHttpScrape();
  stack.defer(() => scrape.close());
  const trail = createDecisionTrail(trailLength);
  const rendering = createHttpRender();
  stack.defer(() => rendering.close());
  const picker = createPicker({
    scrape: (url, signal) => scrape.scrape(url, signal),
    observer: trail.observer,
    kvEvents: createZmqSource(log, options.nodeAddress),
    render: rendering.render,
    log,
  });
  stack.defer(() => {
    picker.stop();
  });
  stack.defer(followObjects(informers, picker));
  const dataPlane = createDataPlane({ log, picker, debugHeaders });
  stack.defer(() => dataPlane.close(drainMs));
  const sockets = createSockets({
    // An address of an earlier run may lie outside the block that was free this time.
    allocate: (preferred) =>
      addresses.allocate(preferred !== undefined && addresses.isFree(preferred) ? preferred : undefined),
    release: (address) => {
      addresses.release(address);
    },
    bind: (key, listen) => dataPlane.bind(key, listen),
    unbind: (key) => dataPlane.unbind(key),
    log,
  });
  let table: RouteTable = { generation: 0, gateways: new Map() };
  const controllers = await startControllers({
    client,
    informers,
    claimedControllers,
    pickers: pickerKnowledge(options.catalog, new Set([options.airunway.picker.serviceName])),
    airunway: options.airunway,
    airunwayLog: options.airunwayLog,
    simulatedProviders: simulatedProviders(options.catalog),
    builtinImages: (image) => simulatedImageMetadata(image, options.gpuModels),
    version: options.version,
    publish: (next, pools, pickers) => {
      table = next;
      updatePicker(picker, pools, pickers);
      dataPlane.apply(next);
    },
    program: (gateways) => sockets.program(gateways),
    log,
  });
  stack.defer(() => controllers.stop());
  const routes = informers.informer(HTTPRoute);
  const gateways = informers.informer(Gateway);
  const modelOf = modelNames(informers);
  const metrics = await startMetricsServer({
    address: options.nodeAddress,
    preferredPort: metricsPort,
    metrics: async () => (await Promise.all([dataPlane.metrics(), controllers.metrics()])).join('\n'),
    pages: debugPages({
      table: () => table,
      picker,
      trail,
      explainService: (ref) => controllers.explainService(ref),
      models: () =>
        listModels({
          table,
          route: (ref) => routes.get(ref),
          modelOf,
          originOf: (key, { port, protocol }) =>
            originOf(gateways.get(refOf(key)), sockets.portOf(key, port), protocol),
        }),
    }),
  });
  stack.defer(() => metrics.close());
  return {
    table: () => table,
    settled: () => controllers.settled(),
    portOf: (key, port) => sockets.portOf(key, port),
    metricsUrl: metrics.url,
  };
}

/** Providers whose servers need no GPUs here: a simulation of the image of vLLM, or a model of the user's in its place. */
function simulatedProviders(catalog: Catalog): ReadonlySet<string> {
  const program = catalog.find('vllm/vllm-openai');
  const needsNone = program === 'simulator' || (typeof program === 'object' && 'gguf' in program);
  return new Set(needsNone ? ['vllm', 'llmd'] : []);
}
