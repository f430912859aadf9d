import { expect, test } from 'vitest';
import { dynamo } from '../../../../src/controllers/airunway/providers/dynamo.ts';
import { gpus, made, roles, served, testIncompatible, testTranslate } from './served.ts';

/** NVIDIA Dynamo (airunway.md 5.4). */

test('an aggregated deployment has a frontend and workers', () => {
  const limits = { gpu: '1', memory: '32Gi', cpu: '4' };
  const spec = {
    resources: { gpu: { count: 1, type: 'nvidia.com/gpu' }, memory: '32Gi', cpu: '4' },
    scaling: { replicas: 2 },
    secrets: { huggingFaceToken: 'hf' },
    nodeSelector: { zone: 'a' },
  };
  const common = { dynamoNamespace: 'qwen3', envFromSecret: 'hf' };
  const image = 'nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.1.1';
  expect(made(dynamo, served(spec))).toEqual({
    'DynamoGraphDeployment qwen3': {
      labels: {
        'kubeairunway.ai/managed-by': 'kubeairunway',
        'kubeairunway.ai/deployment': 'qwen3',
        'kubeairunway.ai/model-deployment': 'qwen3',
        'kubeairunway.ai/model-source': 'huggingface',
        'kubeairunway.ai/engine-type': 'vllm',
        'kubeairunway.ai/model-id': 'Qwen-Qwen3-0.6B',
      },
      spec: {
        backendFramework: 'vllm',
        services: {
          Frontend: {
            ...common,
            componentType: 'frontend',
            replicas: 1,
            resources: { requests: { cpu: '2', memory: '4Gi' } },
            envs: [{ name: 'DYN_ROUTER_MODE', value: 'round-robin' }],
            extraPodSpec: { mainContainer: { image } },
          },
          VllmWorker: {
            ...common,
            componentType: 'worker',
            replicas: 2,
            resources: { limits, requests: limits },
            extraPodMetadata: { labels: { 'kubeairunway.ai/model-deployment': 'qwen3' } },
            extraPodSpec: {
              nodeSelector: { zone: 'a' },
              mainContainer: { image, command: ['python3', '-m', 'dynamo.vllm'], args: ['--model', 'Qwen/Qwen3-0.6B'] },
            },
          },
        },
      },
    },
  });
});

test('a disaggregated deployment has workers of two roles', () => {
  const objects = made(dynamo, served(roles, 'sglang'));
  expect(objects['DynamoGraphDeployment qwen3']).toMatchObject({
    spec: {
      backendFramework: 'sglang',
      services: {
        VllmPrefillWorker: {
          subComponentType: 'prefill',
          replicas: 2,
          resources: { limits: { gpu: '1', memory: '16Gi' } },
          extraPodSpec: {
            mainContainer: {
              command: ['python3', '-m', 'dynamo.sglang'],
              args: ['--model-path', 'Qwen/Qwen3-0.6B', '--disaggregation-mode', 'prefill'],
            },
          },
        },
        VllmDecodeWorker: { subComponentType: 'decode', replicas: 3, resources: { limits: { gpu: '4' } } },
      },
    },
  });
});

test('ids become labels', () => {
  const id = `org/${'x'.repeat(80)}`;
  const { labels } = made(dynamo, served({ model: { id } }))['DynamoGraphDeployment qwen3'] as {
    labels: Record<string, string>;
  };
  expect(labels['kubeairunway.ai/model-id']).toMatch(/^org-x{59}$/);
});

testIncompatible(dynamo, [
  [gpus(1), 'vllm', undefined],
  [gpus(1), 'trtllm', undefined],
  [roles, 'vllm', undefined],
  [gpus(1), 'llamacpp', 'Dynamo does not support llamacpp engine'],
  [gpus(0), 'vllm', 'Dynamo requires GPU (set resources.gpu.count > 0)'],
]);

const services = { a: { replicas: 2, readyReplicas: 1 }, b: { replicas: 1, readyReplicas: 1 } };

testTranslate(dynamo, [
  [
    'just made',
    {},
    {
      phase: 'Pending',
      replicas: { desired: 0, ready: 0, available: 0 },
      endpoint: { service: 'qwen3-frontend', port: 8000 },
    },
  ],
  [
    'deploying',
    { status: { state: 'deploying', services } },
    { phase: 'Deploying', replicas: { desired: 3, ready: 2, available: 2 } },
  ],
  ['initializing', { status: { state: 'initializing' } }, { phase: 'Deploying' }],
  [
    'successful',
    { status: { state: 'successful', replicas: 4, readyReplicas: 3, services } },
    { phase: 'Running', replicas: { desired: 4, ready: 3, available: 3 } },
  ],
  ['failed', { status: { state: 'failed', message: 'no nodes' } }, { phase: 'Failed', message: 'no nodes' }],
  ['with an endpoint', { status: { endpoint: { service: 'x', port: 9 } } }, { endpoint: { service: 'x', port: 9 } }],
  ['that is somebody’s nonsense', { status: { state: 7, services: 'none', endpoint: [] } }, { phase: 'Pending' }],
]);
