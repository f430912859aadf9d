import { arch, availableParallelism, hostname, platform, release, totalmem, type } from 'node:os';
import { Node } from '../kinds/core/node.ts';
import { Pod } from '../kinds/core/pod.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';
import { gpuLabels, gpuResources, isGpuLabel, offerText, simulatedGpusAnnotation, type NodeGpus } from './gpus.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** Marks the Nodes that are this process. */
const embeddedLabel = 'headgate.dev/embedded-node';

/** Pods that one node takes; as many as there are addresses would be more than one machine runs. */
const maxPods = 1000;

/** The Node object of this machine, or of another with different GPUs that it pretends to be. */
export function nodeObject(name: string, address: string, now: Date, gpus?: NodeGpus): Node {
  const resources = {
    cpu: String(availableParallelism()),
    memory: `${String(Math.floor(totalmem() / 1024))}Ki`,
    pods: String(maxPods),
    ...Object.fromEntries(gpuResources.map((resource) => [resource, String(gpus?.capacity[resource] ?? 0)])),
  };
  const time = timestamp(now);
  const healthy = [
    ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ['Ready', 'True', 'KubeletReady', 'the embedded node runs local processes'],
  ] as const;
  const architecture = arch() === 'x64' ? 'amd64' : arch();
  return {
    apiVersion: apiVersionOf(Node),
    kind: Node.kind,
    metadata: {
      name,
      labels: {
        [embeddedLabel]: 'true',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': platform(),
        'kubernetes.io/arch': architecture,
        ...(gpus && gpuLabels(gpus)),
      },
      ...(gpus && { annotations: { [simulatedGpusAnnotation]: offerText(gpus) } }),
    },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      conditions: healthy.map(([condition, status, reason, message]) => ({
        type: condition,
        status,
        reason,
        message,
        lastHeartbeatTime: time,
        lastTransitionTime: time,
      })),
      nodeInfo: {
        architecture,
        bootID: '',
        containerRuntimeVersion: 'headgate://local-processes',
        kernelVersion: release(),
        kubeProxyVersion: 'v1.32.0',
        kubeletVersion: 'v1.32.0',
        machineID: '',
        operatingSystem: platform(),
        osImage: `${type()} on ${hostname()}`,
        systemUUID: '',
      },
    },
  };
}

/** Names of the nodes of a process: `headgate`, `headgate-2` and so on. */
export function nodeNames(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? first : `${first}-${String(i + 1)}`));
}

/** Creates the Nodes, or brings those of an earlier run up to date; takes away those that there are no more, and their Pods. */
export async function registerNodes(client: KubeClient, nodes: readonly Node[]): Promise<void> {
  const { items } = await client.list(Node, { labelSelector: `${embeddedLabel}=true` });
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  for (const { metadata } of items.filter((node) => !names.has(node.metadata.name))) {
    const pods = await client.list(Pod, { fieldSelector: `spec.nodeName=${metadata.name}` });
    for (const pod of pods.items) await client.delete(Pod, pod.metadata, { gracePeriodSeconds: 0 });
    await client.delete(Node, metadata);
  }
  for (const node of nodes) await register(client, node, items);
}

async function register(client: KubeClient, node: Node, known: readonly Node[]): Promise<void> {
  const { name, labels, annotations } = node.metadata;
  try {
    await client.create(Node, node);
  } catch (error) {
    if (!isConflict(error)) throw error;
    const before = known.find(({ metadata }) => metadata.name === name)?.metadata;
    // What the run before said of its GPUs goes, whatever else the user has put there stays.
    const body = {
      metadata: {
        labels: { ...gone(before?.labels), ...labels },
        annotations: { ...gone(before?.annotations), ...annotations },
      },
    };
    await client.patch(Node, { name }, { type: 'merge', body });
  }
  await client.patch(Node, { name }, { type: 'merge', body: { status: node.status }, subresource: 'status' });
}

function gone(before: Readonly<Record<string, string>> = {}): Record<string, null> {
  const ours = (key: string): boolean => isGpuLabel(key) || key === simulatedGpusAnnotation;
  return Object.fromEntries(
    Object.keys(before)
      .filter(ours)
      .map((key) => [key, null]),
  );
}
