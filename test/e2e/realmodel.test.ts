import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { ServedModel } from '../../src/admin/resources.ts';
import { findLlamaCpp, llamaCppSkipMessage } from '../llamacpp/llamacppparts.ts';
import { bin, startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, run, skipMessage } from './kubectl.ts';

const parts = findLlamaCpp();
const skipped = hasKubectl ? (parts === undefined ? llamaCppSkipMessage : undefined) : skipMessage;
const real = 'HuggingFaceTB/SmolLM2-135M-Instruct';
const simulated = 'Qwen/Qwen3-0.6B';

/** What the image of the AIMService serves, by its name. */
const behindPath = 'Qwen/Qwen3-32B';

const resources = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: inference-gateway, namespace: default}
spec:
  gatewayClassName: eg
  listeners: [{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: kubeairunway.ai/v1alpha1
kind: ModelDeployment
metadata: {name: smollm2, namespace: default}
spec:
  model: {id: "${real}"}
  engine: {contextLength: 1024}
---
apiVersion: kubeairunway.ai/v1alpha1
kind: ModelDeployment
metadata: {name: qwen3, namespace: default}
spec:
  model: {id: "${simulated}"}
---
apiVersion: v1
kind: Namespace
metadata: {name: ml-team}
---
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: {name: qwen-chat, namespace: ml-team}
spec:
  model: {image: amdenterpriseai/aim-qwen-qwen3-32b:0.8.5}
  routing:
    enabled: true
    gatewayRef: {name: inference-gateway, namespace: default}
    pathTemplate: /{.metadata.namespace}/{.metadata.name}
`;

test.each([
  ['{ gguf: /no/such.gguf }', 'there is no file /no/such.gguf: correct the gguf'],
  [`{ gguf: '${import.meta.filename}', runtime: '${tmpdir()}' }`, `run "npm install node-llama-cpp" in ${tmpdir()}`],
])('headgate up with program %s says what is missing, and does not start', async (program, message) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'headgate-realmodel-'));
  const catalog = path.join(directory, 'catalog.yaml');
  await writeFile(catalog, `catalog:\n  - images: [a]\n    program: ${program}\n`);
  const words = ['up', '--data-dir', path.join(directory, 'data'), '--catalog', catalog];
  const { code, stderr } = await run(process.execPath, [bin, ...words]);
  await rm(directory, { recursive: true, force: true });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) as string });
});

describe.skipIf(skipped !== undefined)(`a real model behind the Gateway (${skipped ?? real})`, () => {
  let directory = '';
  let headgate: Headgate;
  let listed: ServedModel[];
  let sdk: OpenAI;

  const cli = (...words: string[]) =>
    run(process.execPath, [bin, ...words, '--data-dir', headgate.dataDir], { timeoutMs: 110_000 });
  const models = async (): Promise<ServedModel[]> => {
    const { code, stdout, stderr } = await cli('models', '-o', 'json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as ServedModel[];
  };

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'headgate-realmodel-'));
    const catalog = path.join(directory, 'catalog.yaml');
    const { gguf = '', runtime = '' } = parts ?? {};
    await writeFile(
      catalog,
      `catalog:\n  - images: ['vllm/vllm-openai*']\n    models: ['HuggingFaceTB/SmolLM2-*']\n    program: { gguf: '${gguf}', runtime: '${runtime}' }\n`,
    );
    headgate = await startHeadgate(['--catalog', catalog]);
    await headgate.kubectl(['apply', '-f', '-'], resources);
    await until(
      async () => {
        listed = await models();
        return listed.length === 3 && listed.every(({ endpoints, url }) => endpoints === 1 && url !== undefined);
      },
      () => `the models are not served: ${JSON.stringify(listed)}\n${headgate.output()}`,
      150_000,
    );
    sdk = new OpenAI({ baseURL: listed[0]?.url ?? '', apiKey: 'none', maxRetries: 0 });
  });

  afterAll(async () => {
    await headgate.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** The model's own count, asked of its server through the API's address of it. */
  const tokens = async (body: object): Promise<number[]> => {
    const pods = JSON.parse(await headgate.kubectl(['get', 'pods', '-o', 'json'])) as {
      items: { metadata: { name: string }; status: { podIP: string } }[];
    };
    const pod = pods.items.find(({ metadata }) => metadata.name.startsWith('smollm2'));
    const response = await fetch(`http://${pod?.status.podIP ?? ''}:8000/tokenize`, {
      method: 'POST',
      body: JSON.stringify({ model: real, ...body }),
    });
    return ((await response.json()) as { tokens: number[] }).tokens;
  };
  const messages = [
    { role: 'system' as const, content: 'You answer in one short sentence.' },
    { role: 'user' as const, content: 'What is the capital of France?' },
  ];

  it('is listed with what serves it and the URL of the Gateway', () => {
    const url = listed[0]?.url ?? '';
    expect(url).toMatch(/^http:\/\/127\.\d+\.2\d\d\.\d+(:\d+)?\/v1$/);
    const common = { endpoints: 1, gateway: 'default/inference-gateway', url };
    const source = { apiVersion: 'kubeairunway.ai/v1alpha1', kind: 'ModelDeployment', namespace: 'default' };
    expect(listed).toEqual([
      {
        ...common,
        model: real,
        route: 'default/smollm2',
        backend: 'InferencePool default/smollm2',
        source: { ...source, name: 'smollm2' },
      },
      {
        ...common,
        model: simulated,
        route: 'default/qwen3',
        backend: 'InferencePool default/qwen3',
        source: { ...source, name: 'qwen3' },
      },
      {
        ...common,
        model: behindPath,
        route: expect.stringMatching(/^ml-team\/qwen-chat-/) as string,
        backend: expect.stringMatching(/^ml-team\/qwen-chat-.*-predictor$/) as string,
        source: { apiVersion: 'aim.eai.amd.com/v1alpha1', kind: 'AIMService', namespace: 'ml-team', name: 'qwen-chat' },
        url: url.replace('/v1', '/ml-team/qwen-chat/v1'),
      },
    ]);
  });

  it('answers the openai client in a stream, with the usage that its tokenizer counts', async () => {
    const stream = await sdk.chat.completions.create({
      model: real,
      messages,
      temperature: 0,
      max_tokens: 24,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const pieces = chunks.flatMap((chunk) => chunk.choices[0]?.delta.content ?? []).filter((piece) => piece !== '');
    const text = pieces.join('');
    const reason = chunks
      .map((chunk) => chunk.choices[0]?.finish_reason)
      .findLast((known) => typeof known === 'string');
    const usage = chunks.at(-1)?.usage;
    expect(pieces.length).toBeGreaterThan(2);
    expect(text).not.toContain('simulated');
    expect(new Set(chunks.map((chunk) => chunk.system_fingerprint))).toEqual(new Set(['headgate-llamacpp']));
    expect(usage?.prompt_tokens).toBe((await tokens({ messages })).length);
    const generated = (await tokens({ prompt: text })).length + (reason === 'stop' ? 1 : 0);
    expect(usage?.completion_tokens).toBe(generated);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + generated);
  });

  it('generates exactly max_tokens, and the same whole as streamed', async () => {
    const body = { model: real, messages, temperature: 0, max_tokens: 5 };
    const whole = await sdk.chat.completions.create(body);
    expect(whole.usage?.completion_tokens).toBe(5);
    expect(whole.choices[0]?.finish_reason).toBe('length');
    let streamed = '';
    for await (const chunk of await sdk.chat.completions.create({ ...body, stream: true })) {
      streamed += chunk.choices[0]?.delta.content ?? '';
    }
    expect(streamed).toBe(whole.choices[0]?.message.content);
  });

  it('is one of two models at one endpoint: the other is simulated', async () => {
    const other = await sdk.chat.completions.create({ model: simulated, messages });
    expect(other.choices[0]?.message.content).toContain('[simulated by headgate]');
  });

  it("reports vLLM's metrics, which the picker reads", async () => {
    const { stdout } = await cli('explain', '--model', real, '--prompt', 'Hi', '-o', 'json');
    const { listeners } = JSON.parse(stdout) as {
      listeners: { backends: { pick?: { endpoints: { fresh: boolean; kvUsage: number }[] } }[] }[];
    };
    const endpoints = listeners.flatMap(({ backends }) => backends).flatMap(({ pick }) => pick?.endpoints ?? []);
    expect(endpoints).toMatchObject([{ fresh: true, waiting: 0, running: 0 }]);
  });

  it('chats in the terminal, with history, and tells the usage', async () => {
    const one = await cli('chat', real, 'What is the capital of France?', '--max-tokens', '8');
    expect(one.code).toBe(0);
    expect(one.stdout.trim()).not.toBe('');
    expect(one.stderr).toMatch(/^usage: \d+ prompt \+ \d+ completion = \d+ tokens in 1 answer$/m);
    const prompt = Number(/(\d+) prompt/.exec(one.stderr)?.[1]);
    const words = ['chat', real, '--max-tokens', '8', '--data-dir', headgate.dataDir];
    const input = 'What is the capital of France?\nAnd of Italy?\n';
    const two = await run(process.execPath, [bin, ...words], { input, timeoutMs: 110_000 });
    expect(two.stderr).toMatch(/in 2 answers$/m);
    // The second prompt has the first turn and its answer in it.
    expect(Number(/(\d+) prompt/.exec(two.stderr)?.[1])).toBeGreaterThan(3 * prompt - 20);
  });

  it('chats with a model behind a path of its own, and lists it in a table', async () => {
    const { code, stdout, stderr } = await cli('chat', behindPath, 'Hello');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^usage: /) as string });
    expect(stdout).toContain('[simulated by headgate]');
    const { stdout: shown } = await cli('models');
    expect(shown).toMatch(/^MODEL +SOURCE +ENDPOINTS +GATEWAY +URL$/m);
    expect(shown).toMatch(
      /^Qwen\/Qwen3-32B +AIMService ml-team\/qwen-chat +1 +default\/inference-gateway +http:.*\/ml-team\/qwen-chat\/v1$/m,
    );
  });

  it('says in one line which models there are, when asked for another', async () => {
    const { code, stderr } = await cli('chat', 'no-such-model', 'Hi');
    expect(code).toBe(1);
    expect(stderr).toBe(`error: model "no-such-model" is not served; there are ${real}, ${simulated}, ${behindPath}\n`);
  });
});
