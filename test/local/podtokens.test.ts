import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pod } from '../../src/kinds/core/pod.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { createPodTokens } from '../../src/local/podtokens.ts';
import { startTestApi, type TestApi } from '../apiserver/harness.ts';

let api: TestApi;
let client: KubeClient;
let pod: Pod;

beforeAll(async () => {
  api = await startTestApi();
  client = createKubeClient({
    server: api.server.url,
    credentials: fixedCredentials({ ca: api.server.caCertificate, token: api.server.token }),
  });
  const created = await api.call('POST', '/api/v1/namespaces/default/pods', {
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    },
  });
  pod = created.body as unknown as Pod;
});
afterAll(async () => {
  await client.close();
  await api.close();
});
beforeEach(() => {
  // Only the clock of the test: the API's timers go on.
  vi.useFakeTimers({ toFake: ['Date'] });
  return () => vi.useRealTimers();
});

const hour = 3600_000;
const uidOf = () => pod.metadata.uid ?? '';

async function whoIs(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await api.call('GET', '/version', { headers })).status;
}

describe('the tokens of a Pod', () => {
  it('stay the same until four fifths of their life are over', async () => {
    const tokens = createPodTokens(client);
    const start = Date.now();
    const first = await tokens.get(pod, { path: 'token', expirationSeconds: 3600 });
    expect(tokens.renewAt(uidOf())).toBeGreaterThan(start + 0.79 * hour);
    expect(tokens.renewAt(uidOf())).toBeLessThan(start + 0.81 * hour);
    vi.setSystemTime(start + 0.75 * hour);
    expect(await tokens.get(pod, { path: 'token', expirationSeconds: 3600 })).toBe(first);
    vi.setSystemTime(start + 0.85 * hour);
    const second = await tokens.get(pod, { path: 'token', expirationSeconds: 3600 });
    expect(second).not.toBe(first);
    expect(await whoIs(second)).toBe(200);
    vi.setSystemTime(start + 1.1 * hour);
    expect([await whoIs(first), await whoIs(second)]).toEqual([401, 200]);
  });

  it('live a day at most before they are renewed', async () => {
    const tokens = createPodTokens(client);
    const start = Date.now();
    await tokens.get(pod, { path: 'token', expirationSeconds: 7 * 24 * 3600 });
    expect(tokens.renewAt(uidOf())).toBeLessThanOrEqual(start + 24 * hour + 60_000);
  });

  it('are one for each audience, and forgotten with the Pod', async () => {
    const tokens = createPodTokens(client);
    const own = await tokens.get(pod, { path: 'token' });
    const other = await tokens.get(pod, { path: 'token', audience: 'vault' });
    expect([await whoIs(own), await whoIs(other)]).toEqual([200, 401]);
    tokens.forget(uidOf());
    expect(tokens.renewAt(uidOf())).toBeUndefined();
  });
});
