import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPicker, type Picker, type Picking } from '../../src/picker/picker.ts';
import type { Scrape } from '../../src/picker/metrics/scraper.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const request = { model: 'm', header: () => undefined };

function endpoints(count: number): { key: string; address: string; port: number }[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `10.0.0.${at + 1}:8000`,
    address: `10.0.0.${at + 1}`,
    port: 8000,
  }));
}

function vllm(waiting: number, running: number, kv: number, kvName = 'vllm:kv_cache_usage_perc'): string {
  return `# TYPE x gauge\nvllm:num_requests_waiting{model_name="m"} ${waiting}\nvllm:num_requests_running ${running}\n${kvName} ${kv}\n`;
}

let picker: Picker | undefined;
afterEach(() => {
  picker?.stop();
  vi.useRealTimers();
});

type Endpoints = ReturnType<typeof endpoints>;

/** The endpoints for one request, which is over at once unless `keep` takes what holds it. */
function pick(picker: Picker, candidates: Endpoints, keep?: (picking: Picking) => void): Endpoints {
  let picked: Endpoints = [];
  const picking = picker.pick('ns/p', candidates, request, (chosen) => (picked = [...chosen]));
  if (keep === undefined) picking.completed();
  else keep(picking);
  return picked;
}

/** A picker whose endpoints serve `pages` by key, after one round of scraping. */
async function scraped(
  pages: Record<string, string | Error>,
  candidates = endpoints(Object.keys(pages).length),
): Promise<{ picker: Picker; candidates: typeof candidates; counts: (rounds: number) => number[] }> {
  vi.useFakeTimers();
  const scrape: Scrape = (url) => {
    const page = pages[new URL(url).host] ?? new Error('unknown');
    return page instanceof Error ? Promise.reject(page) : Promise.resolve(page);
  };
  const made = createPicker({ scrape, log, now: () => performance.now() });
  picker = made;
  made.update(new Map([['ns/p', candidates]]));
  await vi.advanceTimersByTimeAsync(150);
  const counts = (rounds: number): number[] => {
    const result = candidates.map(() => 0);
    for (let round = 0; round < rounds; round += 1) {
      const [best] = pick(made, candidates);
      const at = candidates.findIndex((candidate) => candidate === best);
      result[at] = (result[at] ?? 0) + 1;
    }
    return result;
  };
  return { picker: made, candidates, counts };
}

const [a, b, c] = ['10.0.0.1:8000', '10.0.0.2:8000', '10.0.0.3:8000'];

describe('pick', () => {
  it('takes the shortest queue and the emptiest cache, best first', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(5, 1, 0.5), [b]: vllm(0, 1, 0.2), [c]: vllm(2, 1, 0.9) });
    expect(pick(picker, candidates).map(({ key }) => key)).toEqual([b, c, a]);
  });

  it('spreads idle requests over all endpoints, tie by tie at random', async () => {
    const { counts } = await scraped({ [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0), [c]: vllm(0, 0, 0) });
    for (const count of counts(300)) expect(count).toBeGreaterThan(60);
  });

  it('spreads a burst between two scrapes by what it has sent itself', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0), [c]: vllm(0, 0, 0) });
    const sent = new Map<string, number>();
    const running: Picking[] = [];
    const ofB: (Picking | undefined)[] = [];
    for (let round = 0; round < 30; round += 1) {
      const key =
        pick(picker, candidates, (picking) => {
          running.push(picking);
        })[0]?.key ?? '';
      if (key === b) ofB.push(running.at(-1));
      sent.set(key, (sent.get(key) ?? 0) + 1);
    }
    expect([...sent.values()]).toEqual([10, 10, 10]);
    for (const picking of ofB) picking?.completed();
    expect(pick(picker, candidates)[0]?.key).toBe(b);
  });

  it('does not count what the server has already reported', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 4, 0.1), [b]: vllm(0, 0, 0.2) });
    for (let round = 0; round < 4; round += 1) pick(picker, candidates, () => undefined);
    expect(pick(picker, candidates)[0]?.key).toBe(a);
  });

  it('reads the older KV cache name of vLLM', async () => {
    const old = 'vllm:gpu_cache_usage_perc';
    const { counts } = await scraped({ [a]: vllm(0, 0, 0.9, old), [b]: vllm(0, 0, 0.1, old) });
    expect(counts(20)).toEqual([0, 20]);
  });

  it('neither prefers nor shuts out an endpoint without metrics', async () => {
    const idle = await scraped({ [a]: new Error('refused'), [b]: vllm(0, 0, 0) });
    expect(Math.min(...idle.counts(100))).toBeGreaterThan(20);
    idle.picker.stop();
    const busy = await scraped({ [a]: new Error('refused'), [b]: vllm(3, 0, 0.4), [c]: vllm(0, 0, 0.1) });
    expect(busy.counts(50)).toEqual([0, 0, 50]);
  });

  it('no longer believes metrics that are stale', async () => {
    const pages: Record<string, string | Error> = { [a]: vllm(9, 0, 0.9), [b]: vllm(0, 0, 0) };
    const { picker, candidates, counts } = await scraped(pages);
    expect(counts(20)).toEqual([0, 20]);
    pages[a] = new Error('gone');
    pages[b] = new Error('gone');
    await vi.advanceTimersByTimeAsync(3_000);
    pick(picker, candidates);
    expect(Math.min(...counts(100))).toBeGreaterThan(20);
  });

  it('works before the first scrape, for candidates it was never told of, and for none', async () => {
    picker = createPicker({ scrape: () => new Promise(() => undefined), log });
    expect(pick(picker, endpoints(2))).toHaveLength(2);
    expect(pick(picker, endpoints(40))).toHaveLength(3);
    expect(pick(picker, [])).toEqual([]);
  });

  it('follows changes of a pool', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 0, 0.1), [b]: vllm(5, 0, 0.5), [c]: vllm(5, 0, 0.6) });
    const fewer = candidates.slice(1);
    picker.update(new Map([['ns/p', fewer]]));
    expect(pick(picker, fewer)[0]?.key).toBe(b);
    // The first comes back as a new endpoint of which nothing is known.
    picker.update(new Map([['ns/p', candidates]]));
    expect(pick(picker, candidates)[0]?.key).not.toBe(c);
  });
});

const config = (plugins: string[], more = ''): string =>
  `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [${plugins.map((type) => `{ type: ${type} }`).join(', ')}]
schedulingProfiles: [{ name: default, plugins: [${plugins.map((type) => `{ pluginRef: ${type} }`).join(', ')}] }]
${more}`;

describe('a pool with a configuration of its own', () => {
  it('decides by it, changes with it, and keeps what is known of its endpoints', async () => {
    const { picker, candidates, counts } = await scraped({ [a]: vllm(5, 0, 0.1), [b]: vllm(0, 0, 0.9) });
    const pools = new Map([['ns/p', candidates]]);
    picker.update(pools, new Map([['ns/p', config(['kv-cache-utilization-scorer'])]]));
    expect(counts(20)).toEqual([20, 0]);
    picker.update(pools, new Map([['ns/p', config(['queue-scorer'])]]));
    expect(counts(20)).toEqual([0, 20]);
    picker.update(pools, new Map([['ns/p', config(['random-picker'])]]));
    expect(Math.min(...counts(200))).toBeGreaterThan(50);
  });

  it('keeps the former one when the next cannot be used', async () => {
    const { picker, candidates, counts } = await scraped({ [a]: vllm(5, 0, 0.1), [b]: vllm(0, 0, 0.9) });
    const pools = new Map([['ns/p', candidates]]);
    picker.update(pools, new Map([['ns/p', config(['queue-scorer'])]]));
    picker.update(pools, new Map([['ns/p', config(['no-such-scorer'])]]));
    expect(counts(20)).toEqual([0, 20]);
  });

  it('gives back the session token of the endpoint that answered', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0) });
    picker.update(
      new Map([['ns/p', candidates]]),
      new Map([['ns/p', config(['session-affinity-scorer', 'max-score-picker'])]]),
    );
    const picking = picker.pick('ns/p', candidates, request, () => undefined);
    const [[name, token] = ['', '']] = picking.responseHeaders(200, b);
    picking.completed();
    expect([name, Buffer.from(token, 'base64').toString()]).toEqual(['x-session-token', b]);
    const asking = { model: 'm', header: (wanted: string) => (wanted === name ? token : undefined) };
    for (let round = 0; round < 20; round += 1) {
      picker.pick('ns/p', candidates, asking, (picked) => expect(picked[0]?.key).toBe(b)).completed();
    }
  });

  const queueing = config(['queue-scorer'], 'featureGates: [flowControl]');

  it('queues requests while it is saturated, and decides on them once it is not, also by a newer configuration', async () => {
    const pages = { [a]: vllm(50, 0, 1), [b]: vllm(50, 0, 1) };
    const { picker, candidates } = await scraped(pages);
    const pools = new Map([['ns/p', candidates]]);
    picker.update(pools, new Map([['ns/p', queueing]]));
    const settled: string[] = [];
    const ask = (name: string): Picking =>
      picker.pick('ns/p', candidates, request, (picked, { type }) => settled.push(`${name} ${type} ${picked.length}`));
    ask('first');
    ask('gone').cancel();
    await vi.advanceTimersByTimeAsync(300);
    expect(settled).toEqual([]);
    picker.update(pools, new Map([['ns/p', config(['random-picker'], 'featureGates: [flowControl]')]]));
    await vi.advanceTimersByTimeAsync(300);
    expect(settled).toEqual([]);
    Object.assign(pages, { [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0) });
    await vi.advanceTimersByTimeAsync(300);
    expect(settled).toEqual(['first dispatch 2']);
  });

  it('drops what is queued when it stops', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(50, 0, 1) });
    picker.update(new Map([['ns/p', candidates]]), new Map([['ns/p', queueing]]));
    const settled: string[] = [];
    picker.pick('ns/p', candidates, request, (_, { type }) => settled.push(type));
    picker.stop();
    expect(settled).toEqual(['drop']);
  });
});

describe('objects of the namespace', () => {
  const poolRef = { name: 'p' };
  const objective = {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceObjective',
    metadata: { name: 'batch', namespace: 'ns' },
    spec: { priority: -1, poolRef },
  };
  const rewrite = {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModelRewrite',
    metadata: { name: 'to-lora', namespace: 'ns' },
    spec: {
      poolRef,
      rules: [{ matches: [{ model: { type: 'Exact' as const, value: 'm' } }], targets: [{ modelRewrite: 'lora' }] }],
    },
  };

  it('sheds requests of negative priority while the pool is saturated, and says the model to ask for', async () => {
    const pages = { [a]: vllm(50, 0, 1) };
    const { picker, candidates } = await scraped(pages);
    picker.applyObjects([objective], [rewrite]);
    const decide = (name?: string): string => {
      let told = '';
      const header = (wanted: string) => (wanted === 'x-gateway-inference-objective' ? name : undefined);
      picker
        .pick('ns/p', candidates, { model: 'm', header }, (_, decision) => {
          told = decision.type === 'drop' ? `${decision.httpStatus} ${decision.reason}` : decision.targetModel;
        })
        .completed();
      return told;
    };
    expect([decide('batch'), decide('other'), decide()]).toEqual(['429 rejected-saturated', 'lora', 'lora']);
    Object.assign(pages, { [a]: vllm(0, 0, 0) });
    await vi.advanceTimersByTimeAsync(300);
    expect(decide('batch')).toBe('lora');
    // An idle pool is scraped once in a second, which does not make it saturated.
    for (let round = 0; round < 15; round += 1) {
      await vi.advanceTimersByTimeAsync(700);
      expect(decide('batch')).toBe('lora');
      if (round % 5 === 0) await vi.advanceTimersByTimeAsync(6_000);
    }
    picker.applyObjects([], []);
    expect(decide('batch')).toBe('m');
  });
});

describe('scraping', () => {
  it('is not delayed by an endpoint that hangs, which is given up after its own time', async () => {
    vi.useFakeTimers();
    const calls = new Map<string, number>();
    const scrape: Scrape = (url) => {
      const { host } = new URL(url);
      calls.set(host, (calls.get(host) ?? 0) + 1);
      return host === a ? new Promise(() => undefined) : Promise.resolve(vllm(0, 0, 0));
    };
    picker = createPicker({ scrape, log, now: () => performance.now() });
    picker.update(new Map([['ns/p', endpoints(3)]]));
    await vi.advanceTimersByTimeAsync(950);
    expect(calls.get(a)).toBe(1);
    expect(calls.get(b)).toBeGreaterThanOrEqual(8);
    expect(calls.get(c)).toBe(calls.get(b));
  });

  it('slows down when nobody asks, and stops when it is told to', async () => {
    vi.useFakeTimers();
    let calls = 0;
    const scrape: Scrape = () => {
      calls += 1;
      return Promise.resolve('');
    };
    picker = createPicker({ scrape, log, now: () => performance.now() });
    picker.update(new Map([['ns/p', endpoints(1)]]));
    await vi.advanceTimersByTimeAsync(6_000);
    calls = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(calls).toBe(5);
    picker.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(calls).toBe(5);
  });
});
