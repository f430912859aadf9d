import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

const slicePath = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
const endpointsPath = '/api/v1/namespaces/default/endpoints/kubernetes';

async function leadsTo(api: TestApi) {
  const { body } = await api.call('GET', slicePath);
  const { body: legacy } = await api.call('GET', endpointsPath);
  return {
    labels: body.metadata?.['labels'],
    slice: [body['endpoints'], body['ports']],
    endpoints: legacy['subsets'],
  };
}

function expected(api: TestApi) {
  const ports = [{ name: 'https', port: Number(new URL(api.server.url).port), protocol: 'TCP' }];
  return {
    labels: { 'kubernetes.io/service-name': 'kubernetes' },
    slice: [[{ addresses: ['127.0.0.1'], conditions: { ready: true } }], ports],
    endpoints: [{ addresses: [{ ip: '127.0.0.1' }], ports }],
  };
}

test('default/kubernetes leads to the API, at its port after a restart too, and comes back', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-kubernetes-'));
  try {
    const first = await startTestApi({ dataDir });
    expect(await leadsTo(first)).toEqual(expected(first));
    await first.stop();

    const other = await startTestApi({ dataDir, port: await freePort() });
    expect(new URL(other.server.url).port).not.toBe(new URL(first.server.url).port);
    expect(await leadsTo(other)).toEqual(expected(other));
    for (const path of [slicePath, endpointsPath]) await other.call('DELETE', path);
    await vi.waitFor(async () => expect(await leadsTo(other)).toEqual(expected(other)), 5000);
    const proxied = await other.call('GET', '/api/v1/namespaces/default/services/https:kubernetes:https/proxy/version');
    // The API asks who is there, as credentials do not pass.
    expect(proxied.status).toBe(401);
    await other.stop();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function freePort(): Promise<number> {
  const api = await startTestApi();
  const { port } = new URL(api.server.url);
  await api.close();
  return Number(port);
}
