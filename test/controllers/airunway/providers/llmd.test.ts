import { expect, test } from 'vitest';
import { llmd } from '../../../../src/controllers/airunway/providers/llmd.ts';
import { parseConfig } from '../../../../src/picker/config/parse.ts';
import { gpus, made, roles, served, testIncompatible, testTranslate } from './served.ts';

/** llm-d (airunway.md 5.6). */

test('an aggregated deployment is a Deployment and a Service', () => {
  const objects = made(llmd, served(gpus(2)));
  expect(Object.keys(objects)).toEqual(['Deployment qwen3', 'Service qwen3']);
  expect(objects).toMatchObject({
    'Deployment qwen3': {
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'qwen3' } },
        template: {
          metadata: {
            labels: {
              app: 'qwen3',
              'kubeairunway.ai/deployment': 'qwen3',
              'kubeairunway.ai/model-deployment': 'qwen3',
            },
          },
          spec: {
            containers: [
              {
                image: 'vllm/vllm-openai:v0.9.1',
                args: [
                  '--host',
                  '0.0.0.0',
                  '--port',
                  '8000',
                  '--tensor-parallel-size',
                  '2',
                  '--model',
                  'Qwen/Qwen3-0.6B',
                ],
                resources: { limits: { 'nvidia.com/gpu': '2' } },
              },
            ],
          },
        },
      },
    },
    'Service qwen3': { spec: { selector: { app: 'qwen3' }, ports: [{ name: 'http', port: 8000 }] } },
  });
});

test('a disaggregated deployment has one of each for each role, decode first', () => {
  const objects = made(llmd, served(roles));
  expect(Object.keys(objects)).toEqual([
    'Deployment qwen3-decode',
    'Service qwen3-decode',
    'Deployment qwen3-prefill',
    'Service qwen3-prefill',
  ]);
  const transfer = ['--kv-transfer-config', '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'];
  const role = (name: string, replicas: number, count: string) => ({
    spec: {
      replicas,
      template: {
        metadata: {
          labels: { app: `qwen3-${name}`, 'llm-d.ai/role': name, 'kubeairunway.ai/model-deployment': 'qwen3' },
        },
        spec: {
          containers: [
            { args: expect.arrayContaining(transfer) as string[], resources: { limits: { 'nvidia.com/gpu': count } } },
          ],
        },
      },
    },
  });
  expect(objects).toMatchObject({
    'Deployment qwen3-decode': role('decode', 3, '4'),
    'Deployment qwen3-prefill': role('prefill', 2, '1'),
  });
});

test('the configuration for its endpoint picker is one that the picker takes', () => {
  const [engine] = llmd.engines;
  const config = parseConfig(engine?.gateway?.endpointPicker?.configData);
  expect(config.profiles).toHaveLength(1);
});

testIncompatible(llmd, [
  [gpus(1), 'vllm', undefined],
  [roles, 'vllm', undefined],
  [gpus(1), 'sglang', 'llm-d only supports the vllm engine, got sglang'],
]);

testTranslate(llmd, [
  [
    'available',
    { status: { readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 } },
    { phase: 'Running', endpoint: { service: 'qwen3', port: 8000 } },
  ],
  ['starting', { status: {} }, { phase: 'Deploying' }],
]);
