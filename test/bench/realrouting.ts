/**
 * The cross-check of routing quality: simulated model servers in real time, a real Envoy with the bootstrap of examples/envoy, and pickers as
 * processes over ext_proc, ours and upstream's with the same flags and pool. Scaled down to end sooner; the same arrivals run on the virtual
 * clock beside it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { envoySkipMessage, findEnvoy, startEnvoy } from '../e2e/envoyproxy.ts';
import { blockSize, latency, percentiles, runFleet, settings, type FleetRun, type Outcome } from './fleet.ts';
import { defaultProfile, roundRobin, type Policy } from './policies.ts';
import { startProgram, waitFor } from './processes.ts';
import { findUpstreamPicker, ourPicker, startPicker, startPool } from './realpool.ts';
import {
  baseModel,
  scaledCacheBlocks,
  scaledGroups,
  sharedPrefixOf,
  unrelatedOf,
  type Arrival,
  type Workload,
} from './workloads.ts';

/** Answers have a quarter of the tokens, each of which takes four times as long: as busy slots, and fewer events for this machine. */
const fewer = 4;
const tokenMs = latency.interTokenLatency * fewer;
const scaled = [sharedPrefixOf(scaledGroups, 100 / fewer), unrelatedOf(fewer)];

interface RealPolicy {
  readonly name: string;
  /** Without a picker Envoy's own round robin decides. */
  readonly picker: readonly [string, ...string[]] | undefined;
  /** The same on the virtual clock. */
  readonly simulated: Policy;
}

export async function compareReal(run: FleetRun, only: string): Promise<void> {
  const envoy = findEnvoy();
  if (envoy === undefined) return console.log(envoySkipMessage);
  const upstream = findUpstreamPicker();
  if (upstream === undefined) console.log('without the upstream picker: test/tools/epp/build cannot build it here');
  const compared: readonly RealPolicy[] = [
    { name: 'round robin of Envoy, without a picker', picker: undefined, simulated: roundRobin },
    { name: 'headgate epp, default profile', picker: ourPicker, simulated: defaultProfile },
    ...(upstream === undefined
      ? []
      : [{ name: 'upstream EPP, default profile', picker: [upstream] as const, simulated: defaultProfile }]),
  ];
  for (const workload of scaled.filter(({ name }) => name.includes(only))) {
    const asked = `${run.endpoints} endpoints, ${run.rate * run.endpoints} requests/s, ${run.requests} requests, seed ${run.seed}`;
    console.log(`\n${workload.name}, in real time through Envoy; ${asked}\n`);
    console.log(
      '| Policy | TTFT p50 | p90 | p99 ms | tokens/s | cache hits | most asked | outside, mean ms | failed |',
    );
    console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
    for (const policy of compared.toReversed()) {
      show(policy.name, await runReal(envoy, policy, workload, run));
    }
    for (const policy of new Set(compared.map(({ simulated }) => simulated))) {
      show(`on the virtual clock: ${policy.name}`, runFleet(policy, workload, { ...run, cacheBlocks, tokenMs }));
    }
  }
}

const cacheBlocks = scaledCacheBlocks;

interface RealOutcome extends Outcome {
  /** Share of the requests that the most asked endpoint got. */
  readonly mostAsked: number;
  readonly failed: number;
  /** Mean time to the first token that passed outside the servers: client, Envoy, picker and their waiting for a core. */
  readonly outsideMs: number;
}

function show(name: string, outcome: Outcome | RealOutcome): void {
  const { p50, p90, p99 } = outcome.ttftMs;
  const cells = [p50, p90, p99, outcome.tokensPerSecond * fewer].map((value) => value.toFixed(0));
  const real =
    'failed' in outcome
      ? [`${(outcome.mostAsked * 100).toFixed(0)} %`, outcome.outsideMs.toFixed(0), String(outcome.failed)]
      : ['', '', ''];
  console.log(`| ${name} | ${[...cells, `${(outcome.hitRate * 100).toFixed(0)} %`, ...real].join(' | ')} |`);
}

const serverFlags = [
  ['--model', baseModel],
  ['--max-num-seqs', settings.maxNumSeqs],
  ['--max-waiting-queue-length', settings.maxWaitingQueueLength],
  ['--max-model-len', 100_000],
  ['--latency-calculator', 'per-token'],
  ['--inter-token-latency', `${tokenMs}ms`],
  ['--prefill-overhead', `${latency.prefillOverhead}ms`],
  ['--prefill-time-per-token', `${latency.prefillTimePerToken * 1_000}us`],
  ['--time-factor-under-load', latency.timeFactorUnderLoad],
  ['--kv-cache-size', cacheBlocks],
  ['--block-size', blockSize],
].flat();

/** One policy with servers whose caches are empty. */
async function runReal(binary: string, policy: RealPolicy, workload: Workload, run: FleetRun): Promise<RealOutcome> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const program = new URL('modelservers.ts', import.meta.url).pathname;
    const servers = startProgram(process.execPath, [program, ...[run.endpoints, ...serverFlags].map(String)]);
    closers.push(() => servers.stop());
    const port = await waitFor(servers, 'waited for the model servers', () => /^\d+$/m.exec(servers.output())?.[0]);
    const addresses = Array.from({ length: run.endpoints }, (_, at) => `127.0.0.${at + 2}`);
    const urls = addresses.map((address) => `${address}:${port}`);
    let grpcPort = 9;
    if (policy.picker !== undefined) {
      const pool = await startPool(addresses, Number(port));
      closers.push(() => pool.close());
      const picker = await startPicker(policy.picker, pool, run.endpoints, undefined);
      closers.push(() => picker.stop());
      grpcPort = picker.grpcPort;
    }
    const envoy = await startEnvoy(binary, { picker: grpcPort, servers: urls });
    closers.push(() => envoy.stop());
    const url = policy.picker === undefined ? envoy.buffered : envoy.duplex;
    const arrivals = [...workload.arrivals(run.rate * run.endpoints, run.requests, run.seed)];
    const { ttfts, tookMs, outputTokens, byPod, failed } = await send(arrivals, url);
    const { hitRate, meanTtftMs } = await readServers(urls);
    return {
      ttftMs: percentiles(ttfts),
      tokensPerSecond: (outputTokens / tookMs) * 1_000,
      hitRate,
      outsideMs: ttfts.reduce((sum, ttft) => sum + ttft, 0) / ttfts.length - meanTtftMs,
      mostAsked: Math.max(...byPod.values()) / run.requests,
      failed,
    };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Sends every request when its time has come, whatever the others do. */
async function send(arrivals: readonly Arrival[], url: string) {
  const agent = new Agent({ connections: null, headersTimeout: 120_000 });
  const ttfts: number[] = [];
  const byPod = new Map<string, number>();
  let [outputTokens, failed] = [0, 0];
  const ask = async (arrival: Arrival): Promise<void> => {
    const sentAt = performance.now();
    const answer = await request(`${url}/v1/chat/completions`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: arrival.body,
    });
    let firstAt = 0;
    for await (const _ of answer.body) firstAt ||= performance.now();
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    ttfts.push(firstAt - sentAt);
    outputTokens += arrival.outputTokens;
    const pod = String(answer.headers['x-inference-pod']);
    byPod.set(pod, (byPod.get(pod) ?? 0) + 1);
  };
  const startedAt = performance.now();
  const asked: Promise<void>[] = [];
  for (const arrival of arrivals) {
    const waitMs = startedAt + arrival.atMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    asked.push(
      ask(arrival).catch((error: unknown) => {
        if (failed === 0) console.log(`first failure: ${String(error)}`);
        failed += 1;
      }),
    );
  }
  await Promise.all(asked);
  const tookMs = performance.now() - startedAt;
  await agent.close();
  return { ttfts, tookMs, outputTokens, byPod, failed };
}

/** What the servers say of all their requests. */
async function readServers(servers: readonly string[]): Promise<{ hitRate: number; meanTtftMs: number }> {
  const pages = await Promise.all(servers.map(async (server) => (await fetch(`http://${server}/metrics`)).text()));
  const sum = (name: string): number =>
    pages.reduce((total, page) => total + Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(page)?.[1]), 0);
  return {
    hitRate: sum('vllm:prefix_cache_hits_total') / sum('vllm:prefix_cache_queries_total'),
    meanTtftMs: (sum('vllm:time_to_first_token_seconds_sum') / sum('vllm:time_to_first_token_seconds_count')) * 1_000,
  };
}
