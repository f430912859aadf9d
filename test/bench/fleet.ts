/** A fleet of simulated 8B-class model servers on a virtual clock, and one run of a workload on it. */
import { createEngine, type Engine } from '../../src/simulator/engine.ts';
import type { LatencySettings } from '../../src/simulator/latency.ts';
import { createPrefixCache } from '../../src/simulator/prefixcache.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { createEventClock } from './eventclock.ts';
import type { Policy } from './policies.ts';
import type { Workload } from './workloads.ts';

/** An 8B model on one large accelerator: 20,000 prompt tokens/s, 12 ms per token, four times slower with all slots busy. */
export const latency: LatencySettings = {
  calculator: 'per-token',
  timeToFirstToken: 0,
  timeToFirstTokenStdDev: 0,
  interTokenLatency: 12,
  interTokenLatencyStdDev: 0,
  prefillOverhead: 20,
  prefillTimePerToken: 0.05,
  prefillTimeStdDev: 0,
  kvCacheTransferLatency: 0,
  kvCacheTransferLatencyStdDev: 0,
  kvCacheTransferTimePerToken: 0,
  kvCacheTransferTimeStdDev: 0,
  timeFactorUnderLoad: 4,
};
export const settings = { maxNumSeqs: 32, maxWaitingQueueLength: 100_000, maxLoras: 4 };
export const blockSize = 16;
/** 480,000 tokens: 60 GB of cache at 128 KB a token. */
export const cacheBlocks = 30_000;
const scrapeMs = 50;

export interface FleetRun {
  readonly endpoints: number;
  /** Requests per second and endpoint. */
  readonly rate: number;
  readonly requests: number;
  readonly seed: number;
  /** Blocks of each endpoint's cache, where the workload is scaled down too. */
  readonly cacheBlocks?: number;
  /** Milliseconds per token, where answers have fewer. */
  readonly tokenMs?: number;
}

export interface Outcome {
  readonly ttftMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  /** Tokens of answers per second, from the first arrival to the last answer. */
  readonly tokensPerSecond: number;
  /** Prompt tokens that were found in a cache, of all. */
  readonly hitRate: number;
}

export function runFleet(policy: Policy, workload: Workload, run: FleetRun): Outcome {
  const blocks = run.cacheBlocks ?? cacheBlocks;
  const runLatency = { ...latency, interTokenLatency: run.tokenMs ?? latency.interTokenLatency };
  const clock = createEventClock();
  const chooser = policy.start(run.endpoints, clock, run.seed);
  const engines = Array.from({ length: run.endpoints }, (_, at) =>
    createEngine({
      settings,
      latency: () => runLatency,
      clock,
      random: createRandom(run.seed + at),
      cache: createPrefixCache(blocks, blockSize),
    }),
  );
  const ttfts: number[] = [];
  let [promptTokens, cachedTokens, outputTokens] = [0, 0, 0];
  const arrivals = workload.arrivals(run.rate * run.endpoints, run.requests, run.seed)[Symbol.iterator]();

  const scrape = (at: number, engine: Engine): void => {
    const { running, waiting, kvCacheUsage, runningLoras, waitingLoras } = engine.load();
    const lora = { max: settings.maxLoras, active: runningLoras, waiting: waitingLoras };
    chooser.scraped(at, {
      running,
      waiting,
      kvUsage: kvCacheUsage,
      lora,
      cacheBlockSize: blockSize,
      cacheBlocks: blocks,
    });
    clock.after(scrapeMs, () => {
      scrape(at, engine);
    });
  };
  // Spread over the interval, as they are in production.
  for (const [at, engine] of engines.entries()) {
    clock.after((at / run.endpoints) * scrapeMs, () => {
      scrape(at, engine);
    });
  }

  const arriveNext = (): void => {
    const next = arrivals.next();
    if (next.done === true) return;
    const arrival = next.value;
    clock.after(arrival.atMs - clock.now(), () => {
      const { at, ended } = chooser.choose(arrival);
      engines[at]?.submit({
        model: arrival.model,
        lora: arrival.lora,
        promptTokens: arrival.tokens,
        outputTokens: arrival.outputTokens,
        remotePrefill: false,
        onTokens: () => undefined,
        onDone: (timing) => {
          ended();
          ttfts.push(timing.firstTokenAt - timing.queuedAt);
          promptTokens += arrival.tokens.length;
          cachedTokens += timing.cachedTokens;
          outputTokens += arrival.outputTokens;
        },
      });
      arriveNext();
    });
  };
  arriveNext();
  clock.runUntil(() => ttfts.length === run.requests);

  return {
    ttftMs: percentiles(ttfts),
    tokensPerSecond: (outputTokens / clock.now()) * 1_000,
    hitRate: cachedTokens / promptTokens,
  };
}

export function percentiles(values: readonly number[]): { p50: number; p90: number; p99: number } {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
