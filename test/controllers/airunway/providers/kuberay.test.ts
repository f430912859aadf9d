import { expect, test } from 'vitest';
import { kuberay } from '../../../../src/controllers/airunway/providers/kuberay.ts';
import { gpus, made, roles, served, testIncompatible, testTranslate } from './served.ts';

/** KubeRay (airunway.md 5.5). */

const image = 'rayproject/ray-llm:2.55.0-py311-cu128';
const podLabels = { 'kubeairunway.ai/model-deployment': 'qwen3' };

test('an aggregated deployment is a RayService with one group of workers', () => {
  const spec = {
    ...gpus(2),
    scaling: { replicas: 3 },
    engine: { contextLength: 100 },
    env: [{ name: 'A', value: '1' }],
  };
  const ports = [{ name: 'serve', containerPort: 8000 }];
  expect(made(kuberay, served(spec))['RayService qwen3']).toMatchObject({
    spec: {
      serveConfigV2: `applications:
  - name: llm
    route_prefix: /
    import_path: vllm_serve:deployment
    deployments:
      - name: VLLMDeployment
        num_replicas: 3
`,
      rayClusterConfig: {
        headGroupSpec: {
          rayStartParams: { 'dashboard-host': '0.0.0.0' },
          template: {
            metadata: { labels: podLabels },
            spec: {
              containers: [
                {
                  name: 'ray-head',
                  image,
                  ports,
                  env: [
                    { name: 'MODEL_ID', value: 'Qwen/Qwen3-0.6B' },
                    { name: 'VLLM_ENGINE_ARGS', value: '--model Qwen/Qwen3-0.6B --max-model-len 100' },
                    { name: 'A', value: '1' },
                  ],
                  resources: { limits: { cpu: '4', memory: '16Gi' } },
                },
              ],
            },
          },
        },
        workerGroupSpecs: [
          {
            groupName: 'gpu-workers',
            replicas: 3,
            minReplicas: 3,
            maxReplicas: 3,
            template: {
              metadata: { labels: podLabels },
              spec: {
                containers: [
                  { name: 'ray-worker', image, resources: { limits: { memory: '32Gi', 'nvidia.com/gpu': '2' } } },
                ],
              },
            },
          },
        ],
      },
    },
  });
});

test('a disaggregated deployment has a group of workers for each role', () => {
  const object = made(kuberay, served(roles))['RayService qwen3'];
  expect(object).toMatchObject({
    spec: {
      rayClusterConfig: {
        workerGroupSpecs: [
          {
            groupName: 'prefill-workers',
            replicas: 2,
            template: { spec: { containers: [{ resources: { limits: { memory: '16Gi', 'nvidia.com/gpu': '1' } } }] } },
          },
          {
            groupName: 'decode-workers',
            replicas: 3,
            template: { spec: { containers: [{ resources: { limits: { memory: '32Gi', 'nvidia.com/gpu': '4' } } }] } },
          },
        ],
      },
    },
  });
});

testIncompatible(kuberay, [
  [gpus(1), 'vllm', undefined],
  [roles, 'vllm', undefined],
  [gpus(1), 'sglang', 'KubeRay only supports vllm engine, got sglang'],
  [gpus(0), 'vllm', 'KubeRay requires GPU (set resources.gpu.count > 0)'],
]);

const workers = { rayClusterConfig: { workerGroupSpecs: [{ replicas: 2 }, { replicas: 1 }] } };
const condition = (status: string): Record<string, unknown> => ({
  conditions: [{ type: 'RayServiceReady', status, message: 'no endpoints' }],
});
const applications = (...statuses: string[]): Record<string, unknown> => ({
  activeServiceStatus: {
    applicationStatuses: Object.fromEntries(
      statuses.map((status, i) => [`app${String(i)}`, { status, message: `${status}!` }]),
    ),
  },
});

testTranslate(kuberay, [
  [
    'just made',
    {},
    {
      phase: 'Pending',
      replicas: { desired: 0, ready: 0, available: 0 },
      endpoint: { service: 'qwen3-serve-svc', port: 8000 },
    },
  ],
  [
    'ready',
    { spec: workers, status: condition('True') },
    { phase: 'Running', replicas: { desired: 3, ready: 3, available: 3 } },
  ],
  [
    'not ready',
    { spec: workers, status: condition('False') },
    { phase: 'Deploying', message: 'no endpoints', replicas: { desired: 3, ready: 0, available: 0 } },
  ],
  [
    'with running applications',
    { status: { ...condition('False'), ...applications('RUNNING', 'RUNNING') } },
    { phase: 'Running' },
  ],
  [
    'with one that is not',
    { status: { ...condition('True'), ...applications('RUNNING', 'DEPLOYING') } },
    { phase: 'Deploying' },
  ],
  [
    'with one that failed',
    { status: { ...condition('True'), ...applications('RUNNING', 'DEPLOY_FAILED') } },
    { phase: 'Failed', message: 'DEPLOY_FAILED!' },
  ],
]);
