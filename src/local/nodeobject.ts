import { arch, availableParallelism, hostname, platform, release, totalmem, type } from 'node:os';
import { Node } from '../kinds/core/node.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';
import { timestamp } from '../kube/conditions.ts';

/** Pods that one node takes; as many as there are addresses would be more than one machine runs. */
const maxPods = 1000;

/** The Node object of this machine. */
export function nodeObject(name: string, address: string, now: Date): Node {
  const resources = {
    cpu: String(availableParallelism()),
    memory: `${String(Math.floor(totalmem() / 1024))}Ki`,
    pods: String(maxPods),
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
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': platform(),
        'kubernetes.io/arch': architecture,
      },
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

/** Creates the Node, or brings the one of an earlier run up to date. */
export async function registerNode(client: KubeClient, node: Node): Promise<void> {
  try {
    await client.create(Node, node);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
  await client.patch(
    Node,
    { name: node.metadata.name },
    { type: 'merge', body: { status: node.status }, subresource: 'status' },
  );
}
