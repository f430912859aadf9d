import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { GrpcStatus } from '../../src/wire/grpc.ts';
import { startEpp } from '../../src/extproc/epp.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { Load } from './modelservers.ts';
import { bodyOf, setHeadersOf, type Exchange } from './proxy.ts';
import { startPicker, type RunningPicker } from './running.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function start(...args: Parameters<typeof startPicker>): Promise<RunningPicker> {
  const picker = await startPicker(...args);
  closers.push(picker.close);
  return picker;
}

const destination = 'x-gateway-destination-endpoint';
const loraConfig = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: lora-affinity-scorer
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 1}
  - {pluginRef: kv-cache-utilization-scorer, weight: 1}
  - {pluginRef: lora-affinity-scorer, weight: 2}
`;
const head = { ':method': 'POST', ':path': '/v1/completions', 'content-type': 'application/json' };
const plainLoads: Load[] = [
  { waiting: 3, kv: 0.2 },
  { waiting: 0, kv: 0.1 },
  { waiting: 10, kv: 0.2 },
];
const objective = (name: string, priority: number) => `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: ${name}}
spec: {priority: ${String(priority)}, poolRef: {name: pool}}
`;
const rewrite = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: a-to-b}
spec:
  poolRef: {name: pool}
  rules:
  - matches: [{model: {value: a}}]
    targets: [{modelRewrite: b}]
`;

interface Ask {
  model?: string;
  headers?: Record<string, string>;
  subset?: readonly string[] | string;
  pieces?: readonly string[];
}

/** Sends a request and returns the exchange with the answers to headers and body. */
async function ask(picker: RunningPicker, { model = 'm', headers = {}, subset, pieces }: Ask = {}) {
  const exchange = picker.proxy.exchange();
  const hint = subset === undefined ? {} : { metadata: subsetHint(subset) };
  exchange.headers('request', { ...head, 'x-request-id': 'r1', ...headers }, hint);
  const parts = pieces ?? [JSON.stringify({ model, prompt: 'hello', max_tokens: 3 })];
  for (const [at, piece] of parts.entries()) exchange.body('request', piece, at === parts.length - 1);
  const reply = await exchange.next();
  return { exchange, reply };
}

const subsetHint = (subset: readonly string[] | string) => ({
  'envoy.lb.subset_hint': { 'x-gateway-destination-endpoint-subset': subset },
});

const chosen = (picker: RunningPicker, reply: Awaited<ReturnType<typeof ask>>['reply']): number =>
  picker.servers.findIndex(({ key }) => key === setHeadersOf(reply)[destination]);

async function close(exchange: Exchange): Promise<void> {
  expect(await exchange.finish()).toMatchObject({ error: undefined });
}

describe('which endpoint is picked (epp.md 12.1)', () => {
  it('the least loaded one for a plain model, counted under the priority of its objective', async () => {
    const picker = await start(plainLoads, { config: loraConfig, objects: objective('important', 2) });
    const { exchange, reply } = await ask(picker, { headers: { 'x-gateway-inference-objective': 'important' } });
    expect(chosen(picker, reply)).toBe(1);
    await close(exchange);
    const labels = 'model_name="m",target_model_name="m",priority="2"';
    expect(await picker.metric(`inference_objective_request_total{${labels}}`)).toBe(1);
    expect(await picker.metric('inference_pool_ready_pods{name="pool"}')).toBe(3);
  });

  it.each<[string, Load[], number]>([
    [
      'the one that has the adapter',
      [
        { waiting: 0, kv: 0.2, adapters: ['foo', 'bar'] },
        { waiting: 0, kv: 0.1, adapters: ['foo', 'target'] },
        { waiting: 10, kv: 0.2, adapters: ['foo', 'bar'] },
      ],
      1,
    ],
    [
      'the one that has the adapter although its cache is fuller',
      [
        { waiting: 10, kv: 0.2, adapters: ['foo', 'bar'] },
        { waiting: 10, kv: 0.4, adapters: ['foo', 'target'] },
        { waiting: 10, kv: 0.3, adapters: ['foo'] },
      ],
      1,
    ],
    [
      'the one that has the adapter when all are busy: default priority is never shed',
      [
        { waiting: 6, kv: 0.2, adapters: ['foo', 'target'] },
        { waiting: 0, kv: 0.85, adapters: ['foo'] },
        { waiting: 10, kv: 0.9, adapters: ['foo'] },
      ],
      0,
    ],
  ])('%s', async (_, loads, expected) => {
    const picker = await start(loads, { config: loraConfig });
    const { exchange, reply } = await ask(picker, { model: 'target' });
    expect(chosen(picker, reply)).toBe(expected);
    await close(exchange);
  });

  it.each<[string, (keys: readonly string[]) => readonly string[] | string, number]>([
    ['all three', (keys) => keys, 1],
    ['all three as one text', (keys) => keys.join(', '), 1],
    ['the third only', (keys) => keys.slice(2), 2],
  ])('the best of a subset that names %s', async (_, subset, expected) => {
    const picker = await start(plainLoads, { config: loraConfig });
    const { exchange, reply } = await ask(picker, { subset: subset(picker.servers.map(({ key }) => key)) });
    expect(chosen(picker, reply)).toBe(expected);
    await close(exchange);
  });

  it('none of a subset that names nobody: 503; and the hint can be switched off', async () => {
    const picker = await start(plainLoads, { config: loraConfig });
    const { exchange, reply } = await ask(picker, { subset: ['192.168.9.9:8000'] });
    expect(reply).toMatchObject({ type: 'immediate', response: { status: 503 } });
    expect(reply.type === 'immediate' && reply.response.body).toMatch(/^inference error: ServiceUnavailable - /);
    await close(exchange);
    const deaf = await start(plainLoads, { config: loraConfig, argv: ['--disable-endpoint-subset-filter'] });
    const other = await ask(deaf, { subset: ['192.168.9.9:8000'] });
    expect(chosen(deaf, other.reply)).toBe(1);
    await close(other.exchange);
  });

  it('the same one for a body in two pieces, which is sent on in pieces of our size', async () => {
    const picker = await start(plainLoads, { config: loraConfig });
    const body = JSON.stringify({ model: 'm', prompt: 'x'.repeat(100_000) });
    const { exchange, reply } = await ask(picker, { pieces: [body.slice(0, 30), body.slice(30)] });
    expect(chosen(picker, reply)).toBe(1);
    expect(setHeadersOf(reply)['content-length']).toBe(String(body.length));
    const pieces = [await exchange.next(), await exchange.next()];
    expect(pieces.map(bodyOf).join('')).toBe(body);
    expect(bodyOf(pieces[0] ?? reply)).toHaveLength(62_000);
    expect(pieces.map((piece) => piece.type === 'body' && piece.common?.body)).toMatchObject([
      { endOfStream: false },
      { endOfStream: true },
    ]);
    await close(exchange);
  });

  it('any ready one for a request without a body, at once', async () => {
    const picker = await start(plainLoads);
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ':method': 'GET', ':path': '/v1/models' }, { endOfStream: true });
    expect(chosen(picker, await exchange.next())).toBeGreaterThanOrEqual(0);
    expect(await exchange.finish()).toMatchObject({ error: undefined, left: [] });
  });
});

describe('errors as the client sees them (epp.md 3.5)', () => {
  it.each([
    ['is not JSON', 'not json', /^inference error: BadRequest - ./],
    ['is cut off', '{"model":"m"', /^inference error: BadRequest - ./],
    ['has no model', '{"prompt":"x"}', /^inference error: BadRequest - model not found in request body$/],
    ['has a model that is no text', '{"model":7}', /^inference error: BadRequest - model must be a string$/],
  ])('400 for a body that %s', async (_, body, message) => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const { exchange, reply } = await ask(picker, { pieces: [body] });
    expect(reply).toMatchObject({ type: 'immediate', response: { status: 400 } });
    expect(reply.type === 'immediate' && reply.response.body).toMatch(message);
    await close(exchange);
  });

  it('500 for a request without a body when there is no endpoint, 503 for one with a body', async () => {
    const picker = await start([]);
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ':method': 'GET', ':path': '/v1/models' }, { endOfStream: true });
    expect(await exchange.next()).toMatchObject({
      type: 'immediate',
      response: { status: 500, body: 'inference error: Internal - no pods available in datastore' },
    });
    await close(exchange);
    const { exchange: other, reply } = await ask(picker);
    expect(reply).toMatchObject({ type: 'immediate', response: { status: 503 } });
    await close(other);
  });

  it('429 with the reason for a sheddable request when all are saturated', async () => {
    const picker = await start([{ waiting: 50, kv: 0.95 }], { objects: objective('batch', -1) });
    const { exchange, reply } = await ask(picker, { headers: { 'x-gateway-inference-objective': 'batch' } });
    expect(reply).toMatchObject({ type: 'immediate', response: { status: 429 } });
    expect(setHeadersOf(reply)['x-llm-d-request-dropped-reason']).toBe('rejected-saturated');
    expect(reply.type === 'immediate' && reply.response.body).toMatch(/^inference error: ResourceExhausted - /);
    await close(exchange);
    const plain = await ask(picker);
    expect(chosen(picker, plain.reply)).toBe(0);
    await close(plain.exchange);
  });

  it('413 for a body beyond the limit', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }], { argv: ['--grpc-max-recv-msg-size', '4096'] });
    const exchange = picker.proxy.exchange();
    exchange.headers('request', head);
    for (let at = 0; at < 5; at += 1) exchange.body('request', 'x'.repeat(1000), false);
    expect(await exchange.next()).toMatchObject({ type: 'immediate', response: { status: 413 } });
  });

  it('a gRPC error, not an HTTP answer, for a message that cannot be read', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }], { argv: ['--grpc-max-recv-msg-size', '2048'] });
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ...head, long: 'x'.repeat(4096) });
    expect(await exchange.finish()).toMatchObject({ error: { code: GrpcStatus.RESOURCE_EXHAUSTED } });
  });
});

describe('models by another name', () => {
  it('a rewrite changes the body, its length and the labels', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }], { objects: rewrite });
    const { exchange, reply } = await ask(picker, { pieces: ['{ "prompt": 1.50,"model" : "a" }'] });
    expect(bodyOf(await exchange.next())).toBe('{ "prompt": 1.50,"model" : "b" }');
    expect(setHeadersOf(reply)['content-length']).toBe('32');
    await close(exchange);
    const labels = 'model_name="a",target_model_name="b",priority="0"';
    expect(await picker.metric(`inference_objective_request_total{${labels}}`)).toBe(1);
  });

  it('a header names the model without any objective', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const { exchange } = await ask(picker, { model: 'x', headers: { 'x-gateway-model-name-rewrite': 'forced' } });
    expect(JSON.parse(bodyOf(await exchange.next()))).toMatchObject({ model: 'forced' });
    await close(exchange);
    const labels = 'model_name="x",target_model_name="forced",priority="0"';
    expect(await picker.metric(`inference_objective_request_total{${labels}}`)).toBe(1);
  });

  it('the passthrough-parser forwards anything as it is; the objective still counts', async () => {
    const config = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}, {type: passthrough-parser}]
parser: {pluginRef: passthrough-parser}
`;
    const picker = await start(plainLoads, { config, objects: objective('important', 3) });
    const { exchange, reply } = await ask(picker, {
      pieces: ['\u0000not json'],
      headers: { 'x-gateway-inference-objective': 'important' },
    });
    expect(chosen(picker, reply)).toBe(1);
    expect(bodyOf(await exchange.next())).toBe('\u0000not json');
    await close(exchange);
    const labels = 'model_name="",target_model_name="",priority="3"';
    expect(await picker.metric(`inference_objective_request_total{${labels}}`)).toBe(1);
  });
});

describe('responses', () => {
  /** A picker and an exchange whose request (a, rewritten to b) has been answered. */
  async function answered() {
    const picker = await start([{ waiting: 0, kv: 0 }], { objects: rewrite });
    const { exchange, reply } = await ask(picker, { model: 'a' });
    await exchange.next();
    return { picker, exchange, reply };
  }
  const finished = 'inference_objective_request_duration_seconds_count{model_name="a",target_model_name="b"}';

  it.each([
    [
      'the end on the last piece',
      ['{"id":1,"mod', 'el":"b","usage":{"prompt_tokens":7,"completion_tokens":10}}'],
      false,
    ],
    [
      'an empty piece at the end',
      ['{"id":1,"model":"b",', '"usage":{"prompt_tokens":7,"completion_tokens":10}}'],
      true,
    ],
  ])('JSON in pieces comes back in one, with the name the client knows: %s', async (_, pieces, emptyLast) => {
    const { picker, exchange } = await answered();
    exchange.headers('response', { ':status': '200', 'content-type': 'application/json' });
    expect(await exchange.next()).toMatchObject({ type: 'headers', phase: 'response' });
    for (const [at, piece] of pieces.entries())
      exchange.body('response', piece, !emptyLast && at === pieces.length - 1);
    if (emptyLast) exchange.body('response', '', true);
    const reply = await exchange.next();
    expect(bodyOf(reply)).toBe('{"id":1,"model":"a","usage":{"prompt_tokens":7,"completion_tokens":10}}');
    expect(reply).toMatchObject({ phase: 'response', common: { body: { endOfStream: true } } });
    await close(exchange);
    expect(await picker.metric(finished)).toBe(1);
    expect(await picker.metric('inference_objective_input_tokens_sum{model_name="a",target_model_name="b"}')).toBe(7);
  });

  it('what says that it is JSON and is not passes unchanged', async () => {
    const { exchange } = await answered();
    exchange.headers('response', { ':status': '200', 'content-type': 'application/json' });
    exchange.body('response', 'no json', true);
    await exchange.next();
    expect(bodyOf(await exchange.next())).toBe('no json');
    await close(exchange);
  });

  it('events pass one by one with the name restored, and their usage is counted', async () => {
    const { picker, exchange } = await answered();
    exchange.headers('response', { ':status': '200', 'content-type': 'text/event-stream' });
    await exchange.next();
    const events = [
      'data: {"model":"b","choices":[{"text":"x"}],"usage":null}\n\n',
      'data: {"model": "b","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":10,"total_tokens":17}}\n\n',
      'data: [DONE]\n\n',
    ];
    const back: string[] = [];
    for (const [at, event] of events.entries()) {
      exchange.body('response', event, at === 2);
      const reply = await exchange.next();
      expect(reply).toMatchObject({ common: { body: { type: 'chunk', endOfStream: at === 2 } } });
      back.push(bodyOf(reply));
    }
    expect(back).toEqual(events.map((event) => event.replace('"b"', '"a"')));
    await close(exchange);
    expect(await picker.metric('inference_objective_input_tokens_sum{model_name="a",target_model_name="b"}')).toBe(7);
    expect(await picker.metric('inference_objective_output_tokens_sum{model_name="a",target_model_name="b"}')).toBe(10);
  });

  it('a body that trailers end is answered before them, without an end of its own', async () => {
    const { picker, exchange } = await answered();
    exchange.headers('response', { ':status': '200', 'content-type': 'application/json' });
    exchange.body('response', '{"model":"b"}', false);
    exchange.trailers('response');
    await exchange.next();
    expect(await exchange.next()).toMatchObject({ type: 'body', common: { body: { endOfStream: false } } });
    expect(await exchange.next()).toMatchObject({ type: 'trailers', phase: 'response' });
    await close(exchange);
    expect(await picker.metric(finished)).toBe(1);
  });

  it('errors of the model server are counted by :status', async () => {
    const { picker, exchange } = await answered();
    exchange.headers('response', { ':status': '500', 'content-type': 'text/plain' }, { endOfStream: true });
    await exchange.next();
    await close(exchange);
    const labels = 'model_name="a",target_model_name="b",error_code="ModelServerError"';
    expect(await picker.metric(`inference_objective_request_error_total{${labels}}`)).toBe(1);
  });

  it('a proxy that goes away ends the request exactly once', async () => {
    const { picker, exchange } = await answered();
    const running = 'inference_objective_running_requests{model_name="a"}';
    expect(await picker.metric(running)).toBe(1);
    exchange.cancel();
    await expect.poll(() => picker.metric(running)).toBe(0);
    const second = await ask(picker, { model: 'a' });
    expect(await picker.metric(running)).toBe(1);
    await close(second.exchange);
    await expect.poll(() => picker.metric(running)).toBe(0);
  });
});

describe('the worked exchange (epp.md 12.2)', () => {
  it('full duplex: headers are answered after the body, with header and metadata alike', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const [{ key } = { key: '' }] = picker.servers;
    const exchange = picker.proxy.exchange();
    exchange.headers('request', { ...head, ':path': '/v1/chat/completions' });
    exchange.body('request', '{"model":"m","messages":[]}', true);
    const reply = await exchange.next();
    expect(reply).toMatchObject({
      type: 'headers',
      phase: 'request',
      common: { clearRouteCache: true },
      dynamicMetadata: { 'envoy.lb': { [destination]: key } },
    });
    const set = setHeadersOf(reply);
    expect(set).toMatchObject({ [destination]: key, 'content-length': '27' });
    expect(set['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(set).some((name) => name.startsWith(':'))).toBe(false);
    expect(await exchange.next()).toMatchObject({
      type: 'body',
      phase: 'request',
      common: { body: { type: 'chunk', body: Buffer.from('{"model":"m","messages":[]}'), endOfStream: true } },
    });
    const served = { 'envoy.lb': { 'x-gateway-destination-endpoint-served': key } };
    exchange.headers('response', { ':status': '200', 'content-type': 'text/event-stream' }, { metadata: served });
    expect(await exchange.next()).toMatchObject({ type: 'headers', phase: 'response' });
    exchange.body('response', 'data: 1\n\n', false);
    expect(bodyOf(await exchange.next())).toBe('data: 1\n\n');
    exchange.body('response', '', true);
    expect(await exchange.next()).toMatchObject({ common: { body: { type: 'chunk', endOfStream: true } } });
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
  });

  it('buffered: headers are answered at once, everything else with the body', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }], { objects: rewrite });
    const [{ key } = { key: '' }] = picker.servers;
    const exchange = picker.proxy.exchange({ requestBodyMode: 'BUFFERED', responseBodyMode: 'BUFFERED' });
    exchange.headers('request', head);
    const first = await exchange.next();
    expect(first).toMatchObject({ type: 'headers', phase: 'request' });
    expect(setHeadersOf(first)).toEqual({});
    exchange.body('request', '{"model":"a","prompt":"x"}', true);
    const reply = await exchange.next();
    expect(reply).toMatchObject({
      type: 'body',
      phase: 'request',
      common: { clearRouteCache: true, body: { type: 'replace' } },
      dynamicMetadata: { 'envoy.lb': { [destination]: key } },
    });
    expect(bodyOf(reply)).toBe('{"model":"b","prompt":"x"}');
    expect(setHeadersOf(reply)).toMatchObject({ [destination]: key, 'content-length': '26' });
    exchange.headers('response', { ':status': '200', 'content-type': 'application/json' });
    await exchange.next();
    exchange.body('response', '{"model":"b"}', true);
    const back = await exchange.next();
    expect(bodyOf(back)).toBe('{"model":"a"}');
    expect(setHeadersOf(back)['content-length']).toBe('13');
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
  });

  it('streamed or no body: only headers steer the pick, and every message gets its answer', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const exchange = picker.proxy.exchange({ requestBodyMode: 'STREAMED', responseBodyMode: 'STREAMED' });
    exchange.headers('request', head);
    expect(chosen(picker, await exchange.next())).toBe(0);
    exchange.body('request', '{"mod', false);
    exchange.body('request', 'el":"m"}', true);
    for (let at = 0; at < 2; at += 1) {
      expect(await exchange.next()).toMatchObject({ type: 'body', phase: 'request' });
    }
    exchange.headers('response', { ':status': '200', 'content-type': 'application/json' });
    exchange.body('response', '{}', true);
    await exchange.next();
    const last = await exchange.next();
    expect(last).toMatchObject({ type: 'body', phase: 'response' });
    expect(bodyOf(last)).toBe('');
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
  });

  it('a request that trailers end: headers, body, trailers in this order', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const exchange = picker.proxy.exchange();
    exchange.headers('request', head);
    exchange.body('request', '{"model":"m"}', false);
    exchange.trailers('request');
    const [first, second, third] = [await exchange.next(), await exchange.next(), await exchange.next()];
    expect(first).toMatchObject({ type: 'headers' });
    expect(setHeadersOf(first)['content-length']).toBeUndefined();
    expect(second).toMatchObject({ type: 'body', common: { body: { endOfStream: false } } });
    expect(third).toMatchObject({ type: 'trailers', phase: 'request' });
    await close(exchange);
  });
});

describe('the pool file', () => {
  it('is followed as it changes; a broken one is reported and the last good one stays', async () => {
    const picker = await start([{ waiting: 0, kv: 0 }]);
    const ready = 'inference_pool_ready_pods{name="pool"}';
    await picker.writePool('endpoints: [{address: 127.0.0.1, port: 0}]');
    await expect.poll(picker.logged).toContain('endpoints.0.port');
    expect(await picker.metric(ready)).toBe(1);
    await picker.writePool('endpoints: []');
    await expect.poll(() => picker.metric(ready)).toBe(0);
  });

  it.each([
    ['since v0.9', '{endpoints: {pluginRef: files}}', true],
    ['before', '{pluginRef: files}', false],
  ])(
    'can be named by the configuration (file-discovery), %s; it is followed where that is asked for',
    async (_, discovery, watchFile) => {
      const { servers } = await start(plainLoads);
      const directory = await mkdtemp(join(tmpdir(), 'headgate-discovery-'));
      closers.push(() => rm(directory, { recursive: true }));
      const path = join(directory, 'endpoints.yaml');
      const port = String(servers[0]?.port);
      await writeFile(path, `endpoints: [{name: a, namespace: b, address: 127.0.0.1, port: "${port}"}]`);
      const config = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}, {name: files, type: file-discovery, parameters: {path: ${path}, watchFile: ${String(watchFile)}}}]
dataLayer: {discovery: ${discovery}}
`;
      const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--secure-serving=false'];
      const epp = await startEpp(['--pool-name', 'p', '--config-text', config, ...ports], {
        serveMetrics,
        env: {},
        log: createLog({ level: 'silent' }),
      });
      closers.push(() => epp.close());
      const ready = async (): Promise<string | undefined> =>
        /^inference_pool_ready_pods\{name="p"\} (\d+)$/m.exec(
          await (await fetch(`http://127.0.0.1:${String(epp.ports.metrics)}/metrics`)).text(),
        )?.[1];
      expect(await ready()).toBe('1');
      await writeFile(path, 'endpoints: []');
      if (watchFile) await expect.poll(ready, { timeout: 30_000 }).toBe('0');
    },
  );
});
