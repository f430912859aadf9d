import { modeOf } from '../../../kinds/airunway/admission.ts';
import { keyIn } from '../../../kinds/airunway/dialect.ts';
import { KaitoWorkspace } from '../../../kinds/upstream/modeloperators.ts';
import { serverEnv } from './engineflags.ts';
import { provenance } from './provenance.ts';
import { conditionOf, numberOf, textOf, type Provider, type ServedModel, type Translation } from './provider.ts';

/** KAITO: a Workspace with a preset for vLLM, or with a pod template for llama.cpp (airunway.md 5.3). */

/** Port of the Service that KAITO makes, whatever the containers listen on. */
const servicePort = 80;
const templatePort = 5000;

export const kaito: Provider = {
  name: 'kaito',
  engines: [
    { name: 'vllm', servingModes: ['aggregated'], gpuSupport: true, cpuSupport: false },
    {
      name: 'llamacpp',
      servingModes: ['aggregated'],
      gpuSupport: true,
      cpuSupport: true,
      gateway: { ignoresServedName: true },
    },
  ],
  rules: [
    { condition: '!has(spec.resources.gpu) || spec.resources.gpu.count == 0', priority: 100 },
    { condition: "has(spec.engine) && has(spec.engine.type) && spec.engine.type == 'llamacpp'", priority: 100 },
  ],
  documentation: 'https://kaito-project.github.io/kaito/docs/',
  kind: KaitoWorkspace,
  ignores: ['engine.image', 'engine.contextLength', 'engine.args', 'engine.extraArgs', 'model.storage'],
  incompatible: ({ deployment: { spec }, engine }) => {
    if (engine === 'sglang' || engine === 'trtllm') return `KAITO does not support ${engine} engine`;
    if (modeOf(spec) === 'disaggregated') return 'KAITO does not support disaggregated mode';
    if (engine === 'llamacpp' && (spec.image ?? '') === '') return 'llamacpp engine requires spec.image to be set';
    return undefined;
  },
  transform: (served) => {
    const { name } = served.deployment.metadata;
    const { podTemplate, nodeSelector = {}, scaling } = served.deployment.spec;
    const inference =
      served.engine === 'vllm'
        ? { preset: { name: served.deployment.spec.model.id ?? '' } }
        : { template: templateOf(served) };
    return [
      {
        kind: KaitoWorkspace,
        name,
        labels: { ...provenance(served), ...podTemplate?.metadata?.labels },
        annotations: podTemplate?.metadata?.annotations,
        body: {
          resource: {
            count: scaling?.replicas || 1,
            labelSelector: { matchLabels: { 'kubernetes.io/os': 'linux', ...gpuNodes(served), ...nodeSelector } },
          },
          inference,
        },
      },
    ];
  },
  translate: (object) => {
    const desired = numberOf(object, 'resource', 'count') ?? 1;
    const { phase, message } = phaseOf(object);
    const ready = phase === 'Running' ? desired : 0;
    return {
      phase,
      ...(message === undefined ? {} : { message }),
      replicas: { desired, ready, available: ready },
      endpoint: { service: object.metadata.name, port: servicePort },
    };
  },
};

function gpuNodes({ deployment }: ServedModel): Record<string, string> {
  return (deployment.spec.resources?.gpu?.count ?? 0) > 0 ? { 'nvidia.com/gpu.present': 'true' } : {};
}

function templateOf(served: ServedModel): object {
  const { spec, metadata } = served.deployment;
  const { id = '', servedName = '', source } = spec.model;
  const model = source === 'custom' || id === '' ? [] : [/^https?:\/\//.test(id) ? id : `huggingface://${id}`];
  const { memory, cpu } = spec.resources ?? {};
  const requests = { ...(memory === undefined ? {} : { memory }), ...(cpu === undefined ? {} : { cpu }) };
  return {
    metadata: { labels: { [keyIn(served.dialect, 'model-deployment')]: metadata.name } },
    spec: {
      containers: [
        {
          name: 'model',
          image: spec.image,
          args: [
            ...model,
            `--address=:${String(templatePort)}`,
            ...(servedName === '' ? [] : [`--served-model-name=${servedName}`]),
          ],
          ports: [{ containerPort: templatePort }],
          resources: { requests },
          env: serverEnv(served),
        },
      ],
      tolerations: spec.tolerations,
    },
  };
}

const byState: Readonly<Record<string, Translation['phase']>> = {
  Ready: 'Running',
  Succeeded: 'Running',
  NotReady: 'Deploying',
  Running: 'Deploying',
  Failed: 'Failed',
  Pending: 'Pending',
};

/** Newer versions say their state; older ones have conditions only. */
function phaseOf(object: unknown): { phase: Translation['phase']; message?: string } {
  const succeeded = conditionOf(object, 'WorkspaceSucceeded');
  const phase = byState[textOf(object, 'status', 'state') ?? ''];
  const message = succeeded?.status === 'False' ? { message: succeeded.message } : {};
  if (phase !== undefined) return { phase, ...(phase === 'Failed' ? message : {}) };
  if (succeeded?.status === 'True') return { phase: 'Running' };
  if (succeeded?.status === 'False') return { phase: 'Failed', ...message };
  const nodes = conditionOf(object, 'ResourceReady')?.status === 'True';
  const inference = conditionOf(object, 'InferenceReady')?.status === 'True';
  return { phase: nodes && !inference ? 'Deploying' : 'Pending' };
}
