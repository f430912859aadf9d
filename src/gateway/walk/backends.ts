/** In which order the backends of a rule are tried (aigateway.md 2.2, gatewayapi.md 9). */
import type { Tier, WeightedBackend } from '../../routes/table.ts';

/**
 * The first backend of a request by weight in the lowest tier that can be chosen from. An invalid one keeps its share of
 * requests (gatewayapi.md 9); undefined: no backend has a weight.
 */
export function firstBackend(tiers: readonly Tier[], random: () => number): WeightedBackend | undefined {
  for (const tier of tiers) {
    if (tier.totalWeight <= 0) continue;
    if (tier.backends.length === 1) return tier.backends[0];
    let point = random() * tier.totalWeight;
    for (const backend of tier.backends) {
      point -= backend.weight;
      if (point < 0) return backend;
    }
    return tier.backends.findLast((backend) => backend.weight > 0);
  }
  return undefined;
}

/** The backend to try after those in `tried` could not be reached: the rest of the tier by weight, then the next tier. */
export function nextBackend(
  tiers: readonly Tier[],
  tried: readonly WeightedBackend[],
  random: () => number,
): WeightedBackend | undefined {
  const untried = tiers.map((tier) => {
    const backends = tier.backends.filter(
      (backend) => backend.weight > 0 && backend.target.type !== 'invalid' && !tried.includes(backend),
    );
    return { ...tier, backends, totalWeight: backends.reduce((sum, backend) => sum + backend.weight, 0) };
  });
  return firstBackend(untried, random);
}
