import { describe, expect, it } from 'vitest';
import { runFleet } from './fleet.ts';
import { defaultProfile, leastQueue, loraPolicies, policies, roundRobin, type Policy } from './policies.ts';
import { scaledCacheBlocks, scaledGroups, sharedPrefixOf, skewedLora, unrelated, type Workload } from './workloads.ts';

/** Small slices of `npm run bench:routing` on its virtual clock: the same figures every time. */
const fleet = { endpoints: 8, requests: 900 };

/** How many times longer the other policy's p90 of the time to first token is than ours. */
function p90Ratio(other: Policy, ours: Policy, workload: Workload, run: { rate: number; seed: number }): number {
  const scaled = { ...fleet, ...run, cacheBlocks: scaledCacheBlocks };
  return runFleet(other, workload, scaled).ttftMs.p90 / runFleet(ours, workload, scaled).ttftMs.p90;
}

describe.each([1, 2])('time to first token, p90, on a simulated fleet of 8, seed %d', (seed) => {
  it('is at least 3 times better than round robin where prompts share prefixes', () => {
    const workload = sharedPrefixOf(scaledGroups, 100);
    expect(p90Ratio(roundRobin, defaultProfile, workload, { rate: 4, seed })).toBeGreaterThan(3);
  });

  it.each([3, 4])('is within 3 percent of least queue where they do not, at %d requests/s each', (rate) => {
    expect(p90Ratio(leastQueue, defaultProfile, unrelated, { rate, seed })).toBeGreaterThan(0.97);
  });

  it('is at least 5 times better with LoRA affinity than without where adapters do not fit on every server', () => {
    const [withAffinity = defaultProfile] = loraPolicies;
    expect(p90Ratio(defaultProfile, withAffinity, skewedLora, { rate: 5, seed })).toBeGreaterThan(5);
  });
});

it('simulated fleets repeat exactly', () => {
  const run = { ...fleet, rate: 4, requests: 200, seed: 7 };
  for (const policy of policies) expect(runFleet(policy, unrelated, run)).toEqual(runFleet(policy, unrelated, run));
});
