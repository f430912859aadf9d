import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AirunwayModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
import { InferencePool } from '../../src/kinds/inference/inferencepool.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { clientOf } from './client.ts';
import { chat, startHeadgate, type Headgate } from './headgate.ts';

/** `examples/kubeairunway`, all at once: `headgate up` is ready when they are. */

let headgate: Headgate;
let client: KubeClient;
let url = '';

beforeAll(async () => {
  headgate = await startHeadgate(['-f', fileURLToPath(new URL('../../examples/kubeairunway', import.meta.url))]);
  client = clientOf(headgate.kubeconfig);
  url = await headgate.gatewayUrl('inference-gateway');
}, 240_000);

afterAll(async () => {
  await client.close();
  expect(await headgate.stop()).toBe(0);
});

it.each([
  ['Qwen/Qwen3-0.6B', 'qwen3-'],
  ['meta-llama/Llama-3.1-8B-Instruct', 'llama-'],
  ['assistant', 'assistant-'],
  ['microsoft/Phi-4-mini-instruct', 'phi-'],
])('%s answers as soon as it is said to be ready', async (model, pod) => {
  const response = await chat(url, model, { max_tokens: 4 });
  expect(response.status, await response.text()).toBe(200);
  expect(response.headers.get('x-inference-pod')).toMatch(new RegExp(`^${pod}`));
});

it('what is not to be offered runs, and has no pool', async () => {
  const ref = { namespace: 'default', name: 'internal' };
  expect((await client.get(AirunwayModelDeployment, ref))?.status?.phase).toBe('Running');
  expect(await client.get(InferencePool, ref)).toBeUndefined();
  expect((await chat(url, 'google/gemma-3-1b-it')).status).toBe(404);
});

it('serves the metrics of the controllers beside those of the gateway', async () => {
  const address = /^Metrics +(\S+)$/m.exec(headgate.output())?.[1] ?? '';
  const text = await (await fetch(address)).text();
  expect(text).toContain('kubeairunway_deployment_status{provider="vllm",phase="Running"} 4');
  expect(text).toContain('\nairunway_deployment_status{provider="vllm",phase="Running"} 1');
});
