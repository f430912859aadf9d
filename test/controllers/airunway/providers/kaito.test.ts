import { expect, test } from 'vitest';
import { kaito } from '../../../../src/controllers/airunway/providers/kaito.ts';
import { gpus, made, roles, served, testIncompatible, testTranslate } from './served.ts';

/** KAITO (airunway.md 5.3). */

const labels = {
  'kubeairunway.ai/managed-by': 'kubeairunway',
  'kubeairunway.ai/deployment': 'qwen3',
  'kubeairunway.ai/model-deployment': 'qwen3',
  'kubeairunway.ai/model-source': 'huggingface',
  'kubeairunway.ai/engine-type': 'vllm',
};

test('vllm takes the preset of the model, at the root of the Workspace', () => {
  expect(made(kaito, served({ scaling: { replicas: 3 }, nodeSelector: { zone: 'a' } }))).toEqual({
    'Workspace qwen3': {
      labels,
      resource: {
        count: 3,
        labelSelector: { matchLabels: { 'kubernetes.io/os': 'linux', 'nvidia.com/gpu.present': 'true', zone: 'a' } },
      },
      inference: { preset: { name: 'Qwen/Qwen3-0.6B' } },
    },
  });
});

test('llamacpp gets a pod of its image, which carries the label', () => {
  const spec = {
    ...gpus(0),
    image: 'ghcr.io/kaito/llama:1',
    model: { id: 'a/b-GGUF', servedName: 'ab' },
    env: [{ name: 'A', value: '1' }],
    podTemplate: {
      metadata: { labels: { 'kubeairunway.ai/engine-type': 'mine', team: 'x' }, annotations: { note: 'y' } },
    },
  };
  expect(made(kaito, served(spec, 'llamacpp'))).toEqual({
    'Workspace qwen3': {
      // The user's labels win.
      labels: { ...labels, 'kubeairunway.ai/engine-type': 'mine', team: 'x' },
      annotations: { note: 'y' },
      resource: { count: 1, labelSelector: { matchLabels: { 'kubernetes.io/os': 'linux' } } },
      inference: {
        template: {
          metadata: { labels: { 'kubeairunway.ai/model-deployment': 'qwen3' } },
          spec: {
            containers: [
              {
                name: 'model',
                image: 'ghcr.io/kaito/llama:1',
                args: ['huggingface://a/b-GGUF', '--address=:5000', '--served-model-name=ab'],
                ports: [{ containerPort: 5000 }],
                resources: { requests: {} },
                env: [{ name: 'A', value: '1' }],
              },
            ],
          },
        },
      },
    },
  });
});

test.each([
  [{ id: 'https://example.com/m.gguf' }, ['https://example.com/m.gguf', '--address=:5000']],
  [{ source: 'custom' as const }, ['--address=:5000']],
])('the model %j is given as %j', (model, args) => {
  const objects = made(kaito, served({ model, image: 'x' }, 'llamacpp'));
  expect(objects['Workspace qwen3']).toMatchObject({ inference: { template: { spec: { containers: [{ args }] } } } });
});

testIncompatible(kaito, [
  [gpus(1), 'vllm', undefined],
  [{ ...gpus(0), image: 'x' }, 'llamacpp', undefined],
  [gpus(1), 'sglang', 'KAITO does not support sglang engine'],
  [gpus(1), 'trtllm', 'KAITO does not support trtllm engine'],
  [roles, 'vllm', 'KAITO does not support disaggregated mode'],
  [gpus(0), 'llamacpp', 'llamacpp engine requires spec.image to be set'],
]);

const conditions = (...given: [string, string][]): Record<string, unknown> => ({
  resource: { count: 2 },
  status: { conditions: given.map(([type, status]) => ({ type, status, message: `${type} says so` })) },
});
const state = (text: string): Record<string, unknown> => ({ resource: { count: 2 }, status: { state: text } });

testTranslate(kaito, [
  [
    'just made',
    {},
    { phase: 'Pending', replicas: { desired: 1, ready: 0, available: 0 }, endpoint: { service: 'qwen3', port: 80 } },
  ],
  [
    'succeeded',
    conditions(['WorkspaceSucceeded', 'True']),
    { phase: 'Running', replicas: { desired: 2, ready: 2, available: 2 } },
  ],
  ['failed', conditions(['WorkspaceSucceeded', 'False']), { phase: 'Failed', message: 'WorkspaceSucceeded says so' }],
  ['with nodes', conditions(['ResourceReady', 'True'], ['InferenceReady', 'False']), { phase: 'Deploying' }],
  ['without nodes', conditions(['ResourceReady', 'False']), { phase: 'Pending' }],
  ['Ready', state('Ready'), { phase: 'Running' }],
  ['Succeeded', state('Succeeded'), { phase: 'Running' }],
  ['NotReady', state('NotReady'), { phase: 'Deploying' }],
  [
    'Running, which is fine-tuning',
    state('Running'),
    { phase: 'Deploying', replicas: { desired: 2, ready: 0, available: 0 } },
  ],
  ['Failed', state('Failed'), { phase: 'Failed' }],
  ['Pending', state('Pending'), { phase: 'Pending' }],
  [
    'in a state of a later version',
    { status: { state: 'Novel', conditions: [{ type: 'WorkspaceSucceeded', status: 'True', message: '' }] } },
    { phase: 'Running' },
  ],
]);
