/**
 * Routing quality: time to first token, throughput and cache hits of picking policies on simulated fleets with a virtual clock. Repeatable:
 * `npm run bench:routing -- [--endpoints 8,32] [--requests 3200] [--seed 1] [--rates all] [--only WORKLOAD]`. What is simulated and how: docs/performance.md.
 */
import { parseArgs } from 'node:util';
import { runFleet, type Outcome } from './fleet.ts';
import { defaultProfile, loraPolicies, policies, type Policy } from './policies.ts';
import { sharedPrefix, skewedLora, unrelated, type Workload } from './workloads.ts';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '8,32' },
    requests: { type: 'string', default: '3200' },
    /** Every rate of a workload, or the one in the middle. */
    rates: { type: 'string', default: 'middle' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const seed = Number(values.seed);
const startedMs = performance.now();

for (const endpoints of values.endpoints.split(',').map(Number)) {
  for (const workload of [sharedPrefix, unrelated, skewedLora]) {
    if (!workload.name.includes(values.only)) continue;
    const middle = workload.rates.slice(1, 2);
    for (const rate of values.rates === 'all' ? workload.rates : middle) compare(workload, rate, endpoints);
  }
}
console.log(`\n(${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);

function compare(workload: Workload, rate: number, endpoints: number): void {
  const requests = Number(values.requests);
  console.log(
    `\n${workload.name}, ${endpoints} endpoints, ${rate * endpoints} requests/s, ${requests} requests, seed ${seed}\n`,
  );
  console.log('| Policy | TTFT p50 | p90 | p99 ms | tokens/s | cache hits |\n|---|--:|--:|--:|--:|--:|');
  const outcomes = new Map<string, Outcome>();
  const compared: readonly Policy[] = workload === skewedLora ? [...policies, ...loraPolicies] : policies;
  for (const policy of compared) {
    const outcome = runFleet(policy, workload, { endpoints, rate, requests, seed });
    outcomes.set(policy.name, outcome);
    const { p50, p90, p99 } = outcome.ttftMs;
    const cells = [p50, p90, p99, outcome.tokensPerSecond].map((value) => value.toFixed(0));
    console.log(`| ${policy.name} | ${cells.join(' | ')} | ${(outcome.hitRate * 100).toFixed(0)} % |`);
  }
  const p90 = (name: string): number => outcomes.get(name)?.ttftMs.p90 ?? NaN;
  const ratio = (name: string): string => (p90(name) / p90(defaultProfile)).toFixed(2);
  console.log(
    `\ndefault profile's TTFT p90 is ${ratio('round robin')} times better than round robin's, ${ratio('least queue')} times least queue's`,
  );
}
