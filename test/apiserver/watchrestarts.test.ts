import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KubeConfig, makeInformer, CoreV1Api, type V1ConfigMap } from '@kubernetes/client-node';
import fc from 'fast-check';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ConfigMap } from '../../src/kinds/core/index.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { InformerCache } from '../../src/kube/informer.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { hasKubectl, skipMessage } from '../e2e/kubectl.ts';

/**
 * Random writes, restarts and kills, with a history so short that some watches resume and some must list again. In the end every
 * client holds what a list shows. HEADGATE_SOAK=20 runs twenty plans of 400 steps instead of one of 60.
 */
const plans = Number(process.env['HEADGATE_SOAK'] ?? '1');
const soaking = plans > 1;
const steps = soaking ? 400 : 60;
/** Small enough for a burst during a restart to fall out of it, large enough for a quiet one to resume. */
const historyEvents = 40;
const names = 12;

interface ServerProcess {
  url: string;
  caCertificate: string;
  token: string;
  kubeconfig: string;
  child: ChildProcess;
  exited: Promise<unknown>;
}

let dataDir: string;
let server: ServerProcess;
let agent: Agent;

async function start(): Promise<ServerProcess> {
  const script = join(import.meta.dirname, 'serverprocess.ts');
  const child = spawn(process.execPath, [script, dataDir, String(historyEvents)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // What one start has compiled, the next one loads.
    env: { ...process.env, NODE_COMPILE_CACHE: join(dataDir, 'compile-cache') },
  });
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    return { ...(JSON.parse(line) as Omit<ServerProcess, 'child' | 'exited'>), child, exited };
  }
  throw new Error('the API did not start');
}

async function restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  server.child.kill(signal);
  await server.exited;
  server = await start();
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'headgate-restarts-'));
  server = await start();
  agent = new Agent({ connect: { ca: server.caCertificate } });
});
afterAll(async () => {
  await agent.destroy();
  server.child.kill('SIGKILL');
  await server.exited;
  await rm(dataDir, { recursive: true, force: true });
});

type Step =
  | { do: 'put'; name: number; value: number }
  | { do: 'delete'; name: number }
  | { do: 'burst'; count: number }
  | { do: 'SIGTERM' }
  | { do: 'SIGKILL' };

const name = fc.nat(names - 1);
const write: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put'), name, value: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('burst'), count: fc.integer({ min: 10, max: 120 }) }) },
);
/** Two restarts in the bounded run: each costs seconds. */
const plan: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(write, { minLength: steps, maxLength: steps }),
    fc.array(fc.nat(steps - 1), { minLength: 2, maxLength: 2 }),
  )
  .map(([writes, [kill = 0, stop = 0]]) => {
    const all: Step[] = [...writes];
    all.splice(kill, 0, { do: 'SIGKILL' });
    all.splice(stop, 0, { do: 'SIGTERM' });
    return all;
  });

const collection = '/api/v1/namespaces/default/configmaps';

async function send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<number> {
  const response = await agent.request({
    origin: server.url,
    method,
    path,
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  await response.body.dump();
  return response.statusCode;
}

async function put(index: number, value: string): Promise<void> {
  const metadata = { name: `object-${index}`, labels: { test: 'restarts' } };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
  if ((await send('PUT', `${collection}/object-${index}`, body)) === 404) await send('POST', collection, body);
}

async function perform(step: Step): Promise<void> {
  switch (step.do) {
    case 'put':
      await put(step.name, String(step.value));
      return;
    case 'delete':
      await send('DELETE', `${collection}/object-${step.name}`);
      return;
    case 'burst':
      for (let index = 0; index < step.count; index += 1) await put(index % names, `burst-${index}`);
      return;
    case 'SIGTERM':
    case 'SIGKILL':
      await restart(step.do);
  }
}

type Versions = Record<string, string | undefined>;

/** What a client has been told, event by event: the version last seen of each object that is not deleted. */
function record(
  seen: Versions,
  object: { metadata?: { name?: string | undefined; resourceVersion?: string | undefined } | undefined },
  deleted: boolean,
) {
  const key = object.metadata?.name ?? '';
  if (deleted) delete seen[key];
  else seen[key] = object.metadata?.resourceVersion;
}

async function listed(client: KubeClient): Promise<Versions> {
  const { items } = await client.list(ConfigMap, { namespace: 'default' });
  return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

function startOwnInformer(cache: InformerCache): { seen: Versions; held: () => Versions } {
  const seen: Versions = {};
  const informer = cache.informer(ConfigMap);
  informer.onChange(({ object, deleted }) => {
    if (object.metadata.namespace === 'default') record(seen, object, deleted);
  });
  const held = (): Versions =>
    Object.fromEntries(informer.list('default').map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  return { seen, held };
}

/** As its documentation says: whoever uses it starts it again after an error. */
async function startClientNodeInformer(kubeconfig: string): Promise<{ seen: Versions; stop: () => Promise<void> }> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const seen: Versions = {};
  const informer = makeInformer<V1ConfigMap>(config, collection, () =>
    core.listNamespacedConfigMap({ namespace: 'default' }),
  );
  let stopped = false;
  const begin = (): void => {
    if (stopped) return;
    informer.start().catch(() => {
      setTimeout(begin, 100);
    });
  };
  informer.on('add', (object) => {
    record(seen, object, false);
  });
  informer.on('update', (object) => {
    record(seen, object, false);
  });
  informer.on('delete', (object) => {
    record(seen, object, true);
  });
  informer.on('error', () => {
    setTimeout(begin, 100);
  });
  begin();
  return {
    seen,
    stop: async () => {
      stopped = true;
      await informer.stop();
    },
  };
}

test(
  'informers hold what a list shows after random writes, restarts, kills and compaction',
  async () => {
    const log = createLog({ level: 'silent' });
    const { url, caCertificate, token, kubeconfig } = server;
    await fc.assert(
      fc.asyncProperty(plan, async (planned) => {
        const client = createKubeClient({ server: url, credentials: fixedCredentials({ ca: caCertificate, token }) });
        const cache = createInformerCache(client, log);
        const own = startOwnInformer(cache);
        const other = await startClientNodeInformer(kubeconfig);
        try {
          await cache.synced();
          for (const step of planned) await perform(step);
          const expected = await listed(client);
          await vi.waitFor(
            () => {
              expect(own.held()).toEqual(expected);
              expect(own.seen).toEqual(expected);
              expect(other.seen).toEqual(expected);
            },
            { timeout: 20_000, interval: 50 },
          );
        } finally {
          await other.stop();
          await cache.stop();
          await client.close();
        }
      }),
      { numRuns: plans, endOnFailure: true },
    );
  },
  soaking ? plans * 120_000 : 60_000,
);

const kubectlTitle = `kubectl, a client-go program, sees every change of a watch, and waits, across a kill (${hasKubectl ? 'with kubectl' : skipMessage})`;
test.skipIf(!hasKubectl)(
  kubectlTitle,
  async () => {
    const kubeconfig = join(dataDir, 'kubeconfig');
    await writeFile(kubeconfig, server.kubeconfig, { mode: 0o600 });
    const kubectl = (args: readonly string[]) => {
      const child = spawn('kubectl', ['--kubeconfig', kubeconfig, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      return { child, exited: once(child, 'exit') };
    };
    await put(1, 'before');
    const path = `{.metadata.name}={.data.value}{"\\n"}`;
    const watching = kubectl(['get', 'configmaps', '-l', 'test=restarts', '-w', '-o', `jsonpath=${path}`]);
    const waiting = kubectl(['wait', 'configmap/object-1', '--for=jsonpath={.data.value}=done', '--timeout=50s']);
    const lines: string[] = [];
    createInterface({ input: watching.child.stdout }).on('line', (line) => lines.push(line));
    try {
      await vi.waitFor(() => {
        expect(lines).toContain('object-1=before');
      }, 20_000);
      for (let index = 0; index < 30; index += 1) await put(1, `count-${index}`);
      await vi.waitFor(() => {
        const counted = lines.filter((line) => line.startsWith('object-1=count-'));
        expect(counted).toEqual(Array.from({ length: 30 }, (_, index) => `object-1=count-${index}`));
      }, 20_000);
      await restart('SIGKILL');
      await put(1, 'done');
      const [code] = (await waiting.exited) as [number | null];
      expect(code).toBe(0);
    } finally {
      watching.child.kill('SIGKILL');
      waiting.child.kill('SIGKILL');
      await Promise.all([watching.exited, waiting.exited]);
    }
  },
  60_000,
);
