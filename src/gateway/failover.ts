/**
 * In which order backends and endpoints are tried (aigateway.md 2.2, gatewayapi.md 9). A request moves on only when nothing of it
 * can have been processed: the endpoint refused the connection, did not take it in time, or there is none.
 */
import type { Picker, PickRequest } from '../picker/picker.ts';
import type { Endpoint, RouteRule, Tier, WeightedBackend } from '../routing/table.ts';
import type { UpstreamProtocol, Upstreams } from './upstreams.ts';

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

export interface Place {
  readonly backend: WeightedBackend;
  readonly protocol: UpstreamProtocol;
  readonly endpoint: Endpoint;
}

/** There is nowhere left to go; what the client is told. */
export interface Nowhere {
  readonly status: 500 | 503;
  readonly text: string;
}

export interface WalkContext {
  readonly picker: Picker | undefined;
  readonly upstreams: Upstreams;
  readonly random: () => number;
}

/** The places one request may go to, one after the other. */
export class TargetWalk {
  /** The backend of the latest place. */
  backend: WeightedBackend | undefined;
  /** Places handed out. */
  attempts = 0;
  readonly #rule: RouteRule;
  readonly #context: WalkContext;
  readonly #request: PickRequest;
  #endpoints: readonly Endpoint[] = [];
  #nextEndpoint = 0;
  #tried: WeightedBackend[] | undefined;

  constructor(rule: RouteRule, context: WalkContext, request: PickRequest) {
    this.#rule = rule;
    this.#context = context;
    this.#request = request;
  }

  next(): Place | Nowhere {
    if (this.backend === undefined) {
      const first = firstBackend(this.#rule.tiers, this.#context.random);
      if (first === undefined) return { status: 500, text: 'no backend of this route can be chosen' };
      this.#enter(first);
    }
    for (;;) {
      const { backend } = this;
      if (backend === undefined) return { status: 500, text: 'no backend of this route can be chosen' };
      const { target } = backend;
      if (target.type === 'invalid') {
        return { status: 500, text: `a backend of this route is not usable: ${target.message}` };
      }
      const endpoint = this.#endpoints[this.#nextEndpoint];
      const mayTry = this.attempts < maxConnectAttempts && this.#nextEndpoint < maxEndpointsPerBackend;
      if (endpoint !== undefined && mayTry) {
        this.#nextEndpoint += 1;
        this.attempts += 1;
        return { backend, protocol: target.protocol, endpoint };
      }
      const following = this.#following(backend);
      if (following === undefined) {
        const problem = this.attempts === 0 ? 'has no ready endpoint' : 'cannot be reached';
        return { status: 503, text: `${describeBackend(backend)} ${problem}` };
      }
      this.#enter(following);
    }
  }

  /** A plain route's backend without endpoints keeps its share, answered 503; that of an AI route is passed over like in Envoy. */
  #following(backend: WeightedBackend): WeightedBackend | undefined {
    if (this.attempts >= maxConnectAttempts || (this.attempts === 0 && !this.#rule.ai)) return undefined;
    const tried = (this.#tried ??= []);
    tried.push(backend);
    return nextBackend(this.#rule.tiers, tried, this.#context.random);
  }

  #enter(backend: WeightedBackend): void {
    this.backend = backend;
    this.#nextEndpoint = 0;
    const { target } = backend;
    const { picker, upstreams, random } = this.#context;
    if (target.type === 'invalid') this.#endpoints = [];
    else if (target.type === 'pool' && picker !== undefined) {
      this.#endpoints = picker.pick(target.key, target.endpoints, this.#request);
    } else {
      const busy = (endpoint: Endpoint): number => upstreams.inFlight(target.protocol, endpoint);
      this.#endpoints = orderEndpoints(target.endpoints, busy, random);
    }
  }
}

/** Names a backend to clients: its kind and name, never an address. */
export function describeBackend(backend: WeightedBackend | undefined): string {
  if (backend === undefined) return 'the backend';
  const { target } = backend;
  if (target.type === 'pool') return `InferencePool ${target.key}`;
  if (target.type === 'invalid') return `backend ${backend.id}`;
  return target.key.replace(/^(service|backend)\//, (_, kind) => (kind === 'service' ? 'Service ' : 'Backend '));
}
