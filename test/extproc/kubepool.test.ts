import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { checkHealth } from '../../src/wire/grpchealthclient.ts';
import { startBbr } from '../../src/extproc/bbr.ts';
import { startEpp, type Epp } from '../../src/extproc/epp.ts';
import { podEndpoints } from '../../src/extproc/podendpoints.ts';
import type { Pod } from '../../src/kinds/core/pod.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startTestApi, type TestApi } from '../apiserver/harness.ts';
import { connectProxy, setHeadersOf, type Headers } from './proxy.ts';

const log = createLog({ level: 'silent' });
const destination = 'x-gateway-destination-endpoint';
let api: TestApi;
let directory = '';
let env: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi();
  directory = await mkdtemp(join(tmpdir(), 'headgate-kubepool-'));
  await writeFile(join(directory, 'token'), api.server.token, { mode: 0o600 });
  await writeFile(join(directory, 'ca.crt'), api.server.caCertificate);
  await writeFile(join(directory, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
  env = {
    HEADGATE_API_SERVER: api.server.url,
    HEADGATE_API_TOKEN_FILE: join(directory, 'token'),
    HEADGATE_API_CA_FILE: join(directory, 'ca.crt'),
  };
});
afterAll(async () => {
  await api.close();
  await rm(directory, { recursive: true });
});

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(argv: readonly string[], variables: Record<string, string> = env): Promise<Epp> {
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--secure-serving=false'];
  const epp = await startEpp([...ports, '--drain-timeout', '50ms', ...argv], { serveMetrics, env: variables, log });
  closers.push(() => epp.close());
  return epp;
}

/** Creates an object, then writes its status. */
async function create(path: string, object: { metadata: { name: string }; status?: unknown }): Promise<void> {
  const created = await api.call('POST', path, { body: object });
  expect(created.status, created.body.message).toBe(201);
  if (object.status === undefined) return;
  const status = { body: { status: object.status }, contentType: 'application/merge-patch+json' };
  expect((await api.call('PATCH', `${path}/${object.metadata.name}/status`, status)).status).toBe(200);
}

const pod = (name: string, app: string, ip: string, ready = true) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app } },
  spec: { containers: [{ name: 'server', image: 'vllm' }] },
  status: { podIP: ip, phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const pool = (name: string) => ({
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: 'picker', port: { number: 9002 } },
  },
});
const pods = '/api/v1/namespaces/default/pods';
const pools = '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools';

const health = (epp: Epp, service = 'inference-extension') =>
  checkHealth({ host: '127.0.0.1', port: epp.ports.health, service, timeoutMs: 5000 });

/** Where a request goes, or the status of its refusal. */
async function pick(epp: Epp, headers: Headers = {}): Promise<string | number | undefined> {
  const proxy = connectProxy(epp.url);
  try {
    const exchange = proxy.exchange();
    exchange.headers('request', { ':method': 'POST', ':path': '/v1/completions', ...headers });
    exchange.body('request', '{"model":"m","prompt":"x"}', true);
    const reply = await exchange.next();
    return reply.type === 'immediate' ? reply.response.status : setHeadersOf(reply)[destination];
  } finally {
    proxy.close();
  }
}

describe('a pool of a Kubernetes API', () => {
  it('is known by its pods, follows them, and is not served when it is deleted', async () => {
    await create(pods, pod('a-1', 'a', '127.0.9.1'));
    await create(pods, pod('a-2', 'a', '127.0.9.2', false));
    await create(pods, pod('other', 'other', '127.0.9.3'));
    const epp = await start(['--pool-name', 'a']);
    expect(await health(epp)).toBe('NOT_SERVING');
    await create(pools, pool('a'));
    await vi.waitFor(async () => expect(await health(epp)).toBe('SERVING'));
    expect(await pick(epp)).toBe('127.0.9.1:8000');
    await api.call('DELETE', `${pods}/a-1?gracePeriodSeconds=0`);
    await vi.waitFor(async () => expect(await pick(epp)).toBe(503));
    const ready = {
      body: { status: pod('a-2', 'a', '127.0.9.2').status },
      contentType: 'application/merge-patch+json',
    };
    await api.call('PATCH', `${pods}/a-2/status`, ready);
    await vi.waitFor(async () => expect(await pick(epp)).toBe('127.0.9.2:8000'));
    await api.call('DELETE', `${pools}/a`);
    await vi.waitFor(async () => expect(await health(epp)).toBe('NOT_SERVING'));
    expect(await pick(epp)).toBe(503);
  });

  it('gives requests the priority of their objective, and drops sheddable ones', async () => {
    await create(pods, pod('b-1', 'b', '127.0.9.4'));
    await create(pools, pool('b'));
    await create('/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferenceobjectives', {
      apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
      kind: 'InferenceObjective',
      metadata: { name: 'batch' },
      spec: { priority: -5, poolRef: { name: 'b' } },
    } as never);
    const epp = await start(['--pool-name', 'b', '--metrics-endpoint-auth=false']);
    // Nothing answers at the endpoint's address, so that it counts as saturated.
    await vi.waitFor(async () => expect(await pick(epp, { 'x-gateway-inference-objective': 'batch' })).toBe(429));
    expect(await pick(epp)).toBe('127.0.9.4:8000');
  });

  it('can be of the group and shape of before v1', async () => {
    await create(pods, pod('before-1', 'before', '127.0.9.30'));
    await create('/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencepools', {
      apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
      kind: 'InferencePool',
      metadata: { name: 'before' },
      spec: { selector: { app: 'before' }, targetPortNumber: 8000, extensionRef: { name: 'picker' } },
    } as never);
    const epp = await start(['--pool-name', 'before', '--pool-group', 'inference.networking.x-k8s.io']);
    await vi.waitFor(async () => expect(await health(epp)).toBe('SERVING'), { timeout: 30_000 });
    expect(await pick(epp)).toBe('127.0.9.30:8000');
  });

  it('can be a selector without a pool (standalone mode): the same routing, and every priority is 0', async () => {
    await create(pods, pod('c-1', 'c', '127.0.9.5'));
    const epp = await start(['--endpoint-selector', 'app=c', '--endpoint-target-ports', '8000,8001'], {
      ...env,
      POD_NAME: 'picker-5d9f-x7z',
    });
    await vi.waitFor(async () => expect(await health(epp)).toBe('SERVING'));
    const asked = await pick(epp, { 'x-gateway-inference-objective': 'nobody-knows' });
    expect(asked).toMatch(/^127\.0\.9\.5:800[01]$/);
    const page = await fetch(`http://127.0.0.1:${String(epp.ports.metrics)}/metrics`, {
      headers: { authorization: `Bearer ${api.server.token}` },
    });
    const labels = '{model_name="m",target_model_name="m",priority="0"}';
    expect(await page.text()).toContain(`inference_objective_request_total${labels} 1`);
  });

  it('is found by KUBECONFIG too', async () => {
    await create(pods, pod('d-1', 'd', '127.0.9.6'));
    await create(pools, pool('d'));
    const epp = await start(['--pool-name', 'd'], { KUBECONFIG: join(directory, 'kubeconfig') });
    await vi.waitFor(async () => expect(await health(epp)).toBe('SERVING'));
  });

  it('is found by the ServiceAccount of a pod, whose files the embedded node keeps elsewhere', async () => {
    await create(pods, pod('e-1', 'e', '127.0.9.7'));
    await create(pools, pool('e'));
    const { hostname, port } = new URL(api.server.url);
    const epp = await start(['--pool-name', 'e'], {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      HEADGATE_MOUNTS: JSON.stringify({ '/var/run/secrets/kubernetes.io/serviceaccount': directory }),
    });
    await vi.waitFor(async () => expect(await health(epp)).toBe('SERVING'));
  });

  it('shows its metrics only to those who may read them', async () => {
    const epp = await start(['--pool-name', 'a']);
    const url = `http://127.0.0.1:${String(epp.ports.metrics)}/metrics`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401);
    const allowed = await fetch(url, { headers: { authorization: `Bearer ${api.server.token}` } });
    expect(allowed.status).toBe(200);
    expect(await allowed.text()).toContain('inference_pool_ready_pods');
  });

  it('has one leader; another takes over when it leaves', async () => {
    await create(pods, pod('f-1', 'f', '127.0.9.8'));
    await create(pools, pool('f'));
    const first = await start(['--pool-name', 'f', '--ha-enable-leader-election']);
    await vi.waitFor(async () => expect(await health(first, 'readiness')).toBe('SERVING'));
    const second = await start(['--pool-name', 'f', '--ha-enable-leader-election']);
    expect(await health(second, 'liveness')).toBe('SERVING');
    expect(await health(second, 'readiness')).toBe('NOT_SERVING');
    expect(await health(second, 'inference-extension')).toBe('SERVICE_UNKNOWN');
    await first.close();
    await vi.waitFor(async () => expect(await health(second, 'readiness')).toBe('SERVING'), { timeout: 10_000 });
  });

  it('tells the body-based router the base models of adapters', async () => {
    const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--secure-serving=false'];
    const bbr = await startBbr(ports, { serveMetrics, env, log });
    closers.push(() => bbr.close());
    await create('/api/v1/namespaces/default/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'adapters', labels: { 'inference.networking.k8s.io/bbr-managed': 'true' } },
      data: { baseModel: 'llama', adapters: '- food-review\n' },
    } as never);
    const proxy = connectProxy(bbr.url);
    closers.push(proxy.close);
    await vi.waitFor(async () => {
      const exchange = proxy.exchange();
      exchange.headers('request', { ':method': 'POST', ':path': '/v1/completions' });
      exchange.body('request', '{"model":"food-review"}', true);
      expect(setHeadersOf(await exchange.next())['x-gateway-base-model-name']).toBe('llama');
      exchange.cancel();
    });
  });
});

describe('which endpoints pods are (epp.md 4.6)', () => {
  const all = { selector: { matchLabels: { app: 'a' } }, ports: [8000, 8001] };
  const of = (...changes: object[]) =>
    podEndpoints(
      changes.map((change) => ({ ...(pod('p', 'a', '10.0.0.1') as unknown as Pod), ...change })),
      all,
    ).map(({ key, name }) => `${key} ${name ?? ''}`);
  const metadata = { name: 'p', namespace: 'ns', labels: { app: 'a' } };

  it.each<[string, object, string[]]>([
    ['every port is one', { metadata }, ['10.0.0.1:8000 ns/p-rank-0', '10.0.0.1:8001 ns/p-rank-1']],
    [
      'only active ports are, and keep their rank',
      { metadata: { ...metadata, annotations: { 'llm-d.ai/active-ports': ' 8001 ' } } },
      ['10.0.0.1:8001 ns/p-rank-1'],
    ],
    [
      'the older annotation counts too',
      { metadata: { ...metadata, annotations: { 'inference.networking.k8s.io/active-ports': '8000' } } },
      ['10.0.0.1:8000 ns/p-rank-0'],
    ],
    ['none of a pod that ends', { metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, []],
    ['none of a pod with other labels', { metadata: { ...metadata, labels: {} } }, []],
    ['none of a pod without an address', { metadata, status: {} }, []],
  ])('%s', (_, change, expected) => {
    expect(of(change)).toEqual(expected);
  });
});
