import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstBackend, nextBackend } from '../../src/gateway/walk/backends.ts';
import { orderEndpoints } from '../../src/gateway/walk/endpoints.ts';
import { backend, closedPort, endpointAt, startFixture, table, target, type Fixture } from './fixture.ts';

/** A small generator with a seed, so that statistics are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture({ random: seeded(7) });
});
afterEach(() => fixture.close());

async function named(name: string): Promise<ReturnType<typeof endpointAt>> {
  const { endpoint } = await fixture.upstream((request, response) => {
    request.resume().on('end', () => response.end(name));
  });
  return endpoint;
}

async function ask(): Promise<string> {
  const answer = await fixture.chat({ model: 'm' });
  return answer.body.text();
}

describe('choosing', () => {
  it('follows the weights, also the share of what is invalid', () => {
    const random = seeded(1);
    const invalid = { type: 'invalid', reason: 'BackendNotFound', message: '' } as const;
    const backends = [
      backend(target([]), { weight: 80 }),
      backend(target([]), { weight: 0 }),
      backend(invalid, { weight: 20 }),
    ];
    const tiers = [{ priority: 0, totalWeight: 100, backends }];
    const counts = new Map<unknown, number>();
    for (let round = 0; round < 2000; round += 1) {
      const chosen = firstBackend(tiers, random);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    expect(Math.abs((counts.get(backends[0]) ?? 0) / 20 - 80)).toBeLessThan(3);
    expect(counts.has(backends[1])).toBe(false);
    expect((counts.get(backends[0]) ?? 0) + (counts.get(backends[2]) ?? 0)).toBe(2000);
    expect(nextBackend(tiers, backends.slice(0, 1), random)).toBeUndefined();
  });

  it('prefers the less busy of two endpoints and names each at most once', () => {
    const endpoints = [1, 2].map((port) => endpointAt(port));
    const ordered = orderEndpoints(endpoints, ({ port }) => (port === 1 ? 5 : 0), seeded(3));
    expect(ordered.map(({ port }) => port)).toEqual([2, 1]);
  });
});

describe('failover', () => {
  it('splits 80/20 within 3 points', async () => {
    const [a, b] = [await named('a'), await named('b')];
    const rule = { model: 'm', backends: [backend(target([a]), { weight: 80 }), backend(target([b]), { weight: 20 })] };
    fixture.plane.apply(table([rule]));
    const answers = await Promise.all(Array.from({ length: 2000 }, ask));
    const share = answers.filter((answer) => answer === 'a').length / 20;
    expect(Math.abs(share - 80)).toBeLessThan(3);
  });

  it('goes to the next endpoint, then the next backend of the tier, then the next tier', async () => {
    const dead = endpointAt(await closedPort());
    const [alive, second, third] = [await named('alive'), await named('second'), await named('third')];
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([dead, alive]))] }]));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set(['alive']));
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([dead])), backend(target([second]))] }]));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set(['second']));
    const tiers = [[backend(target([dead])), backend(target([]))], [backend(target([third]))]];
    fixture.plane.apply(table([{ model: 'm', tiers }]));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, ask)))).toEqual(new Set(['third']));
    expect(await fixture.plane.metrics()).toMatch(/headgate_failovers_total [1-9]/);
  });

  it('sends every attempt from the original request: override and headers of one backend do not reach the next', async () => {
    const dead = endpointAt(await closedPort());
    const { endpoint } = await fixture.upstream((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => response.end(`${String(request.headers['x-only'])} ${request.url} ${body}`));
    });
    const llm = {
      schema: { name: 'OpenAI', prefix: 'first' },
      modelNameOverride: 'first',
      headerMutation: { set: [{ name: 'x-only', value: 'first' }], remove: [] },
    };
    const tiers = [[backend(target([dead]), { llm })], [backend(target([endpoint]))]];
    fixture.plane.apply(table([{ model: 'm', tiers }]));
    expect(await ask()).toBe('undefined /v1/chat/completions {"model":"m"}');
  });

  it('re-sends a streamed upload of which nothing was read', async () => {
    const dead = endpointAt(await closedPort());
    const { endpoint } = await fixture.upstream((request, response) => {
      let size = 0;
      request.on('data', (chunk: Buffer) => (size += chunk.length));
      request.on('end', () => response.end(String(size)));
    });
    fixture.plane.apply(table([{ tiers: [[backend(target([dead]))], [backend(target([endpoint]))]] }]));
    const answer = await fixture.call('/', { method: 'PUT', body: Buffer.alloc(700_000) });
    expect(await answer.body.text()).toBe('700000');
  });

  it('gives up after a bounded number of attempts', async () => {
    const dead = await Promise.all(
      Array.from({ length: 10 }, async () => backend(target([endpointAt(await closedPort())]))),
    );
    fixture.plane.apply(table([{ model: 'm', backends: dead }]));
    expect((await fixture.chat({ model: 'm' })).statusCode).toBe(503);
    expect(await fixture.plane.metrics()).toContain('headgate_failovers_total 5\n');
  });

  it('follows the order of the picker for pools, tells it who answered and when it is over, and the upstream where it was sent', async () => {
    await fixture.close();
    const told: string[] = [];
    fixture = await startFixture({
      picker: {
        update: () => undefined,
        applyObjects: () => undefined,
        explain: () => undefined,
        wantsUsage: true,
        pick: (_, candidates, __, settle) => {
          const [target = endpointAt(1), ...others] = [...candidates].reverse();
          const targets = [target, ...others] as const;
          const destination = targets.map(({ key }) => key).join(',');
          const facts = { targetModel: 'm', priority: 0, fairnessId: '', setHeaders: [], removeHeaders: [] };
          settle([...candidates].reverse(), { type: 'dispatch', targets, destination, ...facts });
          return {
            responseHeaders: (status, served) => {
              told.push(`${status} ${served}`);
              return [];
            },
            responseChunk: (bytes) => told.push(`${bytes} bytes`),
            usage: ({ promptTokens }) => told.push(`${promptTokens} tokens`),
            cancel: () => told.push('over'),
            completed: () => undefined,
          };
        },
        stop: () => undefined,
      },
    });
    const { endpoint } = await fixture.upstream((request, response) => {
      request.resume().on('end', () => response.end(request.headers['x-gateway-destination-endpoint']));
    });
    const dead = endpointAt(await closedPort());
    const pool = {
      type: 'pool',
      key: 'ns/p',
      failureMode: 'FailClose',
      protocol: 'http',
      endpoints: [endpoint, dead],
    } as const;
    fixture.plane.apply(table([{ model: 'm', backends: [backend(pool)] }]));
    expect(await ask()).toBe(endpoint.key);
    expect(told).toEqual([`200 ${endpoint.key}`, `${endpoint.key.length} bytes`, 'over']);
  });
});
