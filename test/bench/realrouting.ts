/**
 * The cross-check of routing quality: simulated model servers in real time, a real Envoy with the bootstrap of examples/envoy, and pickers as
 * processes over ext_proc, ours and upstream's with the same flags and pool. Scaled down to end sooner; the same arrivals run on the virtual
 * clock beside it. SGLANG_ROUTER and VLLM_ROUTER name programs of PyPI's sglang-router and vllm-router that are compared too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { envoySkipMessage, findEnvoy, startEnvoy } from '../e2e/envoyproxy.ts';
import { blockSize, latency, percentiles, runFleet, settings, type FleetRun, type Outcome } from './fleet.ts';
import { defaultProfile, roundRobin, type Policy } from './policies.ts';
import { freePorts, startProgram, waitFor } from './processes.ts';
import { findUpstreamPicker, ourPicker, startPicker, startPool } from './pickers.ts';
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
const workloads = [sharedPrefixOf(scaledGroups, 100 / fewer), unrelatedOf(fewer)];

interface Servers {
  readonly addresses: readonly string[];
  readonly port: number;
}

interface RealPolicy {
  readonly name: string;
  /** Starts what stands before the servers, and gives its URL; what must be closed afterwards is added to `closers`. */
  start(servers: Servers, closers: (() => Promise<void>)[]): Promise<string>;
  /** The same on the virtual clock. */
  readonly simulated?: Policy;
}

const urlsOf = ({ addresses, port }: Servers): string[] => addresses.map((address) => `${address}:${port}`);

/** Envoy's own round robin: its FailOpen listener, with nobody where it looks for a picker. */
function envoyAlone(binary: string): RealPolicy {
  return {
    name: 'round robin of Envoy, without a picker',
    simulated: roundRobin,
    async start(servers, closers) {
      const [nobody = 0] = await freePorts(1);
      const envoy = await startEnvoy(binary, { picker: nobody, servers: urlsOf(servers) });
      closers.push(() => envoy.stop());
      return envoy.buffered;
    },
  };
}

/** A picker without any configuration, asked by Envoy. */
function behindEnvoy(binary: string, name: string, command: readonly [string, ...string[]]): RealPolicy {
  return {
    name,
    simulated: defaultProfile,
    async start(servers, closers) {
      const pool = await startPool(servers.addresses, servers.port);
      closers.push(() => pool.close());
      const picker = await startPicker(command, pool, servers.addresses.length);
      closers.push(() => picker.stop());
      const envoy = await startEnvoy(binary, { picker: picker.grpcPort, servers: urlsOf(servers) });
      closers.push(() => envoy.stop());
      return envoy.duplex;
    },
  };
}

/** A router that stands in Envoy's place: it knows what it sends itself, and reads no metrics. */
function router(name: string, command: readonly [string, ...string[]]): RealPolicy {
  return {
    name,
    async start(servers, closers) {
      const [port = 0, metricsPort = 0] = await freePorts(2);
      const [program, ...argv] = command;
      const workers = urlsOf(servers).map((url) => `http://${url}`);
      const ports = ['--host', '127.0.0.1', '--port', String(port), '--prometheus-port', String(metricsPort)];
      const flags = [...argv, ...ports, '--policy', 'cache_aware', '--log-level', 'error', '--worker-urls', ...workers];
      const started = startProgram(program, flags);
      closers.push(() => started.stop());
      const url = `http://127.0.0.1:${port}`;
      await waitFor(started, `waited for ${name}`, async () => {
        const answer = await fetch(`${url}/v1/models`).catch(() => undefined);
        return answer?.status === 200 ? true : undefined;
      });
      return url;
    },
  };
}

export interface RealRun extends FleetRun {
  /** How many times slower than real everything goes, so that a busy machine disturbs less; figures are given as without it. */
  readonly pace: number;
  /** Each goes in the other order than the one before, so that other work on the machine hits all alike; the one with the median p90 is shown. */
  readonly rounds: number;
}

/** @param only part of the workload's name  @param policy part of the policies' names */
export async function compareReal(run: RealRun, only: string, policy: string): Promise<void> {
  const envoy = findEnvoy();
  if (envoy === undefined) return console.log(envoySkipMessage);
  const upstream = findUpstreamPicker();
  if (upstream === undefined) console.log('without the upstream picker: test/tools/epp/build cannot build it here');
  const { SGLANG_ROUTER: sglang, VLLM_ROUTER: vllm } = process.env;
  const all: readonly RealPolicy[] = [
    envoyAlone(envoy),
    behindEnvoy(envoy, 'headgate epp, default profile', ourPicker),
    ...(upstream === undefined ? [] : [behindEnvoy(envoy, 'upstream EPP, default profile', [upstream])]),
    ...(sglang === undefined ? [] : [router('sglang-router, cache_aware', [sglang, 'launch'])]),
    ...(vllm === undefined ? [] : [router('vllm-router, cache_aware', [vllm])]),
  ];
  const compared = all.filter(({ name }) => name.includes(policy));
  for (const workload of workloads.filter(({ name }) => name.includes(only))) {
    const asked = `${run.endpoints} endpoints, ${run.rate * run.endpoints} requests/s, ${run.requests} requests, seed ${run.seed}, ${run.rounds} rounds, ${run.pace} times slower`;
    console.log(`\n${workload.name}, in real time through Envoy; ${asked}\n`);
    console.log(
      '| Policy | TTFT p50 | p90 | p99 ms | tokens/s | cache hits | most asked | outside, mean ms | failed |',
    );
    console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
    const outcomes = new Map<RealPolicy, RealOutcome[]>(compared.map((policy) => [policy, []]));
    for (let round = 0; round < run.rounds; round += 1) {
      for (const policy of round % 2 === 0 ? compared : compared.toReversed()) {
        outcomes.get(policy)?.push(await runReal(policy, workload, run));
      }
    }
    for (const [{ name }, measured] of outcomes) {
      measured.sort((one, other) => one.ttftMs.p90 - other.ttftMs.p90);
      const [middle, first, last] = [measured[measured.length >> 1], measured[0], measured.at(-1)];
      if (middle === undefined || first === undefined || last === undefined) continue;
      const range = run.rounds === 1 ? '' : ` (p90 ${first.ttftMs.p90.toFixed(0)} to ${last.ttftMs.p90.toFixed(0)})`;
      show(`${name}${range}`, middle);
    }
    for (const policy of new Set(compared.flatMap(({ simulated }) => simulated ?? []))) {
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

const serverFlags = (pace: number): string[] =>
  [
    ['--model', baseModel],
    ['--max-num-seqs', settings.maxNumSeqs],
    ['--max-waiting-queue-length', settings.maxWaitingQueueLength],
    ['--max-model-len', 100_000],
    ['--latency-calculator', 'per-token'],
    ['--inter-token-latency', `${tokenMs * pace}ms`],
    ['--prefill-overhead', `${latency.prefillOverhead * pace}ms`],
    ['--prefill-time-per-token', `${latency.prefillTimePerToken * 1_000 * pace}us`],
    ['--time-factor-under-load', latency.timeFactorUnderLoad],
    ['--kv-cache-size', cacheBlocks],
    ['--block-size', blockSize],
  ]
    .flat()
    .map(String);

/** One policy with servers whose caches are empty. */
async function runReal(policy: RealPolicy, workload: Workload, run: RealRun): Promise<RealOutcome> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const program = new URL('modelservers.ts', import.meta.url).pathname;
    const servers = startProgram(process.execPath, [program, String(run.endpoints), ...serverFlags(run.pace)]);
    closers.push(() => servers.stop());
    const port = await waitFor(servers, 'waited for the model servers', () => /^\d+$/m.exec(servers.output())?.[0]);
    const addresses = Array.from({ length: run.endpoints }, (_, at) => `127.0.0.${at + 2}`);
    const fleet = { addresses, port: Number(port) };
    const url = await policy.start(fleet, closers);
    const arrivals = [...workload.arrivals(run.rate * run.endpoints, run.requests, run.seed)];
    const { ttfts, tookMs, outputTokens, failed } = await send(arrivals, url, run.pace);
    const { hitRate, mostAsked, meanTtftMs } = await readServers(urlsOf(fleet));
    return {
      ttftMs: percentiles(ttfts),
      tokensPerSecond: (outputTokens / tookMs) * 1_000,
      hitRate,
      outsideMs: ttfts.reduce((sum, ttft) => sum + ttft, 0) / ttfts.length - meanTtftMs / run.pace,
      mostAsked,
      failed,
    };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Sends every request when its time has come, whatever the others do. */
async function send(arrivals: readonly Arrival[], url: string, pace: number) {
  const agent = new Agent({ connections: null, headersTimeout: 120_000 });
  const ttfts: number[] = [];
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
    ttfts.push((firstAt - sentAt) / pace);
    outputTokens += arrival.outputTokens;
  };
  const startedAt = performance.now();
  const asked: Promise<void>[] = [];
  for (const arrival of arrivals) {
    const waitMs = startedAt + arrival.atMs * pace - performance.now();
    if (waitMs > 0) await delay(waitMs);
    asked.push(
      ask(arrival).catch((error: unknown) => {
        if (failed === 0) console.log(`first failure: ${String(error)}`);
        failed += 1;
      }),
    );
  }
  await Promise.all(asked);
  const tookMs = (performance.now() - startedAt) / pace;
  await agent.close();
  return { ttfts, tookMs, outputTokens, failed };
}

/** What the servers say of all their requests. */
async function readServers(servers: readonly string[]) {
  const pages = await Promise.all(servers.map(async (server) => (await fetch(`http://${server}/metrics`)).text()));
  const read = (name: string): number[] =>
    pages.map((page) => Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(page)?.[1]));
  const sum = (name: string): number => read(name).reduce((total, value) => total + value, 0);
  const requests = sum('vllm:time_to_first_token_seconds_count');
  return {
    hitRate: sum('vllm:prefix_cache_hits_total') / sum('vllm:prefix_cache_queries_total'),
    mostAsked: Math.max(...read('vllm:time_to_first_token_seconds_count')) / requests,
    meanTtftMs: (sum('vllm:time_to_first_token_seconds_sum') / requests) * 1_000,
  };
}
