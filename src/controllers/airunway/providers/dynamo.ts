import { modeOf } from '../../../kinds/airunway/admission.ts';
import { keyIn } from '../../../kinds/airunway/dialect.ts';
import { DynamoGraphDeployment } from '../../../kinds/upstream/modeloperators.ts';
import { engineFlags } from './engineflags.ts';
import { modelIdLabel, provenance } from './provenance.ts';
import { fieldOf, numberOf, textOf, type Provider, type ServedModel, type Translation } from './provider.ts';

/**
 * NVIDIA Dynamo: a DynamoGraphDeployment in the deployment's own namespace, with a frontend and workers for one role or two
 * (airunway.md 5.4). The pool and the picker are Headgate's.
 */

const version = '1.1.1';
const frontendPort = 8000;

export const dynamo: Provider = {
  name: 'dynamo',
  engines: [
    { name: 'vllm', servingModes: ['aggregated', 'disaggregated'], gpuSupport: true, cpuSupport: false },
    { name: 'sglang', servingModes: ['aggregated', 'disaggregated'], gpuSupport: true, cpuSupport: false },
    { name: 'trtllm', servingModes: ['aggregated'], gpuSupport: true, cpuSupport: false },
  ],
  rules: [
    { condition: "has(spec.engine) && has(spec.engine.type) && spec.engine.type == 'trtllm'", priority: 100 },
    { condition: "has(spec.engine) && has(spec.engine.type) && spec.engine.type == 'sglang'", priority: 100 },
    { condition: "has(spec.serving) && spec.serving.mode == 'disaggregated'", priority: 90 },
    {
      condition:
        "has(spec.resources) && has(spec.resources.gpu) && spec.resources.gpu.count > 0 && spec.engine.type == 'vllm'",
      priority: 50,
    },
  ],
  documentation: 'https://docs.nvidia.com/dynamo/',
  kind: DynamoGraphDeployment,
  ignores: ['model.storage'],
  incompatible: ({ deployment: { spec }, engine }) => {
    if (engine === 'llamacpp') return 'Dynamo does not support llamacpp engine';
    if (modeOf(spec) === 'disaggregated') return undefined;
    return (spec.resources?.gpu?.count ?? 0) === 0 ? 'Dynamo requires GPU (set resources.gpu.count > 0)' : undefined;
  },
  transform: (served) => {
    const { deployment, engine } = served;
    const { podTemplate, model } = deployment.spec;
    return [
      {
        kind: DynamoGraphDeployment,
        name: deployment.metadata.name,
        labels: {
          ...podTemplate?.metadata?.labels,
          ...provenance(served),
          [keyIn(served.dialect, 'model-id')]: modelIdLabel(model.id ?? ''),
        },
        annotations: podTemplate?.metadata?.annotations,
        body: { spec: { backendFramework: engine, services: { Frontend: frontend(served), ...workers(served) } } },
      },
    ];
  },
  translate: (object) => {
    const name = textOf(object, 'status', 'endpoint', 'service') ?? `${object.metadata.name}-frontend`;
    const port = numberOf(object, 'status', 'endpoint', 'port') ?? frontendPort;
    const message = textOf(object, 'status', 'message');
    return {
      phase: byState[textOf(object, 'status', 'state') ?? ''] ?? 'Pending',
      ...(message === undefined ? {} : { message }),
      replicas: replicasOf(object),
      endpoint: { service: name, port },
    };
  },
};

const byState: Readonly<Record<string, Translation['phase']>> = {
  successful: 'Running',
  deploying: 'Deploying',
  initializing: 'Deploying',
  failed: 'Failed',
};

const imageOf = ({ deployment: { spec }, engine }: ServedModel): string =>
  spec.image || spec.engine?.image || `nvcr.io/nvidia/ai-dynamo/${engine}-runtime:${version}`;

function common({ deployment: { metadata, spec } }: ServedModel): Record<string, unknown> {
  const secret = spec.secrets?.huggingFaceToken ?? '';
  return { dynamoNamespace: metadata.name, ...(secret === '' ? {} : { envFromSecret: secret }) };
}

function frontend(served: ServedModel): object {
  return {
    ...common(served),
    componentType: 'frontend',
    replicas: 1,
    resources: { requests: { cpu: '2', memory: '4Gi' } },
    envs: [{ name: 'DYN_ROUTER_MODE', value: 'round-robin' }],
    extraPodSpec: { mainContainer: { image: imageOf(served) } },
  };
}

function workers(served: ServedModel): Record<string, object> {
  const { scaling, resources, serving } = served.deployment.spec;
  if (serving?.mode !== 'disaggregated') {
    return { VllmWorker: worker(served, { ...resources, replicas: scaling?.replicas }, []) };
  }
  return {
    VllmPrefillWorker: worker(served, scaling?.prefill ?? {}, ['--disaggregation-mode', 'prefill'], 'prefill'),
    VllmDecodeWorker: worker(served, scaling?.decode ?? {}, ['--disaggregation-mode', 'decode'], 'decode'),
  };
}

interface Sizes {
  replicas?: number | undefined;
  gpu?: { count?: number };
  memory?: string;
  cpu?: string;
}

function worker(served: ServedModel, sizes: Sizes, roleArgs: readonly string[], role?: string): object {
  const { deployment, dialect, engine } = served;
  const { nodeSelector, tolerations } = deployment.spec;
  const limits = {
    gpu: String(sizes.gpu?.count ?? 0),
    ...(sizes.memory === undefined ? {} : { memory: sizes.memory }),
    ...(sizes.cpu === undefined ? {} : { cpu: sizes.cpu }),
  };
  return {
    ...common(served),
    componentType: 'worker',
    ...(role === undefined ? {} : { subComponentType: role }),
    replicas: sizes.replicas || 1,
    resources: { limits, requests: limits },
    extraPodMetadata: { labels: { [keyIn(dialect, 'model-deployment')]: deployment.metadata.name } },
    extraPodSpec: {
      nodeSelector,
      tolerations,
      mainContainer: {
        image: imageOf(served),
        command: ['python3', '-m', `dynamo.${engine}`],
        args: [...engineFlags(served), ...roleArgs],
        env: deployment.spec.env,
      },
    },
  };
}

function replicasOf(object: unknown): Translation['replicas'] {
  const services = fieldOf(object, 'status', 'services');
  const all = typeof services === 'object' && services !== null ? Object.values(services) : [];
  const sum = (name: string): number =>
    all.reduce((total: number, service: unknown) => total + (numberOf(service, name) ?? 0), 0);
  const direct = (name: string): number | undefined => numberOf(object, 'status', name);
  const ready = direct('readyReplicas') ?? sum('readyReplicas');
  return {
    desired: direct('replicas') ?? sum('replicas'),
    ready,
    available: direct('availableReplicas') ?? ready,
  };
}
