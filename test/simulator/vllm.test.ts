import { once } from 'node:events';
import { connect } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { readSimulatorConfig } from '../../src/simulator/flags.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function simulator(flags: string[] = [], env: Record<string, string> = {}) {
  const program = await startSimulator(['--model', 'base', '--port', '0', '--seed', '1', ...flags], { env, log });
  closers.push(() => program.close());
  const { url } = program;
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
  return {
    url,
    post,
    sdk: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }),
    chat: (body: object = {}, headers = {}) =>
      post('/v1/chat/completions', { model: 'base', messages: hello, ...body }, headers),
    metric: async (name: string) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}{`));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
    },
  };
}

const hello = [{ role: 'user' as const, content: 'hello there' }];

describe('the OpenAI SDK against the simulator', () => {
  it('gets a chat completion that says it is simulated', async () => {
    const { sdk } = await simulator();
    const { data, response } = await sdk.chat.completions.create({ model: 'base', messages: hello }).withResponse();
    expect(data.choices[0]?.message.content).toMatch(/^\[simulated by headgate\] /);
    expect(data.system_fingerprint).toBe('headgate-simulator');
    expect(response.headers.get('x-headgate-simulated')).toBe('true');
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
  });

  it('gets a stream with a usage chunk where it asks for one', async () => {
    const { sdk } = await simulator(['--mode', 'echo']);
    const stream = await sdk.chat.completions.create({
      model: 'base',
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('hello there');
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(2);
    const plain = await sdk.chat.completions.create({ model: 'base', messages: hello, stream: true });
    for await (const chunk of plain) expect(chunk.usage ?? null).toBeNull();
  });

  it('gets text completions, embeddings and models', async () => {
    const { sdk } = await simulator(['--lora-modules', '{"name":"food"}', '--served-model-name', 'base alias']);
    const text = await sdk.completions.create({ model: 'alias', prompt: 'once upon', max_tokens: 5 });
    expect(text).toMatchObject({
      model: 'base',
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 5 },
    });
    const stream = await sdk.completions.create({ model: 'food', prompt: 'once', max_tokens: 3, stream: true });
    let streamed = '';
    for await (const chunk of stream) streamed += chunk.choices[0]?.text ?? '';
    expect(streamed).toContain('[simulated by headgate]');
    const embedded = await sdk.embeddings.create({ model: 'base', input: ['a', 'b', 'a'], dimensions: 8 });
    const [a, b, again] = embedded.data.map(({ embedding }) => embedding);
    expect(a).toHaveLength(8);
    expect(again).toEqual(a);
    expect(b).not.toEqual(a);
    expect(Math.hypot(...(a ?? []))).toBeCloseTo(1, 4);
    expect((await sdk.models.list()).data.map(({ id }) => id)).toEqual(['base', 'alias', 'food']);
  });

  it('gets errors as errors', async () => {
    const { sdk } = await simulator(['--max-model-len', '50']);
    const ask = (body: object) => sdk.chat.completions.create({ model: 'base', messages: hello, ...body });
    await expect(ask({ model: 'nobody' })).rejects.toThrow(/404 The model `nobody` does not exist/);
    await expect(ask({ max_tokens: 60 })).rejects.toThrow(/400 This model's maximum context length is 50 tokens/);
    await expect(ask({ n: 200 })).rejects.toThrow(/400 n: a number from 1 to 128/);
    await expect(ask({ response_format: { type: 'grammar' } })).rejects.toThrow(/400 response_format/);
    await expect(ask({ tool_choice: 'required' })).rejects.toThrow(/400 tool_choice/);
  });
});

describe('the simulator over HTTP', () => {
  it.each([
    ['not JSON', '{"model":', 400, 'Invalid JSON'],
    ['not an object', '[]', 400, 'an object was expected'],
    ['empty', '', 400, 'Invalid JSON'],
    ['without a model', '{"messages":[{"role":"user","content":"x"}]}', 400, 'model: a model name expected'],
    ['without messages', '{"model":"base"}', 400, 'messages: a list of messages expected'],
    ['too large', `{"model":"base","x":"${'x'.repeat(1024 * 1024)}"}`, 413, 'larger than'],
  ])('a body that is %s is refused in the shape of vLLM', async (_, body, status, message) => {
    const { post } = await simulator(['--max-request-body-size-mb', '1']);
    const answer = await post('/v1/chat/completions', body);
    const { error } = (await answer.json()) as { error: { message: string; code: number; type: string } };
    expect([answer.status, error.code]).toEqual([status, status]);
    expect(error.message).toContain(message);
  });

  it('names its pod, in answers and in errors', async () => {
    const { url, chat } = await simulator([], { POD_NAME: 'llama-1', NAMESPACE: 'default' });
    for (const answer of [await chat(), await fetch(`${url}/nothing`)]) {
      expect(answer.headers.get('x-inference-pod')).toBe('llama-1');
      expect(answer.headers.get('x-inference-namespace')).toBe('default');
      expect(answer.headers.get('x-inference-port')).toBe(new URL(url).port);
    }
  });

  it('queues, refuses with 429, and frees the slot of a client that leaves', async () => {
    const { url, chat, metric } = await simulator([
      '--max-num-seqs',
      '1',
      '--max-waiting-queue-length',
      '1',
      '--time-to-first-token',
      '1h',
    ]);
    const body = JSON.stringify({ model: 'base', messages: hello });
    const leave = async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`,
      );
      return () => socket.destroy();
    };
    const leaveFirst = await leave();
    await vi.waitFor(async () => expect(await metric('vllm:num_requests_running')).toBe(1));
    const leaveSecond = await leave();
    await vi.waitFor(async () => expect(await metric('vllm:num_requests_waiting')).toBe(1));
    expect((await chat()).status).toBe(429);
    leaveFirst();
    leaveSecond();
    await vi.waitFor(async () => {
      expect(await metric('vllm:num_requests_running')).toBe(0);
      expect(await metric('vllm:num_requests_waiting')).toBe(0);
    });
  });

  it('counts tokens, requests and prefix hits in metrics that parse', async () => {
    const { url, chat, metric } = await simulator(['--enable-kvcache', '--block-size', '16']);
    const messages = [{ role: 'user', content: 'word '.repeat(100) }];
    const first = (await (await chat({ messages })).json()) as { usage: { prompt_tokens: number } };
    const second = (await (await chat({ messages })).json()) as { usage: { prompt_tokens_details: object } };
    expect(second.usage.prompt_tokens_details).toEqual({ cached_tokens: 96 });
    expect(await metric('vllm:prompt_tokens_total')).toBe(2 * first.usage.prompt_tokens);
    expect(await metric('vllm:prefix_cache_hits_total')).toBe(96);
    expect(await metric('vllm:e2e_request_latency_seconds_count')).toBe(2);
    for (const name of ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc']) expect(await metric(name)).toBe(0);
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of text.trim().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|[a-z_:0-9]+\{([a-z_]+="[^"]*",?)*\} -?[\d.e+-]+)$/);
    }
    expect(text).toContain('vllm:lora_requests_info{max_lora="1",running_lora_adapters="",waiting_lora_adapters=""}');
  });

  it('loads and unloads adapters', async () => {
    const { post, chat } = await simulator(['--max-loras', '1']);
    expect((await chat({ model: 'pirate' })).status).toBe(404);
    expect((await post('/v1/load_lora_adapter', { lora_name: 'pirate', lora_path: '/p' })).status).toBe(200);
    expect((await chat({ model: 'pirate' })).status).toBe(200);
    expect((await post('/v1/load_lora_adapter', { lora_name: 'second' })).status).toBe(400);
    expect((await post('/v1/unload_lora_adapter', { lora_name: 'pirate' })).status).toBe(200);
    expect((await chat({ model: 'pirate' })).status).toBe(404);
  });

  it('fails when it is asked to, by header and by rate', async () => {
    const { chat } = await simulator(['--failure-injection-rate', '100', '--failure-types', 'rate_limit']);
    expect((await chat()).status).toBe(429);
    expect((await chat({}, { 'x-return-error': '503' })).status).toBe(503);
    expect((await chat({}, { 'x-return-error': 'no' })).status).toBe(400);
  });

  it('is not ready until its model is loaded', async () => {
    const { url } = await simulator(['--startup-duration', '1h']);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${(await simulator()).url}/health/ready`)).status).toBe(200);
  });

  it('changes at run time through /admin/config, and refuses what it does not know', async () => {
    const { url, post, chat, metric } = await simulator();
    expect(
      (await post('/admin/config', { 'failure-injection-rate': 100, 'failure-types': ['server_error'] })).status,
    ).toBe(200);
    expect((await chat()).status).toBe(503);
    await post('/admin/config', {
      'fake-metrics': { 'waiting-requests': 7, 'kv-cache-usage': 0.5 },
      'time-to-first-token': '9ms',
    });
    await post('/admin/config', { 'fake-metrics': { 'kv-cache-usage': 0.25 } });
    expect(await metric('vllm:num_requests_waiting')).toBe(7);
    expect(await metric('vllm:kv_cache_usage_perc')).toBe(0.25);
    expect(await metric('vllm:prompt_tokens_total')).toBeUndefined();
    expect(await (await fetch(`${url}/admin/config`)).json()).toMatchObject({ 'time-to-first-token': '9ms' });
    for (const bad of [{ model: 'x' }, { 'time-to-first-token': 'soon' }, { 'time-to-first-token-std-dev': '9ms' }]) {
      expect((await post('/admin/config', bad)).status).toBe(400);
    }
  });

  it('counts tokens for /tokenize', async () => {
    const { post } = await simulator();
    expect(await (await post('/tokenize', { model: 'base', prompt: 'one two' })).json()).toMatchObject({ count: 2 });
  });
});

describe('the simulator command line', () => {
  const read = (...argv: string[]) => readSimulatorConfig(['--model', 'm', ...argv], {});

  it('takes the flags of the pool manifest', () => {
    const { config } = read('--port', '8000', '--max-loras', '2', '--lora-modules', '{"name": "food-review-1"}');
    expect(config).toMatchObject({ model: 'm', port: 8000, maxLoras: 2, loras: [{ name: 'food-review-1' }] });
  });

  it('takes durations as Go writes them and as whole milliseconds, lists, and one dash', () => {
    expect(read('--time-to-first-token=1m30s', '-inter-token-latency', '15').config.latency).toMatchObject({
      timeToFirstToken: 90_000,
      interTokenLatency: 15,
    });
    expect(read('--lora-modules', '{"name":"a"}', '{"name":"b"}', '--seed=3').config.loras).toHaveLength(2);
  });

  it('takes the model from `vllm serve MODEL` and from the environment', () => {
    expect(readSimulatorConfig(['org/model', '--port', '1'], {}).config.model).toBe('org/model');
    expect(readSimulatorConfig([], { SIM_MODEL: 'x' }).config.model).toBe('x');
  });

  it('accepts flags that tune hardware and says that they have no effect', () => {
    expect(read('--tensor-parallel-size', '2', '--dtype=auto', '--enforce-eager', '--seed', '1').ignored).toEqual([
      '--tensor-parallel-size',
      '--dtype',
      '--enforce-eager',
    ]);
  });

  it.each([
    [['--zmq-endpoint', 'tcp://x'], /--zmq-endpoint: an address such as tcp:\/\/\*:5557/],
    [['--dataset-path', '/x'], /--dataset-path of llm-d-inference-sim is not supported/],
    [['--kv-events-config', '{"port":1}'], /--kv-events-config: port is not known/],
    [['--metric-names', 'ollama'], /--metric-names: one of vllm, vllm-v0, sglang/],
    [['--data-parallel-size', '9'], /--data-parallel-size: a number from 1 to 8/],
    [['--nonsense', '1'], /unknown flag --nonsense/],
    [['--port', 'http'], /--port: a whole number expected, got "http"/],
    [['--port', '70000'], /--port: a number from 0 to 65535/],
    [['--mode', 'loud'], /--mode: one of random, echo/],
    [['--seed'], /--seed needs a value/],
    [
      ['--time-to-first-token', '10ms', '--time-to-first-token-std-dev', '4ms'],
      /--time-to-first-token-std-dev: at most 30 %/,
    ],
    [['--lora-modules', 'food=path'], /--lora-modules: a JSON object/],
    [['--served-model-name', 'a', '--lora-modules', '{"name":"a"}'], /"a" is served twice/],
    [['--max-loras', '3', '--max-cpu-loras', '2'], /--max-cpu-loras: at least --max-loras/],
    [['--fake-metrics', '{"waiting-requests":"ramp:1:2"}'], /--fake-metrics: .*a function such as ramp:10:0:5s/],
    [['--fake-metrics', '{"kv-cache-usage":"ramp:0:2:1s"}'], /--fake-metrics: .*kv-cache-usage: numbers from 0 to 1/],
    [['--failure-types', 'meteor'], /--failure-types: one of rate_limit/],
    [['--time-factor-under-load', '0.5'], /--time-factor-under-load/],
  ])('refuses %j', (argv, message) => {
    expect(() => read(...argv)).toThrow(message);
  });

  it('needs a model', () => {
    expect(() => readSimulatorConfig([], {})).toThrow(/--model is required/);
  });
});
