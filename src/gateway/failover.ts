/**
 * In which order backends and endpoints are tried (aigateway.md 2.2, gatewayapi.md 9). A request moves on only when nothing of it
 * can have been processed: the endpoint refused the connection, did not take it in time, or there is none.
 */
import type { Endpoint, Tier, WeightedBackend } from '../routing/table.ts';

/** Connections tried for one request, over all endpoints and backends. */
export const maxConnectAttempts = 6;
/** Endpoints tried of one backend before the next backend gets its chance. */
export const maxEndpointsPerBackend = 3;

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

/**
 * Endpoints of a Service or Backend in the order to try: the less busy of two random ones first (two choices avoid the herding
 * of "the least busy of all"), then its neighbours.
 */
export function orderEndpoints(
  endpoints: readonly Endpoint[],
  inFlight: (endpoint: Endpoint) => number,
  random: () => number,
): readonly Endpoint[] {
  const count = endpoints.length;
  if (count < 2) return endpoints;
  let first = Math.floor(random() * count);
  // Distinct from the first, so that of two endpoints the less busy one is always seen.
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const [one, other] = [endpoints[first], endpoints[second]];
  if (one !== undefined && other !== undefined && inFlight(other) < inFlight(one)) first = second;
  const ordered: Endpoint[] = [];
  for (let step = 0; step < Math.min(count, maxEndpointsPerBackend); step += 1) {
    const endpoint = endpoints[(first + step) % count];
    if (endpoint !== undefined) ordered.push(endpoint);
  }
  return ordered;
}
