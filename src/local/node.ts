import { join } from 'node:path';
import { ConfigMap } from '../kinds/core/configmap.ts';
import { PersistentVolume } from '../kinds/core/persistentvolume.ts';
import { PersistentVolumeClaim } from '../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Secret } from '../kinds/core/secret.ts';
import { Node } from '../kinds/core/node.ts';
import { StorageClass } from '../kinds/storage/storageclass.ts';
import type { KubeClient } from '../kube/client.ts';
import { createEventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import { createControllerEnvironment, startDefinition } from '../reconcile/pass.ts';
import type { Log } from '../telemetry/log.ts';
import type { Catalog } from './catalog.ts';
import type { LiveLogs } from './containerlog.ts';
import { kubeletBackOff, type RestartBackOff } from './containerrunner.ts';
import { deploymentDefinition } from './deployment.ts';
import { startEndpointSliceController } from './endpointslices.ts';
import { autoscalerDefinition } from './horizontalpodautoscaler.ts';
import { inferenceServiceDefinition } from './inferenceservice.ts';
import { jobDefinition, type JobBackOff } from './job.ts';
import { startKubelet } from './kubelet.ts';
import type { InProcessPart } from './inprocess.ts';
import type { Entry } from './launch.ts';
import { killLeftovers, processRecords } from './leftovers.ts';
import { defaultGpus, gpusText, type NodeGpus } from './gpus.ts';
import { createNodeUsage, type NodeUsage } from './metrics.ts';
import { createPodAccess, type PodAccess } from './podaccess.ts';
import { createShims } from './shim/client.ts';
import { createPodTokens } from './podtokens.ts';
import { createPodLogSource, type PodLogSource } from './logs.ts';
import type { LoopbackNetwork } from './network.ts';
import { nodeNames, nodeObject, registerNodes } from './nodeobject.ts';
import { ensureStandardClass, startVolumeControllers } from './persistentvolumes.ts';
import { replicaSetDefinition } from './replicaset.ts';
import { scaledObjectDefinition } from './scaledobject.ts';
import { startScheduler } from './scheduler.ts';
import { startServiceProxy } from './serviceproxy.ts';
import { reportStoppedPods } from './stoppedpods.ts';

export interface NodeOptions {
  client: KubeClient;
  informers: InformerCache;
  dataDir: string;
  network: LoopbackNetwork;
  catalog: Catalog;
  /** The part of this process that a container of this image stands for; none unless given. */
  partOf?: (image: string) => Promise<InProcessPart | undefined>;
  /** How built-in programs are started. */
  entry: Entry;
  /** Run the built-in programs of each Pod in a process of its own; otherwise each is a thread of one process. */
  isolatePods?: boolean;
  /** Where the processes of built-in programs keep compiled code; nowhere unless given. */
  compileCache?: string | undefined;
  /** GPUs that the nodes pretend to have, one node per entry; `defaultGpus` unless given. */
  gpus?: readonly NodeGpus[];
  /** Further environment of every process, such as where the API is. */
  env?: Readonly<Record<string, string>>;
  log: Log;
  /** Kubernetes' own waits unless given. */
  backOff?: { restart?: RestartBackOff; job?: JobBackOff };
  /** How long a ready Pod that is deleted goes on before SIGTERM when no EndpointSlice offers it any more; 500 ms unless given. */
  leaveMs?: number;
}

export interface LocalNode {
  readonly podLogs: PodLogSource;
  readonly podAccess: PodAccess;
  readonly metrics: NodeUsage;
  /** Ends every process, within about 8 s whatever grace the Pods have, and stops the controllers. The Pods stay in the API. */
  stop(): Promise<void>;
}

export const nodeName = 'headgate';

/** What a process may have to end by itself when the node stops; with the time to notice a SIGKILL it stays below 8 s. */
const shutdownGraceMs = 5_000;
/** A change of a Pod reaches the gateway's routes in a few tens of milliseconds. */
const defaultLeaveMs = 500;

/** Starts the embedded node: Deployments, ReplicaSets, Jobs and Services become local processes and addresses. */
export async function startNode(options: NodeOptions): Promise<LocalNode> {
  const { client, informers, dataDir, network, catalog, entry, backOff } = options;
  const log = options.log.child({ room: 'local' });
  const processesDir = join(dataDir, 'processes');
  const podsDir = join(dataDir, 'pods');
  const killed = await killLeftovers(processesDir);
  if (killed.length > 0) log.warn({ pids: killed }, 'killed processes that an earlier run left behind');

  const gpus = options.gpus ?? defaultGpus;
  const names = nodeNames(nodeName, Math.max(1, gpus.length));
  await reportStoppedPods(client, names);

  const events = createEventRecorder(client, 'headgate-node', log);
  const pods = informers.informer(Pod);
  const kinds = [Node, ConfigMap, Secret, PersistentVolumeClaim, PersistentVolume, StorageClass];
  for (const kind of kinds) informers.informer(kind);
  await registerNodes(
    client,
    names.map((name, i) => nodeObject(name, network.node, new Date(), gpus[i])),
  );
  await ensureStandardClass(client);
  await informers.synced();

  const records = processRecords(processesDir);
  // However this process comes to an end (a second Ctrl-C, a crash), its children end with it; only SIGKILL leaves some behind.
  process.once('exit', records.killAll);
  const liveLogs: LiveLogs = new Map();
  const kubelet = await startKubelet({
    client,
    informers,
    nodeNames: names,
    podsDir,
    addresses: network.pods,
    hostIP: network.node,
    catalog,
    partOf: options.partOf ?? (() => Promise.resolve(undefined)),
    entry,
    shims: createShims({
      entry,
      env: {
        ...inheritedEnv(),
        ...(options.compileCache !== undefined && { NODE_COMPILE_CACHE: options.compileCache }),
      },
      records,
    }),
    isolatePods: options.isolatePods ?? false,
    baseEnv: { ...inheritedEnv(), HEADGATE_GPUS: gpusText(gpus), ...options.env },
    records,
    liveLogs,
    tokens: createPodTokens(client),
    backOff: backOff?.restart ?? kubeletBackOff,
    leaveMs: options.leaveMs ?? defaultLeaveMs,
    events,
    log,
  });
  const shared = { client, informers, events, log };
  const environment = createControllerEnvironment({ client, informers, log });
  const workloads = await Promise.all([
    startDefinition(environment, replicaSetDefinition(environment.now)),
    startDefinition(environment, deploymentDefinition(environment.now)),
    startDefinition(environment, inferenceServiceDefinition(informers, environment.now)),
    startDefinition(environment, jobDefinition(environment.now, backOff?.job)),
    startDefinition(environment, scaledObjectDefinition()),
    startDefinition(environment, autoscalerDefinition(informers)),
  ]);
  const controllers = [
    startScheduler({ ...shared, nodeNames: names }),
    startVolumeControllers({ ...shared, directory: join(dataDir, 'volumes') }),
    startEndpointSliceController(shared),
    startServiceProxy(shared),
    ...workloads,
  ];

  const podAccess = createPodAccess({
    pods,
    running: (uid, container) => kubelet.running(uid, container)?.prepared,
    records,
  });
  const metrics = createNodeUsage({
    nodeName,
    pods,
    process: (uid, container) => kubelet.running(uid, container)?.process,
  });

  return {
    podAccess,
    metrics,
    podLogs: createPodLogSource({ pods, podDir: (uid) => join(podsDir, uid), live: liveLogs }),
    stop: async () => {
      podAccess.stop();
      await Promise.all([kubelet.stop(shutdownGraceMs), ...controllers.map((controller) => controller.stop())]);
      process.off('exit', records.killAll);
    },
  };
}

/** What a program needs to find others and its files; nothing else of the user's shell, which may hold credentials. */
function inheritedEnv(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
