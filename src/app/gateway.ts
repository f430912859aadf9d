import { adminRoutes } from '../admin/api.ts';
import { createDecisionTrail } from '../admin/decisions.ts';
import { createGuard } from '../admin/guard.ts';
import { healthRoutes, metricsRoute } from '../admin/open.ts';
import { createRequestStream } from '../admin/requests.ts';
import type { ServedModel } from '../admin/resources.ts';
import { startAdminServer } from '../admin/server.ts';
import { sessionRoute } from '../admin/session.ts';
import { secretReader } from '../credentials/secretreader.ts';
import { systemEnvironment } from '../credentials/system.ts';
import { createDataPlane } from '../gateway/dataplane.ts';
import { Secret } from '../kinds/core/secret.ts';
import { Gateway } from '../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { refOf } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import type { InformerCache } from '../kube/informer.ts';
import { createOwnWrites } from '../kube/ownwrites.ts';
import type { Catalog } from '../local/catalog.ts';
import type { AddressPool } from '../local/network.ts';
import { nodeName } from '../local/node.ts';
import { createZmqSource } from '../picker/kvevents/zmqsource.ts';
import { createHttpScrape } from '../picker/metrics/httpscrape.ts';
import { createPicker } from '../picker/picker.ts';
import { createHttpRender } from '../picker/tokens/httprender.ts';
import { readerOf } from '../reconcile/pass.ts';
import type { LinkedTable } from '../routes/index.ts';
import type { ListenerTable } from '../routes/table.ts';
import type { Log } from '../telemetry/log.ts';
import { createOutput } from '../telemetry/output.ts';
import type { Places } from '../wire/places.ts';
import { startControllers } from './controllers.ts';
import { modelOf } from './declared.ts';
import { explainObject } from './explainobject.ts';
import type { Family } from './families/family.ts';
import { listModels } from './modellist.ts';
import { followObjects, pickerKnowledge, updatePicker } from './pickers.ts';
import { createSockets, type SharedAddress } from './sockets.ts';
import { originOf } from './summary.ts';

export interface GatewayOptions {
  client: KubeClient;
  informers: InformerCache;
  /** Addresses that Gateways may listen on. */
  addresses: AddressPool;
  /** Hosts for which DNS is not asked. */
  places: Places;
  /** Where Gateways listen instead. */
  listen?: SharedAddress | undefined;
  /** Where the metrics and the admin API are served. */
  nodeAddress: string;
  /** Opens the admin API to programs of this user. */
  adminToken: string;
  /** Says which endpoint pickers are ours. */
  catalog: Catalog;
  claimedControllers: readonly string[];
  debugHeaders: boolean;
  families: readonly Family[];
  /** Where the controllers of a family write, where that is not `log`. */
  familyLogs: ReadonlyMap<string, Log>;
  /** Models of the GPUs that the nodes have, for the profiles of simulated images. */
  gpuModels: readonly string[];
  version: string;
  log: Log;
}

export interface RunningGateway {
  /** The table that is served now. */
  routes(): LinkedTable;
  /** The models that are served now. */
  models(): ServedModel[];
  /** The table has all that the caches hold. */
  settled: () => boolean;
  /** Where a Gateway's declared port is really open. */
  portOf: (gatewayKey: string, port: number) => number | undefined;
  /** `http://address:port` of the admin API and the metrics. */
  adminUrl: string;
}

/** Requests in flight get so long when the process stops. */
const drainMs = 3_000;
/** That of Envoy's admin interface. */
const adminPort = 9901;
/** Decisions of the endpoint picker that are remembered. */
const trailLength = 100;

/** The data plane with its picker, and the controllers that feed it; `stack` takes them down again. */
export async function startGateway(options: GatewayOptions, stack: AsyncDisposableStack): Promise<RunningGateway> {
  const { client, informers, addresses, claimedControllers, debugHeaders, log } = options;
  const scrape = createHttpScrape();
  stack.defer(() => scrape.close());
  const trail = createDecisionTrail(trailLength);
  const requests = createRequestStream();
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
  const secrets = informers.informer(Secret);
  const credentials = systemEnvironment(
    secretReader((ref) => secrets.get(ref)),
    process.env,
    options.places,
  );
  stack.defer(() => credentials.close());
  const output = createOutput();
  stack.defer(() => {
    output.flush();
  });
  const dataPlane = createDataPlane({
    log,
    picker,
    debugHeaders,
    requests,
    credentials,
    places: options.places,
    writeLine: (to, line) => {
      output.writeLine(to, line);
    },
  });
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
    shared: options.listen,
    log,
  });
  const controllers = await startControllers({
    client,
    informers,
    claimedControllers,
    pickers: pickerKnowledge(
      options.catalog,
      new Set(options.families.flatMap(({ pickerServices = [] }) => pickerServices)),
    ),
    families: options.families,
    familyLogs: options.familyLogs,
    node: { catalog: options.catalog, gpuModels: options.gpuModels },
    version: options.version,
    publish: (next) => {
      updatePicker(picker, next.pools);
      dataPlane.apply(next);
    },
    program: (gateways) => sockets.program(gateways),
    nodeName,
    log,
  });
  stack.defer(() => controllers.stop());
  const routes = informers.informer(HTTPRoute);
  const gateways = informers.informer(Gateway);
  const declaredKinds = options.families.flatMap(({ declared }) => declared);
  const read = readerOf({ informers, writes: createOwnWrites(informers) });
  const openAt = (key: string, { port, protocol }: ListenerTable): string | undefined =>
    originOf(gateways.get(refOf(key)), sockets.portOf(key, port), protocol);
  const models = (): ServedModel[] =>
    listModels({
      table: dataPlane.routes(),
      route: (ref) => routes.get(ref),
      modelOf: (owner, namespace) => modelOf(declaredKinds, read, owner, namespace),
      originOf: openAt,
    });
  const admin = await startAdminServer({
    address: options.nodeAddress,
    port: adminPort,
    orFreePort: true,
    guard: createGuard({ localToken: options.adminToken, reviewer: client }),
    routes: [
      ...healthRoutes(() => (controllers.settled() ? { ready: true, text: 'ok' } : { ready: false, text: 'starting' })),
      metricsRoute(async () => (await Promise.all([dataPlane.metrics(), controllers.metrics()])).join('\n'), {
        open: true,
      }),
      sessionRoute(options.adminToken),
      ...adminRoutes({
        table: () => dataPlane.routes(),
        picker,
        originOf: openAt,
        decisions: trail,
        requests,
        explainObject: (ref) =>
          explainObject({ client, declaredKinds, explain: (kind, named) => controllers.explain(kind, named) }, ref),
        models,
      }),
    ],
    log,
  });
  stack.defer(() => admin.close());
  return {
    routes: () => dataPlane.routes(),
    models,
    settled: () => controllers.settled(),
    portOf: (key, port) => sockets.portOf(key, port),
    adminUrl: admin.url,
  };
}
