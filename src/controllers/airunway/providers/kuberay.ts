import { modeOf } from '../../../kinds/airunway/admission.ts';
import { keyIn } from '../../../kinds/airunway/dialect.ts';
import { RayService } from '../../../kinds/upstream/modeloperators.ts';
import { engineFlags, serverEnv } from './engineflags.ts';
import { provenance } from './provenance.ts';
import {
  conditionOf,
  fieldOf,
  numberOf,
  textOf,
  type Provider,
  type ServedModel,
  type Translation,
} from './provider.ts';

/** KubeRay: a RayService that runs vLLM under Ray Serve (airunway.md 5.5). */

const defaultImage = 'rayproject/ray-llm:2.55.0-py311-cu128';
const servicePort = 8000;

export const kuberay: Provider = {
  name: 'kuberay',
  engines: [{ name: 'vllm', servingModes: ['aggregated', 'disaggregated'], gpuSupport: true, cpuSupport: false }],
  rules: [
    {
      condition:
        "has(spec.resources) && has(spec.resources.gpu) && spec.resources.gpu.count > 1 && spec.engine.type == 'vllm'",
      priority: 80,
    },
  ],
  documentation: 'https://docs.ray.io/en/latest/cluster/kubernetes/index.html',
  kind: RayService,
  ignores: ['model.storage'],
  incompatible: ({ deployment: { spec }, engine }) => {
    if (engine !== 'vllm') return `KubeRay only supports vllm engine, got ${engine}`;
    const gpus = spec.resources?.gpu?.count ?? 0;
    if (modeOf(spec) === 'aggregated' && gpus === 0) return 'KubeRay requires GPU (set resources.gpu.count > 0)';
    return undefined;
  },
  transform: (served) => {
    const { name } = served.deployment.metadata;
    const { podTemplate } = served.deployment.spec;
    return [
      {
        kind: RayService,
        name,
        labels: { ...podTemplate?.metadata?.labels, ...provenance(served) },
        annotations: podTemplate?.metadata?.annotations,
        body: {
          spec: {
            serveConfigV2: serveConfig(replicasOf(served)),
            rayClusterConfig: { headGroupSpec: headGroup(served), workerGroupSpecs: workerGroups(served) },
          },
        },
      },
    ];
  },
  translate: (object) => {
    const groups = fieldOf(object, 'spec', 'rayClusterConfig', 'workerGroupSpecs');
    const desired = Array.isArray(groups)
      ? groups.reduce((sum: number, group: unknown) => sum + (numberOf(group, 'replicas') ?? 0), 0)
      : 0;
    const { phase, message } = phaseOf(object);
    const ready = phase === 'Running' ? desired : 0;
    return {
      phase,
      ...(message === undefined ? {} : { message }),
      replicas: { desired, ready, available: ready },
      endpoint: { service: `${object.metadata.name}-serve-svc`, port: servicePort },
    };
  },
};

const replicasOf = ({ deployment: { spec } }: ServedModel): number =>
  modeOf(spec) === 'aggregated' ? spec.scaling?.replicas || 1 : spec.scaling?.decode?.replicas || 1;

const serveConfig = (replicas: number): string => `applications:
  - name: llm
    route_prefix: /
    import_path: vllm_serve:deployment
    deployments:
      - name: VLLMDeployment
        num_replicas: ${String(replicas)}
`;

function podOf(served: ServedModel, container: object): object {
  const { deployment, dialect } = served;
  const labels = { [keyIn(dialect, 'model-deployment')]: deployment.metadata.name };
  const { nodeSelector, tolerations } = deployment.spec;
  return { metadata: { labels }, spec: { containers: [container], nodeSelector, tolerations } };
}

const imageOf = ({ deployment: { spec } }: ServedModel): string => spec.image || spec.engine?.image || defaultImage;

function headGroup(served: ServedModel): object {
  const { spec } = served.deployment;
  const env = [
    { name: 'MODEL_ID', value: spec.model.id ?? '' },
    { name: 'VLLM_ENGINE_ARGS', value: engineFlags(served).join(' ') },
    ...serverEnv(served),
  ];
  const limits = { cpu: '4', memory: spec.resources?.memory ?? '16Gi' };
  const ports = [{ name: 'serve', containerPort: servicePort }];
  return {
    rayStartParams: { 'dashboard-host': '0.0.0.0' },
    template: podOf(served, { name: 'ray-head', image: imageOf(served), env, ports, resources: { limits } }),
  };
}

interface Group {
  name: string;
  replicas: number;
  gpu: { count?: number; type?: string } | undefined;
  memory: string | undefined;
}

function workerGroups(served: ServedModel): object[] {
  const { scaling, resources } = served.deployment.spec;
  const groups: Group[] =
    modeOf(served.deployment.spec) === 'aggregated'
      ? [{ name: 'gpu-workers', replicas: scaling?.replicas || 1, gpu: resources?.gpu, memory: resources?.memory }]
      : (['prefill', 'decode'] as const).map((role) => ({
          name: `${role}-workers`,
          replicas: scaling?.[role]?.replicas || 1,
          gpu: scaling?.[role]?.gpu,
          memory: scaling?.[role]?.memory,
        }));
  return groups.map(({ name, replicas, gpu, memory }) => {
    const limits = { memory: memory ?? '32Gi', [gpu?.type || 'nvidia.com/gpu']: String(gpu?.count ?? 0) };
    return {
      groupName: name,
      replicas,
      minReplicas: replicas,
      maxReplicas: replicas,
      rayStartParams: {},
      template: podOf(served, { name: 'ray-worker', image: imageOf(served), resources: { limits } }),
    };
  });
}

function phaseOf(object: unknown): { phase: Translation['phase']; message?: string } {
  const statuses = fieldOf(object, 'status', 'activeServiceStatus', 'applicationStatuses');
  const applications = typeof statuses === 'object' && statuses !== null ? Object.values(statuses) : [];
  if (applications.length > 0) {
    const failed = applications.find((one: unknown) => textOf(one, 'status') === 'DEPLOY_FAILED') as unknown;
    if (failed !== undefined) return { phase: 'Failed', message: textOf(failed, 'message') ?? 'deployment failed' };
    const running = applications.every((one: unknown) => textOf(one, 'status') === 'RUNNING');
    return { phase: running ? 'Running' : 'Deploying' };
  }
  const ready = conditionOf(object, 'RayServiceReady');
  if (ready?.status === 'True') return { phase: 'Running' };
  return ready?.status === 'False' ? { phase: 'Deploying', message: ready.message } : { phase: 'Pending' };
}
