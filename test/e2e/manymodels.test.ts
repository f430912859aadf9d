import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
import { Pod } from '../../src/kinds/core/pod.ts';
import { Gateway } from '../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../src/kinds/gateway/httproute.ts';
import { InferencePool } from '../../src/kinds/inference/inferencepool.ts';
import { apiVersionOf } from '../../src/kinds/kind.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { clientOf } from './client.ts';
import { startHeadgate, until, type Headgate } from './headgate.ts';

/**
 * 300 models on one Gateway. Their servers, which would need some 60 MB each, are one HTTP server of this test on an address for
 * each: provider, Pods and answers are played, all between the API and the gateway's sockets is real.
 */

const count = 300;
const requests = 3_000;
const inFlight = 16;

const modelName = (i: number): string => `org-${i % 7}/model-${i}`;
const addressOf = (i: number): string => `127.77.${1 + Math.floor(i / 200)}.${1 + (i % 200)}`;
const at = (i: number) => ({ namespace: 'default', name: `model-${i}` });

let headgate: Headgate;
let client: KubeClient;
let models: Server;
let url = '';

beforeAll(async () => {
  models = createServer((request, response) => {
    request.resume().on('end', () => {
      // A server knows its model by the address at which it was asked.
      const body = { object: 'chat.completion', answered: request.socket.localAddress };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => models.listen(0, '0.0.0.0', resolve));
  headgate = await startHeadgate();
  client = clientOf(headgate.kubeconfig);
  await client.create(Gateway, {
    apiVersion: apiVersionOf(Gateway),
    kind: Gateway.kind,
    metadata: { namespace: 'default', name: 'all' },
    spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
  });
  await eachOf(count, deploy);
  url = await headgate.gatewayUrl('all');
}, 300_000);

afterAll(async () => {
  await client.close();
  expect(await headgate.stop()).toBe(0);
  models.closeAllConnections();
  models.close();
});

it('makes all of them ready', async () => {
  const open = new Set(Array.from({ length: count }, (_, i) => `model-${i}`));
  await until(
    async () => {
      for (const { metadata, status } of (await client.list(ModelDeployment, {})).items) {
        const ready = status?.conditions?.find(({ type }) => type === 'GatewayReady');
        if (ready?.status === 'True') open.delete(metadata.name);
      }
      return open.size === 0;
    },
    () => `not ready: ${[...open].join(', ')}`,
    180_000,
  );
  const [pools, routes] = await Promise.all([client.list(InferencePool, {}), client.list(HTTPRoute, {})]);
  expect([pools.items.length, routes.items.length]).toEqual([count, count]);
}, 240_000);

it('has the right one answer each of 3,000 random requests', async () => {
  await until(
    async () => (await listed()) === count,
    () => 'the Gateway does not list all models',
    60_000,
  );
  const random = generator(4);
  const wrong: string[] = [];
  await eachOf(requests, async () => {
    const i = Math.floor(random() * count);
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: modelName(i), messages: [{ role: 'user', content: 'Hi' }] }),
    });
    const text = await response.text();
    const right = response.status === 200 && (JSON.parse(text) as { answered: string }).answered === addressOf(i);
    if (!right) wrong.push(`${modelName(i)}: ${response.status} ${text}`);
  });
  expect(wrong).toEqual([]);
}, 240_000);

it('removes what belongs to those that are deleted, and goes on answering for the others', async () => {
  const deleted = Array.from({ length: count / 2 }, (_, i) => i * 2);
  await eachOf(deleted.length, (n) => client.delete(ModelDeployment, at(deleted[n] ?? 0)).then(() => undefined));
  await until(
    async () => {
      const [pools, routes] = await Promise.all([client.list(InferencePool, {}), client.list(HTTPRoute, {})]);
      return pools.items.length === count / 2 && routes.items.length === count / 2;
    },
    () => 'pools and routes of deleted deployments are still there',
    120_000,
  );
  await until(
    async () => (await listed()) === count / 2,
    () => 'the Gateway still lists deleted models',
    60_000,
  );
  for (const i of [1, 151, 299]) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: modelName(i), messages: [] }),
    });
    expect(await response.json()).toMatchObject({ answered: addressOf(i) });
  }
}, 240_000);

async function deploy(i: number): Promise<void> {
  const { port } = models.address() as AddressInfo;
  await client.create(ModelDeployment, {
    apiVersion: apiVersionOf(ModelDeployment),
    kind: ModelDeployment.kind,
    metadata: at(i),
    spec: { model: { id: modelName(i) }, engine: { type: 'vllm' }, provider: { name: 'played' } },
  });
  await client.create(Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...at(i), labels: { 'kubeairunway.ai/model-deployment': at(i).name } },
    // Of a node that is not the embedded one, which leaves it alone.
    spec: { nodeName: 'played', containers: [{ name: 'server', image: 'played' }] },
  });
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
  const pod = { phase: 'Running', podIP: addressOf(i), podIPs: [{ ip: addressOf(i) }], conditions };
  await client.patch(Pod, at(i), { type: 'merge', subresource: 'status', body: { status: pod } });
  const running = { phase: 'Running', endpoint: { port } };
  await client.patch(ModelDeployment, at(i), { type: 'merge', subresource: 'status', body: { status: running } });
}

async function listed(): Promise<number> {
  const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: unknown[] };
  return list.data.length;
}

/** So many at a time. */
async function eachOf(times: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < times) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

/** Repeatable numbers from 0 to 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
