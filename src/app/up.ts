import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startApiServer, type MetricsSource, type PodAccess, type PodLogSource } from '../apiserver/server.ts';
import { Deployment } from '../kinds/apps/deployment.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Service } from '../kinds/core/service.ts';
import { Gateway } from '../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { allKinds } from '../kinds/registry.ts';
import { createInformerCache } from '../kube/cache.ts';
import { KubeError, type FieldValidation } from '../kube/client.ts';
import type { InformerCache } from '../kube/informer.ts';
import { fixedCredentials } from '../kube/credentials.ts';
import { createKubeClient } from '../kube/httpclient.ts';
import { apiEnvironment } from '../local/apienvironment.ts';
import { requireParts } from '../llamacpp/runtime.ts';
import { createCatalog, parseCatalog, type Catalog, type CatalogEntry } from '../local/catalog.ts';
import { defaultGpus, offerText, type NodeGpus } from '../local/gpus.ts';
import { inProcessImages } from '../local/inprocess.ts';
import { requestedModel } from '../local/requestedmodel.ts';
import { claimNetwork } from '../local/network.ts';
import { startNode, type LocalNode } from '../local/node.ts';
import type { Log } from '../telemetry/log.ts';
import type { Places } from '../wire/places.ts';
import { writeLocalToken } from '../admin/localtoken.ts';
import type { ServedModel } from '../admin/resources.ts';
import { applyManifests } from './apply.ts';
import { adminTokenFile, adminUrlFile, openDataDir } from './datadir.ts';
import { declaredObjects } from './declared.ts';
import type { DeclaredKind, Family } from './families/family.ts';
import { buildKustomization } from './kustomize/build.ts';
import { readManifests } from './manifests/read.ts';
import type { Manifest } from './manifests/yaml.ts';
import type { SharedAddress } from './sockets.ts';
import { startMemoryRelease } from './memoryrelease.ts';
import { preferring } from './preferredgroups.ts';
import { untilQuiet } from './quiet.ts';
import { pendingIn, whenReady, type Cluster, type Pending } from './readiness.ts';
import { gatewayAddress, type GatewayAddress } from './summary.ts';

export interface UpOptions {
  /** What to apply: files, directories, URLs, `-`; and directories with kustomizations. */
  files: readonly string[];
  kustomizations: readonly string[];
  /** What commands declare themselves, and run for it. */
  declared?: Declared | undefined;
  /** Directories below `files`, too. */
  recursive: boolean;
  /** What is done about unknown fields in them. */
  validation: FieldValidation;
  dataDir: string;
  /** 0: a free port, kept from run to run. */
  apiPort: number;
  catalogFile?: string;
  /** GPUs that the nodes pretend to have; some, unless given. */
  gpus?: readonly NodeGpus[];
  /** Controller names of the GatewayClasses to act for. */
  claimedControllers: readonly string[];
  debugHeaders: boolean;
  /** API groups whose kinds short names mean where several groups have them. */
  preferredGroups: readonly string[];
  /** Where all Gateways listen, instead of on loopback addresses of their own. */
  listen?: SharedAddress | undefined;
  /** Hosts of backends and token servers for which DNS is not asked. */
  places: Places;
  /** Run the built-in programs of each Pod in a process of its own. */
  isolatePods: boolean;
  /** Loads the families of resource APIs, as the flags say. */
  families: () => Promise<readonly Family[]>;
  version: string;
  log: Log;
  /** Told what is being done, in words for the user. */
  progress: (message: string) => void;
  /** Told what the API warns of. */
  warn: (message: string) => void;
}

/** Objects that a command made in place of a file of the user's. */
export interface Declared {
  readonly manifests: readonly Manifest[];
  /** Programs for their images. */
  readonly catalog: readonly CatalogEntry[];
}

export interface Up {
  readonly apiUrl: string;
  /** Path of the kubeconfig file. */
  readonly kubeconfig: string;
  /** Resolves with true when everything declared is ready, with false when `signal` aborts first. */
  ready(signal: AbortSignal): Promise<boolean>;
  pending(): Pending[];
  models(): ServedModel[];
  /** Answers of some Pods are made up: no model runs in them. */
  simulated(): boolean;
  gateways(): GatewayAddress[];
  /** Prometheus metrics of the gateway. */
  readonly metricsUrl: string;
  /** Finishes requests, ends all local processes and closes the store; within about 10 s. */
  stop(): Promise<void>;
}

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

/** Pods of what was applied have so long to start before the gateway is loaded, which takes the processor for half a second. */
const podsFirstMs = 2_000;

async function assemble(options: UpOptions, stack: AsyncDisposableStack): Promise<Up> {
  const { log, progress } = options;
  // What the user wrote is read first: a mistake there ends before anything starts.
  const manifests = await readManifests(options.files, { recursive: options.recursive });
  for (const directory of options.kustomizations) manifests.push(...(await buildKustomization(directory)));
  manifests.push(...(options.declared?.manifests ?? []));
  const catalog = createCatalog([...(options.declared?.catalog ?? []), ...(await readCatalog(options.catalogFile))]);
  const kinds = preferring(allKinds, options.preferredGroups);
  const dataDir = await openDataDir(options.dataDir);
  stack.defer(() => dataDir.release());
  const network = await claimNetwork({ dataDir: dataDir.path });
  stack.defer(() => network.close());
  const release = startMemoryRelease();
  stack.defer(() => {
    release.stop();
  });

  progress('starting the Kubernetes API');
  // Logs, processes and measurements are the node's, which starts after the API that serves them.
  const later: { node?: LocalNode } = {};
  const started = (): LocalNode => {
    if (later.node === undefined)
      throw new KubeError(503, 'ServiceUnavailable', 'the embedded node has not started yet');
    return later.node;
  };
  const podLogs: PodLogSource = { read: (request) => started().podLogs.read(request) };
  const podAccess: PodAccess = { exec: (request) => started().podAccess.exec(request) };
  const metrics: MetricsSource = {
    nodes: async () => started().metrics.nodes(),
    pods: async (namespace) => started().metrics.pods(namespace),
  };
  const api = await startApiServer({
    dataDir: dataDir.path,
    kinds,
    port: options.apiPort,
    serviceAddresses: network.services,
    podLogs,
    podAccess,
    metrics,
    log,
  });
  stack.defer(() => api.close());
  await writeFile(dataDir.kubeconfig, api.kubeconfig(), { mode: 0o600 });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  stack.defer(() => client.close());
  const informers = createInformerCache(client, log);
  stack.defer(() => informers.stop());

  // Not before they are wanted, which is when the node has begun, or a Pod of an earlier run stands for one of them.
  let loading: ReturnType<typeof loadFamilies> | undefined;
  const loaded = () => (loading ??= loadFamilies(options.families, log));
  const gpus = options.gpus ?? defaultGpus;
  const gpuText = gpus.map(offerText).join('; ');
  progress(`starting the node on ${network.cidr}${gpuText === '' ? '' : ` with simulated GPUs: ${gpuText}`}`);
  const node = await startNode({
    client,
    informers,
    dataDir: dataDir.path,
    network,
    catalog,
    partOf: async (image) =>
      image.startsWith(inProcessImages) ? (await loaded()).parts.find((one) => one.image === image)?.part : undefined,
    gpus,
    entry: { execPath: process.execPath, args: [commandLine()] },
    isolatePods: options.isolatePods,
    compileCache: process.env['NODE_COMPILE_CACHE'],
    env: apiEnvironment(api.url),
    log,
  });
  later.node = node;
  stack.defer(() => node.stop());

  // First what takes longest by itself: while Pods start, the gateway and the controllers are loaded and started.
  if (manifests.length > 0) progress(`applying ${manifests.length} objects`);
  await applyManifests(client, allKinds, manifests, {
    validation: options.validation,
    report: () => undefined,
    warn: options.warn,
  });

  progress('starting the gateway');
  await untilQuiet(podsFirstMs);
  const { startGateway } = await import('./gateway.ts');
  const { families, parts } = await loaded();
  const adminToken = path.join(dataDir.path, adminTokenFile);
  stack.defer(() => rm(adminToken, { force: true }));
  const gateway = await startGateway(
    {
      ...options,
      families,
      client,
      informers,
      addresses: network.gateways,
      nodeAddress: network.node,
      adminToken: await writeLocalToken(adminToken),
      catalog,
      gpuModels: gpus.map(({ model }) => model),
      familyLogs: new Map(parts.map((part) => [part.name, part.log])),
    },
    stack,
  );
  await Promise.all(parts.map(({ ensure }) => ensure(client)));

  const adminUrl = path.join(dataDir.path, adminUrlFile);
  stack.defer(() => rm(adminUrl, { force: true }));
  await writeFile(adminUrl, `${gateway.adminUrl}\n`, { mode: 0o600 });

  const cluster = await observeCluster(
    informers,
    families.flatMap(({ declared }) => declared),
  );

  return {
    apiUrl: api.url,
    kubeconfig: dataDir.kubeconfig,
    ready: (signal) => whenReady(cluster, gateway.settled, progress, signal),
    pending: () => pendingIn(cluster()),
    metricsUrl: `${gateway.adminUrl}/metrics`,
    models: () => gateway.models(),
    simulated: () => cluster().pods.some((pod) => isSimulated(pod, catalog)),
    gateways: () => cluster().gateways.map((object) => gatewayAddress(object, gateway.portOf)),
    stop: () => stack.disposeAsync(),
  };
}

async function loadFamilies(load: UpOptions['families'], log: Log) {
  const families = await load();
  const parts = families.flatMap(({ name, createPart }) =>
    createPart === undefined ? [] : [{ name, ...createPart(log) }],
  );
  return { families, parts };
}

const simulations: ReadonlySet<unknown> = new Set(['simulator', 'aim', 'testupstream', 'upstream']);

function isSimulated({ spec }: Pod, catalog: Catalog): boolean {
  return (spec?.containers ?? []).some((container) =>
    simulations.has(catalog.find(container.image ?? '', requestedModel(container))),
  );
}

/** The file that a node runs as `headgate`, from a checkout or from the bundle. */
function commandLine(): string {
  return process.argv[1] ?? fileURLToPath(new URL('../cli/main.ts', import.meta.url));
}

/** Objects whose state decides whether everything is ready. */
async function observeCluster(
  informers: InformerCache,
  declaredKinds: readonly DeclaredKind[],
): Promise<() => Cluster> {
  const deployments = informers.informer(Deployment);
  const pods = informers.informer(Pod);
  const gateways = informers.informer(Gateway);
  const httpRoutes = informers.informer(HTTPRoute);
  for (const { kind } of declaredKinds) informers.informer(kind);
  const services = informers.informer(Service);
  await informers.synced();
  return () => ({
    deployments: deployments.list(),
    pods: pods.list(),
    gateways: gateways.list(),
    httpRoutes: httpRoutes.list(),
    declared: declaredObjects(informers, declaredKinds),
    services: services.list(),
  });
}

async function readCatalog(file: string | undefined): Promise<CatalogEntry[]> {
  if (file === undefined) return [];
  const entries = parseCatalog(await readFile(file, 'utf8'), file);
  // What is missing is said here, not in the log of a container that starts again and again.
  for (const { program } of entries) {
    if (typeof program === 'object' && 'gguf' in program) await requireParts(program);
  }
  return entries;
}
