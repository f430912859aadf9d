import fc from 'fast-check';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fuzzRequests, type FuzzRequest } from './fuzzrequests.ts';
import { startTestApi, type TestApi } from './harness.ts';

/**
 * `HEADGATE_FUZZ=100000` sends that many requests, `HEADGATE_FUZZ_SEED` chooses which; a run without them is a bounded slice that
 * is the same every time.
 */
const count = Number(process.env['HEADGATE_FUZZ'] ?? '1500');
const seed = Number(process.env['HEADGATE_FUZZ_SEED'] ?? '20261121');
/** Watches wait for a second each. */
const inFlight = 64;

let api: TestApi;
let agent: Agent;
beforeAll(async () => {
  api = await startTestApi();
  agent = new Agent({ connect: { ca: api.server.caCertificate } });
});
afterAll(async () => {
  await agent.destroy();
  await api.close();
});

async function answerTo({ method, path, headers, body }: FuzzRequest): Promise<{ status: number; text: string }> {
  const response = await agent.request({
    origin: api.server.url,
    method,
    path,
    headers: { ...headers, authorization: `Bearer ${api.server.token}` },
    body: body ?? null,
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.statusCode, text: await response.body.text() };
}

test(
  'random and mutated requests get 2xx and 4xx answers and leave the store readable',
  async () => {
    const failures: unknown[] = [];
    const seen = new Map<number, number>();
    const requests = fc.sample(fuzzRequests, { numRuns: count, seed }).values();
    const send = async (): Promise<void> => {
      for (const request of requests) {
        const { status, text } = await answerTo(request);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if ((status >= 200 && status < 300) || (status >= 400 && status < 500)) continue;
        // There are no logs without a node; a version this API has not reached gets what kube-apiserver says.
        if (status === 501 && text.includes('no node is running')) continue;
        if (status === 504 && text.includes('Too large resource version')) continue;
        if (failures.length < 20) failures.push({ request, status, text });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, send));
    expect(failures).toEqual([]);
    // It has to be fuzz that gets somewhere: some of it must be accepted, some refused in each way.
    for (const status of [200, 201, 400, 404, 409, 422])
      expect(seen.get(status) ?? 0, String(status)).toBeGreaterThan(0);

    const namespaces = await api.call('GET', '/api/v1/namespaces');
    expect(namespaces.status).toBe(200);
    const before = await api.call('GET', '/api/v1/configmaps');
    await api.server.close();
    api = await startTestApi({ dataDir: api.dataDir });
    // The start puts back what every namespace has, if the fuzz has deleted it.
    const after = await api.call('GET', '/api/v1/configmaps');
    expect(after.body.items).toEqual(expect.arrayContaining(before.body.items ?? []));
  },
  60_000 + count * 20,
);
