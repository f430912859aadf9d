import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { envoySkipMessage, findEnvoy, startEnvoy, type Envoy } from './envoyproxy.ts';
import { startPickerProcess, type PickerProcess } from './pickerprocess.ts';

const binary = findEnvoy();
const log = createLog({ level: 'silent' });
const example = new URL('../../examples/envoy/endpoints.yaml', import.meta.url);

/** A rewrite, so that a body really changes on its way. */
const rewrite = `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: nickname}
spec:
  poolRef: {name: example}
  rules:
  - matches: [{model: {value: nickname}}]
    targets: [{modelRewrite: example-model}]
`;

describe.skipIf(binary === undefined)(
  `a real Envoy asks our picker (${binary === undefined ? envoySkipMessage : 'with examples/envoy'})`,
  () => {
    const closers: (() => Promise<unknown>)[] = [];
    let directory = '';
    let picker: PickerProcess;
    let envoy: Envoy;
    let ports: [number, number, number];
    /** Ports of servers that report full queues and caches. */
    let busy: number[] = [];

    const startServer = async (name: string, ...flags: string[]): Promise<number> => {
      const argv = ['--model', 'example-model', '--port', '0', '--max-model-len', '1000000', ...flags];
      const server = await startSimulator(argv, { env: { POD_NAME: name }, log });
      closers.push(() => server.close());
      return Number(new URL(server.url).port);
    };
    const fake = (waiting: number, kv: number): string[] => [
      '--fake-metrics',
      JSON.stringify({ 'running-requests': 1, 'waiting-requests': waiting, 'kv-cache-usage': kv }),
    ];
    /** Writes the example's pool with other ports, and waits until the picker has scraped each of them. */
    const usePool = async (servers: readonly number[]): Promise<void> => {
      const [, objective = ''] = (await readFile(example, 'utf8')).split('---\n');
      const endpoints = servers.map((port) => `- {address: 127.0.0.1, port: ${String(port)}}\n`).join('');
      await writeFile(path.join(directory, 'endpoints.yaml'), `endpoints:\n${endpoints}---\n${objective}${rewrite}`);
    };

    /** Waits until the picker's metrics have this in them. */
    const shows = (text: string): Promise<void> =>
      vi.waitFor(async () => expect(await picker.metrics()).toContain(text), { timeout: 15_000, interval: 50 });

    beforeAll(async () => {
      directory = await mkdtemp(path.join(tmpdir(), 'headgate-envoy-pool-'));
      ports = [
        await startServer('server-1', ...fake(9, 0.5)),
        await startServer(
          'server-2',
          ...fake(0, 0.1),
          '--time-to-first-token',
          '50ms',
          '--inter-token-latency',
          '30ms',
        ),
        await startServer('server-3', ...fake(9, 0.5)),
      ];
      busy = [await startServer('busy-1', ...fake(50, 0.95)), await startServer('busy-2', ...fake(50, 0.95))];
      await usePool(ports);
      picker = await startPickerProcess(path.join(directory, 'endpoints.yaml'));
      const servers = ports.map((port) => `127.0.0.1:${String(port)}`);
      envoy = await startEnvoy(binary ?? '', { picker: picker.ports.grpc, servers });
      await shows(`model_server_pod="127.0.0.1:${String(ports[0])}"} 9`);
    });

    afterAll(async () => {
      await envoy.stop();
      await picker.kill('SIGTERM');
      await Promise.all(closers.map((close) => close()));
      await rm(directory, { recursive: true });
    });

    const modes = [['duplex'], ['buffered']] as const;
    const complete = (mode: 'duplex' | 'buffered', body: object, headers: Record<string, string> = {}) =>
      fetch(`${envoy[mode]}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ model: 'example-model', prompt: 'hello', max_tokens: 5, ...body }),
      });

    it.each(modes)('%s: the request goes to the endpoint with the shortest queue', async (mode) => {
      for (let count = 0; count < 5; count += 1) {
        const response = await complete(mode, {});
        expect(response.status).toBe(200);
        expect(response.headers.get('x-inference-pod')).toBe('server-2');
        expect(await response.json()).toMatchObject({ model: 'example-model', usage: { completion_tokens: 5 } });
      }
    });

    it.each(modes)('%s: a client cannot name the endpoint itself', async (mode) => {
      const response = await complete(mode, {}, { 'x-gateway-destination-endpoint': `127.0.0.1:${String(ports[0])}` });
      expect(response.headers.get('x-inference-pod')).toBe('server-2');
      await response.arrayBuffer();
    });

    it.each(modes)('%s: a prompt of 300 KB arrives whole, and under its real model name', async (mode) => {
      const words = 'lorem ipsum '.repeat(25_000);
      const response = await complete(mode, { model: 'nickname', prompt: words });
      expect(response.status).toBe(200);
      const answer = (await response.json()) as { model: string; usage: { prompt_tokens: number } };
      expect(answer.model).toBe('nickname');
      expect(answer.usage.prompt_tokens).toBeGreaterThan(10_000);
    });

    it.each(modes)('%s: an answer is streamed as it is made', async (mode) => {
      const client = new OpenAI({ baseURL: `${envoy[mode]}/v1`, apiKey: 'none', maxRetries: 0 });
      const stream = await client.chat.completions.create({
        model: 'nickname',
        messages: [{ role: 'user', content: 'count' }],
        max_tokens: 10,
        stream: true,
        stream_options: { include_usage: true },
      });
      const times: number[] = [];
      let usage: number | undefined;
      for await (const event of stream) {
        expect(event.model).toBe('nickname');
        times.push(performance.now());
        usage = event.usage?.completion_tokens ?? usage;
      }
      expect(usage).toBeGreaterThan(0);
      // Ten tokens with 30 ms between them: had they been held back, they would all have come at once.
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(100);
    });

    it.each(modes)('%s: requests without a body, and bad ones', async (mode) => {
      const models = await fetch(`${envoy[mode]}/v1/models`);
      expect(models.status).toBe(200);
      expect(await models.json()).toMatchObject({ data: [{ id: 'example-model' }] });
      const bad = await fetch(`${envoy[mode]}/v1/completions`, { method: 'POST', body: '{"prompt":"x"}' });
      expect(bad.status).toBe(400);
      expect(await bad.text()).toBe('inference error: BadRequest - model not found in request body');
    });

    it('many clients that give up leave nothing running, and the connection to the picker lives', async () => {
      const body = JSON.stringify({ model: 'example-model', prompt: 'x', max_tokens: 500, stream: true });
      await Promise.all(Array.from({ length: 200 }, () => giveUp(`${envoy.duplex}/v1/completions`, body)));
      const running = 'inference_objective_running_requests{model_name="example-model"} 0';
      await shows(running);
      expect((await complete('duplex', {})).status).toBe(200);
      expect(picker.output()).not.toContain('"level":50');
    });

    it.each(modes)('%s: sheddable requests get 429 while all endpoints are saturated, others go on', async (mode) => {
      await usePool(busy);
      const key = `127.0.0.1:${String(busy[0])}`;
      await shows(`model_server_pod="${key}"} 50`);
      const shed = await complete(mode, {}, { 'x-gateway-inference-objective': 'batch' });
      expect(shed.status).toBe(429);
      expect(shed.headers.get('x-llm-d-request-dropped-reason')).toBe('rejected-saturated');
      expect(await shed.text()).toMatch(/^inference error: ResourceExhausted - /);
      const normal = await complete(mode, {});
      expect(normal.status).toBe(200);
      expect(normal.headers.get('x-inference-pod')).toMatch(/^busy-/);
      await normal.arrayBuffer();
    });

    it('without endpoints: 503', async () => {
      await writeFile(path.join(directory, 'endpoints.yaml'), 'endpoints: []');
      await shows('inference_pool_ready_pods{name="example"} 0');
      expect((await complete('duplex', {})).status).toBe(503);
    });

    it('a killed picker: FailClose fails, FailOpen goes to any endpoint', async () => {
      await picker.kill('SIGKILL');
      const closed = await complete('duplex', {});
      expect(closed.status).toBeGreaterThanOrEqual(500);
      const pods = new Set<string | null>();
      for (let count = 0; count < 6; count += 1) {
        const open = await complete('buffered', {});
        expect(open.status).toBe(200);
        pods.add(open.headers.get('x-inference-pod'));
        await open.arrayBuffer();
      }
      expect(pods.size).toBe(3);
    });
  },
);

/** Sends a request and leaves at the first byte of its answer. */
function giveUp(url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
      response.once('data', () => {
        call.destroy();
      });
      response.on('error', () => undefined);
      response.on('close', resolve);
    });
    call.on('error', (error) => {
      if (call.destroyed) resolve();
      else reject(error);
    });
    call.end(body);
  });
}
