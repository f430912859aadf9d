/**
 * In which order backends and endpoints are tried (aigateway.md 2.2, gatewayapi.md 9). A request moves on only when nothing of it
 * can have been processed: the endpoint refused the connection, did not take it in time, or there is none.
 */
import { drops } from '../picker/decision.ts';
import {
  type Endpoint,
  type EndpointSet,
  type Pool,
  type ResolvedTarget,
  type RouteRule,
  type Tier,
  type WeightedBackend,
} from '../routes/table.ts';
import { resolveTarget, type LinkedTable } from '../routes/index.ts';
import { isRefusal, type PickChanges, type PoolChoice, type PoolPick, type Refusal } from './poolchoice.ts';
import { choosePoolEndpoints, refusalOf, type PoolPickContext, type PoolRequest } from './poolpick.ts';
import type { Upstreams } from './upstreams.ts';

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
  readonly target: EndpointSet | Pool;
  readonly endpoint: Endpoint;
  /** What the picker of a pool changes of the request. */
  readonly changes: PickChanges | undefined;
}

/** Somebody has still to decide; the walk's owner is told when it can go on. */
export const waiting = 'waiting';

export interface WalkContext extends PoolPickContext {
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
  readonly #table: LinkedTable;
  readonly #context: WalkContext;
  readonly #request: PoolRequest;
  readonly #resume: () => void;
  #target: ResolvedTarget | undefined;
  #pick: PoolPick | undefined;
  #waiting = false;
  #refusal: Refusal | undefined;
  #changes: PickChanges | undefined;
  #endpoints: readonly Endpoint[] = [];
  #nextEndpoint = 0;
  #tried: WeightedBackend[] | undefined;

  /** `resume`: after `next` said to wait, it can be called again. */
  constructor(rule: RouteRule, table: LinkedTable, context: WalkContext, request: PoolRequest, resume: () => void) {
    this.#rule = rule;
    this.#table = table;
    this.#context = context;
    this.#request = request;
    this.#resume = resume;
  }

  /** The next place; what to tell the client when there is nowhere left to go. */
  next(): Place | Refusal | typeof waiting {
    if (this.backend === undefined) {
      const first = firstBackend(this.#rule.tiers, this.#context.random);
      if (first === undefined) return nowhere(500, 'no backend of this route can be chosen');
      this.#enter(first);
    }
    for (;;) {
      const { backend } = this;
      if (this.#waiting) return waiting;
      if (this.#refusal !== undefined) return this.#refusal;
      if (backend === undefined) return nowhere(500, 'no backend of this route can be chosen');
      const target = this.#target;
      if (target === undefined || target.type === 'invalid') {
        return nowhere(500, `a backend of this route is not usable: ${target?.message ?? backend.id}`);
      }
      const endpoint = this.#endpoints[this.#nextEndpoint];
      const mayTry = this.attempts < maxConnectAttempts && this.#nextEndpoint < maxEndpointsPerBackend;
      if (endpoint !== undefined && mayTry) {
        this.#nextEndpoint += 1;
        this.attempts += 1;
        return { backend, target, endpoint, changes: this.#changes };
      }
      const following = this.#following(backend);
      if (following === undefined) {
        const problem = this.attempts === 0 ? 'has no ready endpoint' : 'cannot be reached';
        return nowhere(503, `${describeBackend(backend)} ${problem}`);
      }
      this.#enter(following);
    }
  }

  /** A plain route's backend without endpoints keeps its share, answered 503; that of an AI route is passed over like in Envoy. */
  #following(backend: WeightedBackend): WeightedBackend | undefined {
    if (this.attempts >= maxConnectAttempts || (this.attempts === 0 && this.#rule.kind !== 'llm')) return undefined;
    const tried = (this.#tried ??= []);
    tried.push(backend);
    return nextBackend(this.#rule.tiers, tried, this.#context.random);
  }

  #enter(backend: WeightedBackend): void {
    this.backend = backend;
    this.#nextEndpoint = 0;
    this.#changes = undefined;
    this.end();
    const target = resolveTarget(this.#table, backend.target);
    this.#target = target;
    if (target.type === 'invalid') {
      this.#endpoints = [];
      return;
    }
    const { upstreams, random } = this.#context;
    const busy = (endpoint: Endpoint): number => upstreams.inFlight(target.protocol, endpoint);
    const order = (endpoints: readonly Endpoint[]): readonly Endpoint[] => orderEndpoints(endpoints, busy, random);
    if (target.type !== 'pool') {
      this.#endpoints = order(target.endpoints);
      return;
    }
    let returned = false;
    this.#endpoints = [];
    this.#waiting = true;
    this.#pick = choosePoolEndpoints(this.#context, target, this.#request, order, (choice) => {
      this.#take(choice);
      if (returned) this.#resume();
    });
    returned = true;
  }

  #take(choice: PoolChoice): void {
    this.#waiting = false;
    if (isRefusal(choice)) this.#refusal = choice;
    else {
      this.#endpoints = choice.endpoints;
      this.#changes = choice.changes;
    }
  }

  /** Nobody waits any longer for a choice that has not come. */
  expire(): void {
    this.end();
    this.#take(refusalOf(drops.expired));
  }

  /** Tells the picker which endpoint answered; returns headers to set on the answer. */
  answered(status: number, headers: readonly string[], endpoint: Endpoint): ReturnType<PoolPick['responseHead']> {
    return this.#pick?.responseHead(status, headers, endpoint.key) ?? [];
  }

  /** The request has ended or goes to another backend: its picker need not think of it any more. */
  end(): void {
    this.#pick?.end();
    this.#pick = undefined;
  }
}

function nowhere(status: 500 | 503, text: string): Refusal {
  return { status, headers: [], text };
}

/** Names a backend to clients: its kind and name, never an address. */
export function describeBackend(backend: WeightedBackend | undefined): string {
  if (backend === undefined) return 'the backend';
  const { target } = backend;
  if (target.type === 'pool') return `InferencePool ${target.key}`;
  if (target.type === 'invalid') return `backend ${backend.id}`;
  return target.key.replace(/^(service|backend)\//, (_, kind) => (kind === 'service' ? 'Service ' : 'Backend '));
}
