import { expect, test } from 'vitest';
import { vllm } from '../../../../src/controllers/airunway/providers/vllm.ts';
import { airunway } from '../../../../src/kinds/airunway/dialect.ts';
import { gpus, made, roles, served, testIncompatible, testTranslate, type Spec } from './served.ts';

/** vLLM without an operator (airunway.md 5.7). */

interface Container {
  image: string;
  args: string[];
  env: unknown[];
  resources: unknown;
  volumeMounts: unknown[];
}
interface Workload {
  spec: { replicas: number; template: { spec: { containers: [Container]; volumes: unknown[] } } };
}

const workload = (spec: Spec): Workload => made(vllm, served(spec))['Deployment qwen3'] as Workload;
const container = (spec: Spec): Container => workload(spec).spec.template.spec.containers[0];

test('a bare model becomes a Deployment and a Service of its name', () => {
  const labels = { 'kubeairunway.ai/model-deployment': 'qwen3' };
  const health = { httpGet: { path: '/health', port: 'http' } };
  const podLabels = { 'app.kubernetes.io/name': 'qwen3', 'kubeairunway.ai/engine-type': 'vllm', ...labels };
  const limits = { 'nvidia.com/gpu': '1' };
  expect(made(vllm, served())).toEqual({
    'Deployment qwen3': {
      labels: podLabels,
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: podLabels },
          spec: {
            containers: [
              {
                name: 'vllm',
                image: 'vllm/vllm-openai:latest',
                args: ['--host', '0.0.0.0', '--port', '8000', '--model', 'Qwen/Qwen3-0.6B'],
                env: [],
                ports: [{ name: 'http', containerPort: 8000, protocol: 'TCP' }],
                resources: { limits, requests: limits },
                startupProbe: { ...health, periodSeconds: 2, failureThreshold: 300 },
                readinessProbe: { ...health, initialDelaySeconds: 0, periodSeconds: 5, failureThreshold: 3 },
                livenessProbe: { ...health, periodSeconds: 10, failureThreshold: 3 },
                volumeMounts: [],
              },
            ],
            volumes: [],
          },
        },
      },
    },
    'Service qwen3': {
      labels,
      spec: { selector: labels, ports: [{ name: 'http', port: 8000, targetPort: 'http', protocol: 'TCP' }] },
    },
  });
});

test('everything that a deployment says of its servers is in the pods', () => {
  const { spec } = workload({
    model: { id: 'a/b', servedName: 'ab' },
    engine: {
      type: 'vllm',
      contextLength: 4096,
      trustRemoteCode: true,
      enablePrefixCaching: false,
      enforceEager: true,
      args: { 'max-num-seqs': '8', 'enable-lora': '' },
      extraArgs: ['--quantization', 'fp8'],
      image: 'vllm/vllm-openai:v0.9.1',
    },
    scaling: { replicas: 0 },
    resources: { gpu: { count: 2, type: 'amd.com/gpu' }, memory: '64Gi', cpu: '8' },
    env: [{ name: 'A', value: '1' }],
    secrets: { huggingFaceToken: 'hf' },
    nodeSelector: { zone: 'a' },
    podTemplate: { metadata: { labels: { team: 'x' }, annotations: { note: 'y' } } },
  });
  expect(spec.replicas).toBe(0);
  const [server] = spec.template.spec.containers;
  expect(server.image).toBe('vllm/vllm-openai:v0.9.1');
  expect(server.args.join(' ')).toBe(
    '--host 0.0.0.0 --port 8000 --tensor-parallel-size 2 --model a/b --served-model-name ab --max-model-len 4096 ' +
      '--trust-remote-code --no-enable-prefix-caching --enforce-eager --enable-lora --max-num-seqs 8 --quantization fp8',
  );
  expect(server.env).toEqual([
    { name: 'A', value: '1' },
    { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hf', key: 'HF_TOKEN' } } },
  ]);
  const limits = { 'amd.com/gpu': '2', memory: '64Gi', cpu: '8' };
  expect(server.resources).toEqual({ limits, requests: limits });
  expect(server.volumeMounts).toEqual([{ name: 'dshm', mountPath: '/dev/shm' }]);
  expect(spec.template.spec.volumes).toEqual([{ name: 'dshm', emptyDir: { medium: 'Memory', sizeLimit: '20Gi' } }]);
  expect(spec.template).toMatchObject({
    metadata: { labels: { team: 'x' }, annotations: { note: 'y' } },
    spec: { nodeSelector: { zone: 'a' } },
  });
});

test.each<[NonNullable<Spec['gateway']>, Spec['model'] & { engineArgs?: Record<string, string> }, string | undefined]>([
  [{ modelName: 'mine' }, { id: 'a/b' }, 'a/b mine'],
  [{ modelName: 'mine' }, { id: 'a/b', servedName: 'ab' }, 'ab mine'],
  [{ modelName: 'a/b' }, { id: 'a/b' }, undefined],
  [{ modelName: 'mine', enabled: false }, { id: 'a/b' }, undefined],
  [{ modelName: 'mine' }, { id: 'a/b', engineArgs: { 'served-model-name': 'own' } }, 'own'],
])('asked for as %j, %j is served as %s', (gateway, { engineArgs: args, ...model }, names) => {
  const text = container({ gateway, model, ...(args === undefined ? {} : { engine: { args } }) }).args.join(' ');
  expect(/--served-model-name (?<names>[^-]+)/.exec(text)?.groups?.['names']?.trim()).toBe(names);
});

test('a volume with a size gets its claim', () => {
  const volumes = [
    { name: 'cache', purpose: 'modelCache' as const, size: '10Gi' },
    { name: 'own', claimName: 'theirs', mountPath: '/own', readOnly: true },
  ];
  const objects = made(vllm, served({ model: { id: 'a/b', storage: { volumes } } }));
  expect(objects['PersistentVolumeClaim qwen3-cache']).toEqual({
    labels: { 'kubeairunway.ai/deployment': 'qwen3' },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '10Gi' } } },
  });
  expect(Object.keys(objects)).toHaveLength(3);
  expect((objects['Deployment qwen3'] as Workload).spec.template.spec).toMatchObject({
    containers: [
      {
        volumeMounts: [
          { name: 'cache', mountPath: '/model-cache' },
          { name: 'own', mountPath: '/own', readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: 'cache', persistentVolumeClaim: { claimName: 'qwen3-cache' } },
      { name: 'own', persistentVolumeClaim: { claimName: 'theirs' } },
    ],
  });
});

test.each<[NonNullable<Spec['engine']>, RegExp]>([
  [{ args: { port: '9000' } }, /--port is set by the provider/],
  [{ extraArgs: ['--host=0.0.0.0'] }, /--host is set by the provider/],
  [{ args: { '--x': '1' } }, /"--x" is no flag/],
  [{ args: { 'a b': '1' } }, /"a b" is no flag/],
])('engine %j is refused', (engine, message) => {
  expect(() => vllm.transform(served({ engine }))).toThrow(message);
});

test('the labels are those of the group', () => {
  const objects = made(vllm, served({}, 'vllm', airunway));
  expect(objects['Service qwen3']).toMatchObject({ spec: { selector: { 'airunway.ai/model-deployment': 'qwen3' } } });
});

testIncompatible(vllm, [
  [gpus(1), 'vllm', undefined],
  [gpus(0), 'vllm', undefined],
  [gpus(1), 'sglang', 'Direct vLLM only supports the vllm engine, got sglang'],
  [roles, 'vllm', 'Direct vLLM does not support disaggregated mode'],
]);

const deploymentStatus = (status: Record<string, unknown>, replicas = 2): Record<string, unknown> => ({
  spec: { replicas },
  status,
});
const stuck = [{ type: 'Progressing', status: 'False', message: 'has timed out progressing' }];
const endpoint = { service: 'qwen3', port: 8000 };

testTranslate(vllm, [
  ['just made', {}, { phase: 'Deploying', replicas: { desired: 1, ready: 0, available: 0 }, endpoint }],
  [
    'starting',
    deploymentStatus({ readyReplicas: 1, availableReplicas: 1, updatedReplicas: 2 }),
    { phase: 'Deploying', replicas: { desired: 2, ready: 1, available: 1 } },
  ],
  [
    'available',
    deploymentStatus({ readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2 }),
    { phase: 'Running', replicas: { desired: 2, ready: 2, available: 2 } },
  ],
  [
    'rolling out',
    deploymentStatus({ readyReplicas: 2, availableReplicas: 2, updatedReplicas: 1 }),
    { phase: 'Deploying' },
  ],
  [
    'stuck',
    deploymentStatus({ readyReplicas: 1, updatedReplicas: 2, conditions: stuck }),
    { phase: 'Failed', message: 'has timed out progressing' },
  ],
  ['without replicas', deploymentStatus({}, 0), { phase: 'Running', replicas: { desired: 0, ready: 0, available: 0 } }],
]);
