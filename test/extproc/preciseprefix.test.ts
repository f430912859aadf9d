/** The precise prefix scorer at work: simulators publish their caches, the picker asks them for token ids, over real sockets (epp.md 5.6). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { startEpp } from '../../src/extproc/epp.ts';
import { startSimulator, type Simulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { connectProxy, setHeadersOf, type Proxy } from './proxy.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const configOf = (kvPort: number, producer = ''): string => `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: precise-prefix-cache-scorer
  parameters:
    tokenProcessorConfig: {blockSize: 4}
    kvEventsConfig: {podDiscoveryConfig: {socketPort: ${String(kvPort)}}}
${producer}schedulingProfiles:
- name: default
  plugins: [{pluginRef: precise-prefix-cache-scorer}]
`;

interface Fleet {
  simulators: readonly Simulator[];
  kvPort: number;
}

/** Model servers as pods are: each with an address of its own, and their KV events at the same port of it. */
async function startFleet(count: number, ...flags: string[]): Promise<Fleet> {
  const attempt = async (): Promise<Fleet> => {
    const kvPort = 20_000 + Math.floor(Math.random() * 20_000);
    const simulators: Simulator[] = [];
    const config = JSON.stringify({ enable_kv_cache_events: true, endpoint: `tcp://*:${String(kvPort)}` });
    const argv = ['--model', 'm', '--port', '0', '--block-size', '4', '--event-batch-size', '1', ...flags];
    try {
      for (let at = 1; at <= count; at += 1) {
        const host = `127.0.7.${String(at)}`;
        simulators.push(await startSimulator([...argv, '--kv-events-config', config], { env: {}, host, log }));
      }
    } catch (error) {
      await Promise.all(simulators.map((simulator) => simulator.close()));
      throw error;
    }
    return { simulators, kvPort };
  };
  const fleet = await vi.waitFor(attempt, { timeout: 30_000 });
  for (const simulator of fleet.simulators) closers.push(() => simulator.close());
  return fleet;
}

async function startPicker({ simulators }: Fleet, config: string): Promise<Proxy> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-precise-'));
  closers.push(() => rm(directory, { recursive: true }));
  const file = join(directory, 'pool.yaml');
  const endpoints = simulators.map(({ url }) => new URL(url));
  await writeFile(
    file,
    `endpoints:\n${endpoints.map(({ hostname, port }) => `- {address: ${hostname}, port: ${port}}`).join('\n')}\n`,
  );
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--drain-timeout', '100ms'];
  const epp = await startEpp(
    ['--pool-name', 'p', '--endpoints-file', file, '--secure-serving=false', '--config-text', config, ...ports],
    { serveMetrics, env: {}, log },
  );
  closers.push(() => epp.close());
  const proxy = connectProxy(epp.url);
  closers.push(() => {
    proxy.close();
  });
  return proxy;
}

const chat = (text: string) => ({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: text }] });
const post = (simulator: Simulator | undefined, body: object) =>
  fetch(`${simulator?.url ?? ''}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });

async function pick(proxy: Proxy, body: object): Promise<string | undefined> {
  const exchange = proxy.exchange();
  exchange.headers('request', { ':method': 'POST', ':path': '/v1/chat/completions' });
  exchange.body('request', JSON.stringify(body), true);
  const reply = await exchange.next();
  await exchange.finish();
  return setHeadersOf(reply)['x-gateway-destination-endpoint'];
}

const hostOf = (simulator: Simulator | undefined): string => new URL(simulator?.url ?? '').host;
const patient = { timeout: 60_000, interval: 50 };

/** Whether a prompt goes there always: by chance that is next to impossible. */
async function allGoTo(proxy: Proxy, simulator: Simulator | undefined, prompt: object): Promise<boolean> {
  for (let at = 0; at < 20; at += 1) if ((await pick(proxy, prompt)) !== hostOf(simulator)) return false;
  return true;
}

/** Prompts go straight to one server until its events are heard: then all of these go there. */
async function learned(proxy: Proxy, simulator: Simulator | undefined, name: string): Promise<void> {
  let round = 0;
  await vi.waitUntil(async () => {
    round += 1;
    const prompt = chat(`${name} round ${String(round)} the quick brown fox jumps over the lazy dog`);
    await post(simulator, prompt);
    return allGoTo(proxy, simulator, prompt);
  }, patient);
}

describe('headgate epp with precise-prefix-cache-scorer', () => {
  it('sends a prompt to whichever server says that it has it cached', async () => {
    const fleet = await startFleet(3);
    const proxy = await startPicker(fleet, configOf(fleet.kvPort));
    for (const [at, simulator] of fleet.simulators.entries()) await learned(proxy, simulator, `server ${String(at)}`);
  });

  it('asks the render server that it is told, and decides without token ids when that is silent', async () => {
    const fleet = await startFleet(2);
    const silent = await startSimulator(
      ['--model', 'm', '--port', '0', '--failure-injection-rate', '100', '--failure-types', 'hang'],
      { env: {}, log },
    );
    closers.push(() => silent.close());
    const producer = (url: string) =>
      `- {type: token-producer, parameters: {modelName: m, timeout: 100ms, vllm: {http: "${url}"}}}\n`;
    const deaf = await startPicker(fleet, configOf(fleet.kvPort, producer(silent.url)));
    const picked = await pick(deaf, chat('whatever it is'));
    expect(fleet.simulators.map(hostOf)).toContain(picked);
    const working = await startPicker(fleet, configOf(fleet.kvPort, producer(fleet.simulators[0]?.url ?? '')));
    await learned(working, fleet.simulators[1], 'told');
  });

  it('forgets what a server says that it has removed', async () => {
    const fleet = await startFleet(2, '--kv-cache-size', '40');
    const proxy = await startPicker(fleet, configOf(fleet.kvPort));
    const [first] = fleet.simulators;
    await learned(proxy, first, 'kept');
    const prompt = chat('to be evicted: one two three four five six seven eight nine ten eleven');
    await post(first, prompt);
    await vi.waitUntil(() => allGoTo(proxy, first, prompt), patient);
    // Its cache has room for 40 blocks: others push the prompt out, and BlockRemoved says so.
    for (let at = 0; at < 12; at += 1) await post(first, chat(`other ${String(at)} ${'long text '.repeat(10)}`));
    await vi.waitUntil(async () => !(await allGoTo(proxy, first, prompt)), patient);
  });
});
