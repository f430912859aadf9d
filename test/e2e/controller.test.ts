import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApiServer, type ApiServer } from '../../src/apiserver/server.ts';
import { ModelDeployment } from '../../src/kinds/airunway/modeldeployment.ts';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { ServiceAccount } from '../../src/kinds/core/serviceaccount.ts';
import { Lease } from '../../src/kinds/coordination/lease.ts';
import { apiVersionOf } from '../../src/kinds/kind.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { clientOf } from './client.ts';
import { bin, until } from './headgate.ts';
import { run } from './kubectl.ts';

/** `headgate controller` on an API that another process serves. */

interface Started {
  process: ChildProcess;
  output: () => string;
  url: () => string;
}

let directory = '';
let kubeconfig = '';
let api: ApiServer;
let client: KubeClient;
const started: Started[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'headgate-controller-'));
  api = await startApiServer({ dataDir: directory, kinds: allKinds, log: createLog({ level: 'silent' }) });
  kubeconfig = path.join(directory, 'kubeconfig');
  await writeFile(kubeconfig, api.kubeconfig(), { mode: 0o600 });
  client = clientOf(kubeconfig);
}, 120_000);

afterAll(async () => {
  for (const { process: child } of started) if (child.exitCode === null) child.kill('SIGKILL');
  await client.close();
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(...args: string[]): Promise<Started> {
  const child = spawn(process.execPath, [bin, 'controller', '--kubeconfig', kubeconfig, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const url = (): string => /^Metrics and health at (\S+)\/metrics,/m.exec(output)?.[1] ?? '';
  const one = { process: child, output: () => output, url };
  started.push(one);
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`headgate controller ended with ${child.exitCode}:\n${output}`);
      return url() !== '';
    },
    () => `headgate controller does not start:\n${output}`,
    90_000,
  );
  return one;
}

const deploy = (name: string) =>
  client.create(ModelDeployment, {
    apiVersion: apiVersionOf(ModelDeployment),
    kind: ModelDeployment.kind,
    metadata: { namespace: 'default', name },
    spec: { model: { id: `org/${name}` } },
  });

const served = (name: string, output: () => string) =>
  until(
    async () => (await client.get(Deployment, { namespace: 'default', name })) !== undefined,
    () => `no Deployment is made for ${name}:\n${output()}`,
    90_000,
  );

const get = async (url: string): Promise<string> => (await fetch(url)).text();

it('serves deployments, one process at a time, and the next goes on where the one before ended', async () => {
  const first = await start('--leader-elect');
  await deploy('one');
  await served('one', first.output);
  expect(await get(`${first.url()}/healthz`)).toBe('ok\n');
  expect(await get(`${first.url()}/readyz`)).toBe('ok\n');
  expect(await get(`${first.url()}/metrics`)).toContain(
    'kubeairunway_provider_selection_total{provider="vllm",reason="auto"} 1',
  );

  const second = await start('--leader-elect');
  const lease = await client.get(Lease, { namespace: 'default', name: 'headgate-controller' });
  expect(lease?.spec?.holderIdentity).not.toBe('');
  await until(
    async () => (await get(`${second.url()}/readyz`)) === 'standby\n',
    () => 'the second process does not say that it waits for its turn',
  );

  first.process.kill('SIGTERM');
  await once(first.process, 'exit');
  expect(first.process.exitCode).toBe(0);
  await deploy('two');
  await served('two', second.output);
  await until(
    async () => (await get(`${second.url()}/readyz`)) === 'ok\n',
    () => 'the second process does not say that it works',
  );
  second.process.kill('SIGTERM');
  await once(second.process, 'exit');
  expect(second.process.exitCode).toBe(0);
}, 240_000);

it('fills in and refuses by itself what admission would, where there is none', async () => {
  const crds = allKinds.map(({ admission: _admission, ...kind }) => kind);
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-unadmitted-'));
  const bare = await startApiServer({ dataDir, kinds: crds, log: createLog({ level: 'silent' }) });
  const file = path.join(dataDir, 'kubeconfig');
  await writeFile(file, bare.kubeconfig(), { mode: 0o600 });
  const own = clientOf(file);
  const running = await start('--kubeconfig', file);
  try {
    const metadata = { namespace: 'default', name: 'bare' };
    const spec = { model: { id: 'org/bare' } };
    const made = { apiVersion: apiVersionOf(ModelDeployment), kind: ModelDeployment.kind };
    expect((await own.create(ModelDeployment, { ...made, metadata, spec })).spec.resources).toBeUndefined();
    await until(
      async () => (await own.get(Deployment, metadata)) !== undefined,
      () => `no Deployment is made:\n${running.output()}`,
      60_000,
    );
    const overrides = { spec: { template: { spec: { hostNetwork: true } } } };
    const provider = { name: 'vllm', overrides };
    const refused = { namespace: 'default', name: 'refused' };
    await own.create(ModelDeployment, { ...made, metadata: refused, spec: { ...spec, provider } });
    let message: string | undefined;
    await until(
      async () => {
        const { status } = (await own.get(ModelDeployment, refused)) ?? {};
        ({ message } = status ?? {});
        return status?.phase === 'Failed';
      },
      () => `not refused: ${message ?? ''}`,
      60_000,
    );
    expect(message).toBe(
      'Validation failed: spec.provider.overrides.spec.template.spec.hostNetwork: Forbidden: may not be overridden',
    );
    expect(await own.get(Deployment, refused)).toBeUndefined();
  } finally {
    running.process.kill('SIGTERM');
    await once(running.process, 'exit');
    await own.close();
    await bare.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 240_000);

it('runs the controllers that are asked for only', async () => {
  const only = await start('--controllers', 'aim,aigateway');
  await until(
    () => only.output().includes('controllers started'),
    () => `the controllers do not start:\n${only.output()}`,
    60_000,
  );
  await deploy('unserved');
  expect(await get(`${only.url()}/metrics`)).toBe('');
  only.process.kill('SIGTERM');
  await once(only.process, 'exit');
  expect(only.process.exitCode).toBe(0);
  expect((await client.get(ModelDeployment, { namespace: 'default', name: 'unserved' }))?.status).toBeUndefined();
}, 120_000);

it.each([
  [['--controllers', 'nobody'], /use aim, aigateway, airunway/],
  [['--gateway-name', 'x'], /--gateway-name and --gateway-namespace go together/],
  [['--kubeconfig', '/does/not/exist'], /does\/not\/exist/],
])('with %j it ends and says why', async (args, message) => {
  const { code, stdout, stderr } = await run(process.execPath, [bin, 'controller', ...args]);
  expect(code).not.toBe(0);
  expect(`${stdout}${stderr}`).toMatch(message);
});

it('names what it may not do, is not ready, and ends when told to', async () => {
  const name = 'limited';
  const metadata = { namespace: 'default', name };
  await client.create(ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const spec = { expirationSeconds: 3600 };
  const { status } = await client.createBelow<{ status: { token: string } }>(ServiceAccount, metadata, 'token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec,
  });
  const file = path.join(directory, 'limited-kubeconfig');
  const admin = /token: .*/.exec(api.kubeconfig())?.[0] ?? '';
  await writeFile(file, api.kubeconfig().replace(admin, `token: ${status.token}`), { mode: 0o600 });
  const limited = await start('--kubeconfig', file);
  await until(
    async () => (await get(`${limited.url()}/readyz`)).includes('not permitted: list aimservices.aim.eai.amd.com'),
    () => `it does not say what it lacks:\n${limited.output()}`,
    60_000,
  );
  const page = await fetch(`${limited.url()}/readyz`);
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('not permitted: list pods\n');
  expect(limited.output()).toContain('"right":"list pods"');
  limited.process.kill('SIGTERM');
  await once(limited.process, 'exit');
  expect(limited.process.exitCode).toBe(0);
}, 120_000);

it('says that the API is away, is not ready, and ends when told to', async () => {
  const file = path.join(directory, 'away-kubeconfig');
  // Port 1 is nobody's.
  await writeFile(file, api.kubeconfig().replace(/server: .*/, 'server: https://127.0.0.1:1'), { mode: 0o600 });
  const lost = await start('--kubeconfig', file, '--leader-elect');
  await until(
    () => lost.output().includes('the Kubernetes API cannot be reached'),
    () => `it does not say that the API is away:\n${lost.output()}`,
    60_000,
  );
  const page = await fetch(`${lost.url()}/readyz`);
  expect([page.status, await page.text()]).toEqual([503, expect.stringContaining('ECONNREFUSED')]);
  expect(await get(`${lost.url()}/healthz`)).toBe('ok\n');
  lost.process.kill('SIGTERM');
  await once(lost.process, 'exit');
  expect(lost.process.exitCode).toBe(0);
}, 120_000);
