import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { ReplicaSet } from '../../src/kinds/apps/replicaset.ts';
import { Job } from '../../src/kinds/batch/job.ts';
import { ConfigMap } from '../../src/kinds/core/configmap.ts';
import { Event } from '../../src/kinds/core/event.ts';
import { Node } from '../../src/kinds/core/node.ts';
import { isPodReady, Pod } from '../../src/kinds/core/pod.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { EndpointSlice } from '../../src/kinds/discovery/endpointslice.ts';
import { startApiServer, type ApiServer } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { createCatalog } from '../../src/local/catalog.ts';
import { revisionOf } from '../../src/local/deploymentplan.ts';
import { reportStoppedPods } from '../../src/local/stoppedpods.ts';
import { claimNetwork, type LoopbackNetwork } from '../../src/local/network.ts';
import { nodeName, startNode, type LocalNode } from '../../src/local/node.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** The whole node on the embedded API: objects in, real processes out. */

const log = createLog({ level: 'silent' });
/** A server on the address and port it is told; its answers say which Pod it is, its log what it was asked. */
const program = `
const http = require('node:http');
const fs = require('node:fs');
const file = process.env.FILE;
http.createServer((q, s) => {
  console.log('asked ' + q.url);
  if (q.url === '/crash') process.exit(9);
  if (q.url === '/file') return s.end(fs.readFileSync(file));
  s.statusCode = q.url === '/sick' ? 500 : 200;
  s.end(process.env.HOSTNAME);
}).listen(+process.env.PORT, process.env.HEADGATE_LISTEN_ADDRESS, () => console.log('listening'));
`;

let directory: string;
let network: LoopbackNetwork;
let server: ApiServer;
let api: KubeClient;
let node: LocalNode | undefined;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-node-'));
  network = await claimNetwork({ dataDir: directory, lockPort: 10297, blocks: [140, 199] });
  server = await startApiServer({
    dataDir: join(directory, 'api'),
    kinds: allKinds,
    log,
    serviceAddresses: network.services,
  });
  api = createKubeClient({
    server: server.url,
    credentials: fixedCredentials({ ca: server.caCertificate, token: server.token }),
  });
  await start();
});
afterEach(async () => {
  await stop();
  await api.close();
  await server.close();
  await network.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: { leaveMs?: number } = {}): Promise<void> {
  await writeFile(join(directory, 'server.cjs'), program);
  const command = [process.execPath, join(directory, 'server.cjs')];
  const script = [process.execPath, '-e'];
  const informers = createInformerCache(api, log);
  node = await startNode({
    client: api,
    informers,
    dataDir: directory,
    network,
    catalog: createCatalog([
      { images: ['example.com/server'], program: { command, args: 'append', env: {} } },
      { images: ['example.com/script'], program: { command: script, args: 'append', env: {} } },
    ]),
    entry: { execPath: process.execPath, args: [] },
    log,
    backOff: { restart: { firstMs: 50, lastMs: 200, resetMs: 60_000 }, job: { firstMs: 50, lastMs: 200 } },
    leaveMs: 0,
    ...options,
  });
  stops.push(
    () => informers.stop(),
    () => node?.stop() ?? Promise.resolve(),
  );
}

async function stop(): Promise<void> {
  for (const one of stops.splice(0).toReversed()) await one();
}

const readiness = { httpGet: { path: '/health', port: 'http' }, periodSeconds: 1 };

function serverContainer(fields: Partial<Container> = {}): Container {
  return {
    name: 'main',
    image: 'example.com/server:1',
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: readiness,
    ...fields,
  };
}

function deployment(name: string, replicas: number, container: Container, spec: Partial<PodSpec> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [container], terminationGracePeriodSeconds: 130, ...spec },
      },
    },
  };
}

function barePod(name: string, spec: PodSpec): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } }, spec };
}

const pods = async (): Promise<Pod[]> => (await api.list(Pod)).items;
const podNamed = async (name: string): Promise<Pod | undefined> => api.get(Pod, { namespace: 'default', name });
const available = async (name: string): Promise<number | undefined> =>
  (await api.get(Deployment, { namespace: 'default', name }))?.status?.availableReplicas;
const until = { timeout: 15_000, interval: 20 };

async function logsOf(pod: string, options: { previous?: boolean } = {}): Promise<string> {
  const { signal } = new AbortController();
  const request = {
    namespace: 'default',
    pod,
    follow: false,
    previous: options.previous ?? false,
    timestamps: false,
    signal,
  };
  let text = '';
  for await (const chunk of (await node?.podLogs.read(request)) ?? []) text += Buffer.from(chunk).toString();
  return text;
}

async function get(address: string, port: number, path = '/'): Promise<string> {
  return (await fetch(`http://${address}:${String(port)}${path}`, { headers: { connection: 'close' } })).text();
}

test('a Deployment becomes ready processes with addresses of their own behind a Service, scales, and goes', async () => {
  expect(
    (await api.get(Node, { name: 'headgate' }))?.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ).toBe('True');
  await api.create(Deployment, deployment('web', 3, serverContainer()));
  const service = await api.create(Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 8000, targetPort: 'http' }] },
  });
  await expect.poll(() => available('web'), until).toBe(3);
  const running = await pods();
  expect(new Set(running.map(({ status }) => status?.podIP)).size).toBe(3);
  expect(running.map(({ status }) => status?.phase)).toEqual(['Running', 'Running', 'Running']);

  const names = running.map(({ metadata }) => metadata.name).toSorted();
  await expect
    .poll(
      async () =>
        (await api.list(EndpointSlice)).items
          .find(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'web')
          ?.endpoints.filter(({ conditions }) => conditions?.ready).length,
      until,
    )
    .toBe(3);
  const answers = new Set<string>();
  for (let i = 0; i < 6; i++) answers.add(await get(service.spec.clusterIP ?? '', 8000));
  expect([...answers].toSorted()).toEqual(names);
  expect(await logsOf(names[0] ?? '')).toMatch(/^listening\nasked \/health\n/);

  await api.patch(
    Deployment,
    { namespace: 'default', name: 'web' },
    { type: 'merge', body: { spec: { replicas: 1 } } },
  );
  await expect.poll(async () => (await pods()).length, until).toBe(1);
  await api.delete(Deployment, { namespace: 'default', name: 'web' });
  await expect.poll(async () => (await pods()).length, until).toBe(0);
  await expect(get(running[0]?.status?.podIP ?? '', 8080)).rejects.toThrow();
});

test('an update replaces the Pods by new ones, never with fewer ready than declared', async () => {
  await api.create(Deployment, deployment('web', 2, serverContainer()));
  await expect.poll(() => available('web'), until).toBe(2);
  const template = { spec: { containers: [serverContainer({ env: [{ name: 'VERSION', value: '2' }] })] } };
  await api.patch(Deployment, { namespace: 'default', name: 'web' }, { type: 'merge', body: { spec: { template } } });
  let fewest = 2;
  await expect
    .poll(async () => {
      const ready = (await pods()).filter(({ status }) =>
        status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
      const sets = (await api.list(ReplicaSet)).items.toSorted((a, b) => revisionOf(a) - revisionOf(b));
      const all = sets.map((set) => [set.spec.replicas, set.status?.replicas]);
      return [(await pods()).length, ...all];
    }, until)
    .toEqual([2, [0, 0], [2, 2]]);
  expect(fewest).toBe(2);
});

test('an image in no catalog leaves its Pod waiting, and says how to map it', async () => {
  await api.create(Deployment, deployment('web', 1, serverContainer({ image: 'acme/unknown:7' })));
  await expect
    .poll(async () => (await pods())[0]?.status?.containerStatuses?.[0]?.state?.waiting, until)
    .toMatchObject({
      reason: 'ImageNotInCatalog',
      message: expect.stringContaining('images: ["acme/unknown"]') as string,
    });
  const [pod] = await pods();
  expect(pod?.status?.phase).toBe('Pending');
  await expect
    .poll(
      async () =>
        (await api.list(Event)).items.some(({ type, reason }) => type === 'Warning' && reason === 'ImageNotInCatalog'),
      until,
    )
    .toBe(true);
  // Corrected, it starts.
  await api.patch(
    Deployment,
    { namespace: 'default', name: 'web' },
    { type: 'merge', body: { spec: { template: { spec: { containers: [serverContainer()] } } } } },
  );
  await expect.poll(() => available('web'), until).toBe(1);
});

test('a container that crashes is started again with back-off; both logs can be read', async () => {
  await api.create(
    Deployment,
    deployment('web', 1, {
      name: 'main',
      image: 'example.com/script',
      args: ['console.log("run of " + process.env.HOSTNAME); process.exit(3)'],
    }),
  );
  await expect
    .poll(async () => (await pods())[0]?.status?.containerStatuses?.[0]?.state?.waiting?.reason, until)
    .toBe('CrashLoopBackOff');
  await expect
    .poll(async () => (await pods())[0]?.status?.containerStatuses?.[0]?.restartCount, until)
    .toBeGreaterThanOrEqual(3);
  const [pod] = await pods();
  expect(pod?.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(await logsOf(pod?.metadata.name ?? '', { previous: true })).toBe(`run of ${pod?.metadata.name ?? ''}\n`);
});

test('a failing liveness probe restarts the container', async () => {
  const livenessProbe = {
    httpGet: { path: '/sick', port: 'http' },
    initialDelaySeconds: 1,
    periodSeconds: 1,
    failureThreshold: 1,
  };
  await api.create(Deployment, deployment('web', 1, serverContainer({ livenessProbe })));
  await expect
    .poll(async () => (await pods())[0]?.status?.containerStatuses?.[0]?.restartCount, until)
    .toBeGreaterThanOrEqual(1);
  const reasons = (await api.list(Event)).items.map(({ reason, message }) => `${reason ?? ''}: ${message ?? ''}`);
  expect(reasons).toContain('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500');
  expect(reasons).toContain('Killing: Container main failed liveness probe, will be restarted');
});

test('a container waits for its ConfigMap, finds it at its mount path, and sees it change', async () => {
  const container = serverContainer({
    env: [{ name: 'FILE', value: '/etc/app/a.txt' }],
    volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
  });
  await api.create(
    Pod,
    barePod('web', { containers: [container], volumes: [{ name: 'config', configMap: { name: 'settings' } }] }),
  );
  await expect
    .poll(async () => (await podNamed('web'))?.status?.containerStatuses?.[0]?.state?.waiting, until)
    .toEqual({ reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' });
  await api.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { 'a.txt': 'one' },
  });
  await expect.poll(async () => (await podNamed('web'))?.status?.containerStatuses?.[0]?.ready, until).toBe(true);
  const address = (await podNamed('web'))?.status?.podIP ?? '';
  expect(await get(address, 8080, '/file')).toBe('one');
  await api.patch(
    ConfigMap,
    { namespace: 'default', name: 'settings' },
    { type: 'merge', body: { data: { 'a.txt': 'two' } } },
  );
  await expect.poll(() => get(address, 8080, '/file'), until).toBe('two');
});

test('init containers run in order before the others', async () => {
  const init = (name: string): Container => ({
    name,
    image: 'example.com/script',
    args: [`require('node:fs').appendFileSync(process.env.OUT, '${name} ')`],
    env: [{ name: 'OUT', value: '/work/out' }],
    volumeMounts: [{ name: 'work', mountPath: '/work' }],
  });
  const main = { ...init('main'), args: [`console.log(require('node:fs').readFileSync(process.env.OUT, 'utf8'))`] };
  await api.create(
    Pod,
    barePod('ordered', {
      restartPolicy: 'Never',
      initContainers: [init('one'), init('two')],
      containers: [main],
      volumes: [{ name: 'work', emptyDir: {} }],
    }),
  );
  await expect.poll(async () => (await podNamed('ordered'))?.status?.phase, until).toBe('Succeeded');
  const { signal } = new AbortController();
  const request = {
    namespace: 'default',
    pod: 'ordered',
    container: 'main',
    follow: false,
    previous: false,
    timestamps: false,
    signal,
  };
  let text = '';
  for await (const chunk of (await node?.podLogs.read(request)) ?? []) text += Buffer.from(chunk).toString();
  expect(text).toBe('one two \n');
});

test('a Job runs to completion, and one that keeps failing is given up', async () => {
  const job = (name: string, script: string): Job => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 1,
      template: {
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.com/script', args: [script] }] },
      },
    },
  });
  await api.create(Job, job('good', 'console.log(1)'));
  await api.create(Job, job('bad', 'process.exit(1)'));
  const conditions = async (name: string): Promise<string[]> =>
    ((await api.get(Job, { namespace: 'default', name }))?.status?.conditions ?? []).map(({ type }) => type);
  await expect.poll(() => conditions('good'), until).toContain('Complete');
  await expect.poll(() => conditions('bad'), until).toContain('Failed');
  expect((await api.get(Job, { namespace: 'default', name: 'bad' }))?.status).toMatchObject({ failed: 2, active: 0 });
});

test('a Job whose container can never start fails, and its Pod says why', async () => {
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'unknown', namespace: 'default' },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'acme/unknown:7' }] } },
    },
  };
  await api.create(Job, job);
  const status = async () => (await api.get(Job, { namespace: 'default', name: 'unknown' }))?.status;
  await expect.poll(async () => (await status())?.conditions?.at(-1)?.type, until).toBe('Failed');
  const [pod] = await pods();
  expect(pod?.status?.phase).toBe('Failed');
  expect(pod?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    exitCode: 128,
    reason: 'ImageNotInCatalog',
    message: expect.stringContaining('images: ["acme/unknown"]') as string,
  });
});

test('after a restart of the node the same Pods run again, and no process outlives the node', async () => {
  await api.create(Deployment, deployment('web', 1, serverContainer()));
  await expect.poll(() => available('web'), until).toBe(1);
  const [before] = await pods();
  const address = before?.status?.podIP ?? '';
  await stop();
  await expect(get(address, 8080)).rejects.toThrow();
  // The first thing a starting node does, so that nobody takes the Pod for what it last was.
  await reportStoppedPods(api, [nodeName]);
  const [stopped] = await pods();
  expect(stopped === undefined || isPodReady(stopped)).toBe(false);
  expect(stopped?.status?.podIP).toBe(address);
  await start();
  await expect
    .poll(async () => (await pods())[0]?.status?.containerStatuses?.[0], until)
    .toMatchObject({ ready: true, restartCount: 1 });
  const [after] = await pods();
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  expect(await get(after?.status?.podIP ?? '', 8080)).toBe(after?.metadata.name);
  expect(after?.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137);
});

test('a Pod that takes no notice of SIGTERM does not hold up the node beyond its limit', async () => {
  const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log(process.pid)`;
  await api.create(Deployment, deployment('web', 1, { name: 'main', image: 'example.com/script', args: [script] }));
  await expect.poll(async () => (await pods())[0]?.status?.containerStatuses?.[0]?.ready, until).toBe(true);
  const path = join(directory, 'pods', (await pods())[0]?.metadata.uid ?? '', 'logs', 'main', '0.log');
  await expect.poll(() => readFile(path, 'utf8'), until).toMatch(/\d+\n$/);
  const pid = Number((await readFile(path, 'utf8')).trim().split(' ')[1]);
  const started = performance.now();
  await stop();
  expect(performance.now() - started).toBeLessThan(8_000);
  expect(() => process.kill(pid, 0)).toThrow();
});

test('a ready Pod that is deleted serves on until routes have forgotten it; a forced deletion does not wait', async () => {
  await stop();
  await start({ leaveMs: 100_000 });
  await api.create(Pod, barePod('leaving', { containers: [serverContainer()], terminationGracePeriodSeconds: 120 }));
  const ready = async () =>
    (await podNamed('leaving'))?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  await expect.poll(ready, until).toBe('True');
  const address = (await podNamed('leaving'))?.status?.podIP ?? '';
  await api.delete(Pod, { namespace: 'default', name: 'leaving' });
  // The node has seen the deletion when it says so.
  const killing = async () => (await api.list(Event)).items.some(({ reason }) => reason === 'Killing');
  await expect.poll(killing, until).toBe(true);
  expect(await (await fetch(`http://${address}:8080/`)).text()).toBe('leaving');
  await api.delete(Pod, { namespace: 'default', name: 'leaving' }, { gracePeriodSeconds: 0 });
  await expect.poll(() => podNamed('leaving'), until).toBeUndefined();
  await expect.poll(() => fetch(`http://${address}:8080/`).catch(() => 'refused'), until).toBe('refused');
});

test('a cordoned node takes no Pods, except those that tolerate it, until it is uncordoned', async () => {
  await stop();
  const cordon = (unschedulable: boolean) =>
    api.patch(Node, { name: 'headgate' }, { type: 'merge', body: { spec: { unschedulable } } });
  await cordon(true);
  // A node that starts again is as it was left.
  await start();
  const containers = [serverContainer()];
  await api.create(Pod, barePod('waiting', { containers }));
  const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }];
  await api.create(Pod, barePod('tolerating', { containers, tolerations }));
  await expect.poll(async () => (await podNamed('tolerating'))?.spec.nodeName, until).toBe('headgate');
  await expect
    .poll(async () => (await podNamed('waiting'))?.status?.conditions, until)
    .toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }]);
  expect((await podNamed('waiting'))?.spec.nodeName).toBeUndefined();
  await cordon(false);
  await expect.poll(async () => (await podNamed('waiting'))?.status?.phase, until).toBe('Running');
});
