import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPicker, type Picker } from '../../src/picker/picker.ts';
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
      const [best] = made.pick('ns/p', candidates, request);
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
    expect(picker.pick('ns/p', candidates, request).map(({ key }) => key)).toEqual([b, c, a]);
  });

  it('spreads idle requests over all endpoints, tie by tie at random', async () => {
    const { counts } = await scraped({ [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0), [c]: vllm(0, 0, 0) });
    for (const count of counts(300)) expect(count).toBeGreaterThan(60);
  });

  it('spreads a burst between two scrapes by what it has sent itself', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 0, 0), [b]: vllm(0, 0, 0), [c]: vllm(0, 0, 0) });
    const sent = new Map<string, number>();
    for (let round = 0; round < 30; round += 1) {
      const key = picker.pick('ns/p', candidates, request)[0]?.key ?? '';
      picker.started(key);
      sent.set(key, (sent.get(key) ?? 0) + 1);
    }
    expect([...sent.values()]).toEqual([10, 10, 10]);
    for (let round = 0; round < 10; round += 1) picker.finished(b);
    expect(picker.pick('ns/p', candidates, request)[0]?.key).toBe(b);
  });

  it('does not count what the server has already reported', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 4, 0.1), [b]: vllm(0, 0, 0.2) });
    for (let round = 0; round < 4; round += 1) picker.started(a);
    expect(picker.pick('ns/p', candidates, request)[0]?.key).toBe(a);
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
    picker.pick('ns/p', candidates, request);
    expect(Math.min(...counts(100))).toBeGreaterThan(20);
  });

  it('works before the first scrape, for candidates it was never told of, and for none', async () => {
    picker = createPicker({ scrape: () => new Promise(() => undefined), log });
    expect(picker.pick('ns/p', endpoints(2), request)).toHaveLength(2);
    expect(picker.pick('ns/p', endpoints(40), request)).toHaveLength(3);
    expect(picker.pick('ns/p', [], request)).toEqual([]);
  });

  it('follows changes of a pool', async () => {
    const { picker, candidates } = await scraped({ [a]: vllm(0, 0, 0.1), [b]: vllm(5, 0, 0.5), [c]: vllm(5, 0, 0.6) });
    const fewer = candidates.slice(1);
    picker.update(new Map([['ns/p', fewer]]));
    expect(picker.pick('ns/p', fewer, request)[0]?.key).toBe(b);
    // The first comes back as a new endpoint of which nothing is known.
    picker.update(new Map([['ns/p', candidates]]));
    expect(picker.pick('ns/p', candidates, request)[0]?.key).not.toBe(c);
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
