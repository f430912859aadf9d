/**
 * Routing quality: time to first token, throughput and cache hits of picking policies on simulated fleets with a virtual clock. Repeatable:
 * `npm run bench:routing -- [--endpoints 8,32] [--requests 3200] [--seeds 1,2,3] [--rates all] [--only WORKLOAD]`. With `--real [--rounds 3]
 * [--pace 4] [--policy NAME]` once more in real time through Envoy, scaled down (realrouting.ts). What is simulated and how: docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { runFleet, type Outcome } from './fleet.ts';
import { defaultProfile, leastQueue, loraPolicies, policies, roundRobin, type Policy } from './policies.ts';
import { compareReal } from './realrouting.ts';
import { sharedPrefix, skewedLora, unrelated, type Workload } from './workloads.ts';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '8,32' },
    requests: { type: 'string', default: '3200' },
    /** Every rate of a workload, or the one in the middle. */
    rates: { type: 'string', default: 'middle' },
    /** With several, the median of each figure is shown, and the range of p90. */
    seeds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    real: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    pace: { type: 'string', default: '1' },
    policy: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(
    'npm run bench:routing -- [--endpoints 8,32] [--requests 3200] [--seeds 1,2,3] [--rates all] [--only WORKLOAD]',
  );
  console.log('npm run bench:routing -- --real [--rounds 3] [--pace 4] [--only WORKLOAD] [--policy NAME]');
  process.exit(0);
}
const requests = Number(values.requests);
const seeds = values.seeds.split(',').map(Number);
const startedMs = performance.now();

if (values.real) {
  const run = { endpoints: 8, rate: 4, requests: 900, seed: seeds[0] ?? 1 };
  const real = { ...run, pace: Number(values.pace), rounds: Number(values.rounds) };
  await compareReal(real, values.only, values.policy);
} else compareVirtual();
console.log(`\n(${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);

function compareVirtual(): void {
  for (const endpoints of values.endpoints.split(',').map(Number)) {
    for (const workload of [sharedPrefix, unrelated, skewedLora]) {
      if (!workload.name.includes(values.only)) continue;
      const middle = workload.rates.slice(1, 2);
      for (const rate of values.rates === 'all' ? workload.rates : middle) compare(workload, rate, endpoints);
    }
  }
}

function compare(workload: Workload, rate: number, endpoints: number): void {
  const asked = `${endpoints} endpoints, ${rate * endpoints} requests/s, ${requests} requests`;
  console.log(`\n${workload.name}, ${asked}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}\n`);
  console.log('| Policy | TTFT p50 | p90 | p99 ms | tokens/s | cache hits |\n|---|--:|--:|--:|--:|--:|');
  const p90s = new Map<Policy, readonly number[]>();
  const compared: readonly Policy[] = workload === skewedLora ? [...policies, ...loraPolicies] : policies;
  for (const policy of compared) {
    const outcomes = seeds.map((seed) => runFleet(policy, workload, { endpoints, rate, requests, seed }));
    const p90 = outcomes.map(({ ttftMs }) => ttftMs.p90);
    p90s.set(policy, p90);
    const figure = (read: (outcome: Outcome) => number): string => median(outcomes.map(read)).toFixed(0);
    const range = seeds.length === 1 ? '' : ` (${Math.min(...p90).toFixed(0)}-${Math.max(...p90).toFixed(0)})`;
    const cells = [
      figure(({ ttftMs }) => ttftMs.p50),
      figure(({ ttftMs }) => ttftMs.p90) + range,
      figure(({ ttftMs }) => ttftMs.p99),
      figure(({ tokensPerSecond }) => tokensPerSecond),
      `${figure(({ hitRate }) => hitRate * 100)} %`,
    ];
    console.log(`| ${policy.name} | ${cells.join(' | ')} |`);
  }
  /** The policy's p90 as a multiple of the default profile's, seed by seed. */
  const ratio = (policy: Policy): string => {
    const own = p90s.get(defaultProfile) ?? [];
    const ratios = (p90s.get(policy) ?? []).map((p90, at) => p90 / (own[at] ?? NaN)).sort((one, other) => one - other);
    const [least = NaN, most = NaN] = [ratios[0], ratios.at(-1)];
    return least === most ? least.toFixed(2) : `${least.toFixed(2)} to ${most.toFixed(2)}`;
  };
  console.log(
    `\nTTFT p90 against the default profile's: round robin ${ratio(roundRobin)}, least queue ${ratio(leastQueue)}`,
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
