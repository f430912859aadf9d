/** The places one request may go to, one after the other: endpoints of a backend, then the next backend. */
import { CredentialError } from '../../credentials/environment.ts';
import type { TlsDial } from '../../credentials/tls.ts';
import { drops } from '../../picker/decision.ts';
import { resolveTarget } from '../../routes/index.ts';
import type { Endpoint, EndpointSet, Pool, ResolvedTarget, RouteRule, WeightedBackend } from '../../routes/table.ts';
import { answer, refused, type Answer } from '../answers.ts';
import { isRefusal, type PickChanges, type PoolChoice, type PoolPick } from '../poolchoice.ts';
import { choosePoolEndpoints, refusalOf } from '../poolpick.ts';
import type { GatewayRequest } from '../request.ts';
import { firstBackend, nextBackend } from './backends.ts';
import { describeBackend } from './describe.ts';
import { maxEndpointsPerBackend, orderEndpoints } from './endpoints.ts';

/** Connections tried for one request, over all endpoints and backends. */
export const maxAttempts = 6;

export interface Place {
  readonly backend: WeightedBackend;
  readonly target: EndpointSet | Pool;
  readonly endpoint: Endpoint;
  /** How connections there are secured. */
  readonly tls: TlsDial | undefined;
  /** Of a pool: who chose the endpoint, and what of the request that changes. */
  readonly pick: PoolPick | undefined;
  readonly changes: PickChanges | undefined;
  /** On a connection that has carried nothing yet. */
  readonly fresh: boolean;
}

export interface WalkOwner {
  /** After `next` said that it is undecided: it can be called again. */
  onDecided(): void;
}

/** Somebody has still to decide; the walk's owner is told when it can go on. */
export const undecided = 'undecided';

export class Walk {
  /** The backend of the latest place. */
  backend: WeightedBackend | undefined;
  /** Places handed out. */
  attempts = 0;
  readonly #rule: RouteRule;
  readonly #request: GatewayRequest;
  readonly #owner: WalkOwner;
  #target: ResolvedTarget | undefined;
  #pick: PoolPick | undefined;
  #undecided = false;
  #refusal: Answer | undefined;
  #changes: PickChanges | undefined;
  #endpoints: readonly Endpoint[] = [];
  #tls: TlsDial | undefined;
  /** Why nothing may be sent to the backend, whatever endpoints it has. */
  #problem: string | undefined;
  #nextEndpoint = 0;
  #place: Place | undefined;
  #tried: WeightedBackend[] | undefined;

  constructor(rule: RouteRule, request: GatewayRequest, owner: WalkOwner) {
    this.#rule = rule;
    this.#request = request;
    this.#owner = owner;
  }

  /** The next place; what to tell the client when there is nowhere left to go. */
  next(): Place | Answer | typeof undecided {
    if (this.backend === undefined) {
      const first = firstBackend(this.#rule.tiers, this.#request.context.random);
      if (first === undefined) return answer('no_backend');
      this.#enter(first);
    }
    for (;;) {
      const { backend } = this;
      if (this.#undecided) return undecided;
      if (this.#refusal !== undefined) return this.#refusal;
      if (backend === undefined) return answer('no_backend');
      const target = this.#target;
      if (target === undefined || target.type === 'invalid') {
        return answer('backend_unusable', { problem: target?.message ?? backend.id });
      }
      const endpoint = this.#endpoints[this.#nextEndpoint];
      const mayTry = this.attempts < maxAttempts && this.#nextEndpoint < maxEndpointsPerBackend;
      if (endpoint !== undefined && mayTry) {
        this.#nextEndpoint += 1;
        this.attempts += 1;
        this.#place = {
          backend,
          target,
          endpoint,
          tls: this.#tls,
          pick: this.#pick,
          changes: this.#changes,
          fresh: false,
        };
        return this.#place;
      }
      const following = this.#following(backend);
      if (following === undefined) {
        if (this.#problem !== undefined) return answer('backend_unusable', { problem: this.#problem });
        return answer(this.attempts === 0 ? 'no_ready_endpoint' : 'backend_unreachable', {
          backend: describeBackend(backend),
        });
      }
      this.#enter(following);
    }
  }

  /** The latest place once more, on a fresh connection; undefined: it had one, or the request has been tried often enough. */
  again(): Place | undefined {
    if (this.#place === undefined || this.#place.fresh || this.attempts >= maxAttempts) return undefined;
    this.attempts += 1;
    this.#place = { ...this.#place, fresh: true };
    return this.#place;
  }

  /** A plain route's backend without endpoints keeps its share, answered 503; that of an AI route is passed over like in Envoy. */
  #following(backend: WeightedBackend): WeightedBackend | undefined {
    if (this.attempts >= maxAttempts || (this.attempts === 0 && this.#rule.kind !== 'llm')) return undefined;
    const tried = (this.#tried ??= []);
    tried.push(backend);
    return nextBackend(this.#rule.tiers, tried, this.#request.context.random);
  }

  #enter(backend: WeightedBackend): void {
    this.backend = backend;
    this.#nextEndpoint = 0;
    this.#changes = undefined;
    this.#tls = undefined;
    this.#problem = undefined;
    this.end();
    const { context, served } = this.#request;
    const target = resolveTarget(served.table, backend.target);
    this.#target = target;
    if (target.type === 'invalid') {
      this.#endpoints = [];
      return;
    }
    const { transport, random } = context;
    const { protocol } = target;
    if (target.type === 'endpoints') this.#secure(target);
    const tls = this.#tls;
    const busy = (endpoint: Endpoint): number => transport.inFlight({ protocol, endpoint, tls });
    const order = (endpoints: readonly Endpoint[]): readonly Endpoint[] => orderEndpoints(endpoints, busy, random);
    if (target.type !== 'pool') {
      this.#endpoints = this.#problem === undefined ? order(target.endpoints) : [];
      return;
    }
    let returned = false;
    this.#endpoints = [];
    this.#undecided = true;
    this.#pick = choosePoolEndpoints(context, target, this.#request, order, (choice) => {
      this.#take(choice);
      if (returned) this.#owner.onDecided();
    });
    returned = true;
  }

  #secure({ tls, problem }: EndpointSet): void {
    this.#problem = problem;
    if (tls === undefined) return;
    const { context, served } = this.#request;
    try {
      this.#tls = context.tls.dial(tls, served.gateway?.clientCertificate);
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      this.#problem = error.message;
    }
  }

  #take(choice: PoolChoice): void {
    this.#undecided = false;
    if (isRefusal(choice)) this.#refusal = refused(choice);
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

  /** The request has ended or goes to another backend: its picker need not think of it any more. */
  end(): void {
    this.#pick?.end();
    this.#pick = undefined;
  }
}
