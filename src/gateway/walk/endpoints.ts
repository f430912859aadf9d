import type { Endpoint } from '../../routes/table.ts';

/** Endpoints tried of one backend before the next backend gets its chance. */
export const maxEndpointsPerBackend = 3;

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
