import { modeOf } from '../../../kinds/airunway/admission.ts';
import { keyIn } from '../../../kinds/airunway/dialect.ts';
import { Deployment } from '../../../kinds/apps/deployment.ts';
import { Service } from '../../../kinds/core/service.ts';
import { engineFlags, refuseListening, servedNames, serverEnv } from './engineflags.ts';
import { imageOf, translateDeployment } from './deployment.ts';
import type { Made, Provider, ServedModel } from './provider.ts';

/** llm-d: a Deployment and a Service for each role, with KV caches handed from prefill to decode (airunway.md 5.6). */

const defaultImage = 'vllm/vllm-openai:v0.9.1';
const port = 8000;

/** Ready-made for disaggregated serving; given to the endpoint picker of the deployment. */
const pickerConfig = `apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefix-cache-scorer
  - type: decode-filter
  - type: max-score-picker
  - type: single-profile-handler
schedulingProfiles:
  - name: default
    plugins:
      - pluginRef: decode-filter
      - pluginRef: max-score-picker
      - pluginRef: prefix-cache-scorer
        weight: 50
`;

export const llmd: Provider = {
  name: 'llmd',
  engines: [
    {
      name: 'vllm',
      servingModes: ['aggregated', 'disaggregated'],
      gpuSupport: true,
      cpuSupport: false,
      requiresCRD: false,
      gateway: {
        endpointPicker: { image: 'ghcr.io/llm-d/llm-d-inference-scheduler:v0.6.0', configData: pickerConfig },
      },
    },
  ],
  rules: [],
  documentation: 'https://llm-d.ai/docs',
  kind: Deployment,
  others: [Service],
  ignores: ['model.storage'],
  incompatible: ({ engine, deployment: { spec } }) => {
    if (engine !== 'vllm') return `llm-d only supports the vllm engine, got ${engine}`;
    const withoutGpu = modeOf(spec) === 'aggregated' && (spec.resources?.gpu?.count ?? 0) === 0;
    return withoutGpu ? 'llm-d requires GPU (set resources.gpu.count > 0)' : undefined;
  },
  transform: (served) => {
    refuseListening(served);
    const { name } = served.deployment.metadata;
    const { scaling, resources } = served.deployment.spec;
    if (modeOf(served.deployment.spec) === 'aggregated') {
      return roleOf(served, name, undefined, { ...resources, replicas: scaling?.replicas });
    }
    return [
      ...roleOf(served, `${name}-decode`, 'decode', scaling?.decode ?? {}),
      ...roleOf(served, `${name}-prefill`, 'prefill', scaling?.prefill ?? {}),
    ];
  },
  translate: (object) => translateDeployment(object, { service: object.metadata.name, port }),
};

interface Sizes {
  replicas?: number | undefined;
  gpu?: { count?: number; type?: string };
  memory?: string;
  cpu?: string;
}

function roleOf(served: ServedModel, name: string, role: string | undefined, sizes: Sizes): [Made, Made] {
  const { deployment, dialect } = served;
  const { podTemplate, nodeSelector, tolerations } = deployment.spec;
  const gpus = sizes.gpu?.count ?? 0;
  const selector = { app: name };
  const labels = {
    ...podTemplate?.metadata?.labels,
    ...selector,
    [keyIn(dialect, 'deployment')]: deployment.metadata.name,
    [keyIn(dialect, 'model-deployment')]: deployment.metadata.name,
    ...(role === undefined ? {} : { 'llm-d.ai/role': role }),
  };
  const limits = {
    ...(gpus > 0 ? { [sizes.gpu?.type || 'nvidia.com/gpu']: String(gpus) } : {}),
    ...(sizes.memory === undefined ? {} : { memory: sizes.memory }),
    ...(sizes.cpu === undefined ? {} : { cpu: sizes.cpu }),
  };
  const health = { httpGet: { path: '/health', port: 'http' } };
  const container = {
    name: 'vllm',
    image: imageOf(served, defaultImage),
    args: [
      '--host',
      '0.0.0.0',
      '--port',
      String(port),
      ...(gpus > 1 ? ['--tensor-parallel-size', String(gpus)] : []),
      ...engineFlags(served, servedNames(served)),
      ...(role === undefined ? [] : ['--kv-transfer-config', '{"kv_connector":"NixlConnector","kv_role":"kv_both"}']),
    ],
    env: serverEnv(served),
    ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
    resources: { limits, requests: limits },
    readinessProbe: { ...health, periodSeconds: 5, failureThreshold: 3 },
  };
  const template = {
    metadata: { labels, annotations: podTemplate?.metadata?.annotations },
    spec: { containers: [container], nodeSelector, tolerations },
  };
  return [
    {
      kind: Deployment,
      name,
      labels,
      body: { spec: { replicas: sizes.replicas ?? 1, selector: { matchLabels: selector }, template } },
    },
    {
      kind: Service,
      name,
      labels,
      body: { spec: { selector, ports: [{ name: 'http', port, targetPort: 'http', protocol: 'TCP' }] } },
    },
  ];
}
