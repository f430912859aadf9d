/**
 * The way of one request through the gateway (design sections 2 and 6): the steps that find its rule, the steps of the rule, the walk
 * over backends and endpoints, the steps of each attempt, the answer relayed, and all of it accounted for.
 */
import type { Duplex } from 'node:stream';
import { answer, rendered, type Answer } from './answers.ts';
import { account } from './account.ts';
import { dropBody, takeBodyChunk } from './bodyintake.ts';
import { chainsOf, findingSteps } from './chains.ts';
import { debugHeaders } from './debugheaders.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { Relay, type RelayOwner } from './relay.ts';
import { GatewayRequest, type GatewayContext, type SocketView } from './request.ts';
import { BufferedBody } from './requestbody.ts';
import { waits } from './steps/client/step.ts';
import { Attempt, type AttemptEvents } from './steps/upstream/attempt.ts';
import type { TransportFailure } from './transport.ts';
import { describeBackend } from './walk/describe.ts';
import { mayRepeat } from './walk/repeat.ts';
import { undecided, Walk, type Place, type WalkOwner } from './walk/walk.ts';

/** How the status of a request whose client went away is counted; it is never sent. */
const clientGone = 499;

export class Pipeline implements ExchangeHandler, AttemptEvents, WalkOwner, RelayOwner {
  readonly #request: GatewayRequest;
  readonly #relay: Relay;
  #steps = findingSteps;
  #at = 0;
  /** Times that it was sent again after it may have been seen. */
  #repeats = 0;
  #walk: Walk | undefined;
  #attempt: Attempt | undefined;
  #requestTimer: NodeJS.Timeout | undefined;
  #pickTimer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(context: GatewayContext, served: SocketView, exchange: Exchange) {
    this.#request = new GatewayRequest(context, served, exchange);
    this.#relay = new Relay(this.#request, this);
    exchange.handler = this;
    context.metrics.inFlight += 1;
  }

  /** Goes on with the steps, from the one that has waited. */
  advance(): void {
    const request = this.#request;
    for (;;) {
      const step = this.#steps[this.#at];
      if (step !== undefined) {
        const outcome = step(request);
        if (outcome === waits) return;
        if (outcome !== undefined) {
          this.onAnswer(outcome);
          return;
        }
        this.#at += 1;
      } else if (this.#steps === findingSteps && request.rule !== undefined) {
        this.#limitTime(request.rule.requestTimeoutMs);
        this.#steps = chainsOf(request.rule).client;
        this.#at = 0;
      } else {
        this.#sendNext();
        return;
      }
    }
  }

  /** From the head of the request to the end of its answer, over all attempts. */
  #limitTime(timeoutMs: number | undefined): void {
    if (timeoutMs === undefined || timeoutMs <= 0) return;
    const { context, startedMs } = this.#request;
    const leftMs = Math.max(1, timeoutMs - (context.now() - startedMs));
    this.#requestTimer = setTimeout(() => {
      this.onAnswer(answer('request_timeout'));
    }, leftMs);
  }

  // ---- the body of the client

  onBodyChunk(chunk: Buffer): void {
    if (this.#over) return;
    const refusal = takeBodyChunk(this.#request, chunk);
    if (refusal !== undefined) this.onAnswer(refusal);
  }

  onBodyEnd(): void {
    if (this.#over) return;
    const { body } = this.#request;
    if (body instanceof BufferedBody) {
      const { served, context } = this.#request;
      const received = body.size;
      body.end(served.gateway?.bodyLimitBytes ?? 0, () => {
        if (this.#over) return;
        context.metrics.bufferedBytes += body.size - received;
        this.advance();
      });
    } else body?.push(null);
  }

  // ---- attempts

  /** Sends the request to the next place it may go, or answers why there is none. */
  #sendNext(): void {
    const { rule, context } = this.#request;
    if (rule === undefined) return;
    const walk = (this.#walk ??= new Walk(rule, this.#request, this));
    const next = walk.next();
    this.#request.backend = walk.backend;
    if (next === undecided) this.#pickTimer = setTimeout(waitedEnough, context.pickTimeoutMs, this);
    else if ('status' in next) this.onAnswer(next);
    else this.#send(next);
  }

  #send(place: Place): void {
    const { rule, context } = this.#request;
    const chain = rule && chainsOf(rule).upstream.get(place.backend);
    if (chain === undefined) return;
    const attempt = new Attempt(this.#request, place, this);
    this.#attempt = attempt;
    if ((this.#walk?.attempts ?? 0) > 1) context.metrics.failovers += 1;
    this.#relay.begin();
    chain(attempt);
  }

  /** The picker has chosen. */
  onDecided(): void {
    if (this.#pickTimer !== undefined) clearTimeout(this.#pickTimer);
    if (!this.#over) this.#sendNext();
  }

  /** The request was queued for too long. */
  onWaitedEnough(): void {
    if (this.#over) return;
    this.#walk?.expire();
    this.#sendNext();
  }

  #endAttempt(): void {
    this.#relay.end();
    this.#attempt?.end();
  }

  onFailure(failure: TransportFailure): void {
    const request = this.#request;
    const { backend, context } = request;
    const { message, sent, misconfigured = false } = failure;
    const fields = { backend: backend?.id, endpoint: this.#endpoint(), sent, error: message };
    if (misconfigured) context.log.warn(fields, 'attempt failed');
    else context.log.debug(fields, 'attempt failed');
    this.#endAttempt();
    if (request.exchange.headSent || !mayRepeat(request, failure, this.#repeats)) {
      this.onAnswer(answer('upstream_broke_off', { backend: describeBackend(backend) }));
      return;
    }
    if (sent) this.#repeats += 1;
    // A connection that was kept may have been closed from the other side meanwhile.
    const again = sent ? this.#walk?.again() : undefined;
    if (again === undefined) this.#sendNext();
    else this.#send(again);
  }

  onBusy(): void {
    this.#request.context.metrics.limitHit('endpoint_connections');
    this.#endAttempt();
    this.#sendNext();
  }

  // ---- the answer

  onHead(status: number, headers: string[]): void {
    this.#relay.head(status, headers, this.#endpoint());
  }

  onChunk(chunk: Buffer): boolean {
    return this.#relay.chunk(chunk);
  }

  onEnd(trailers: string[]): void {
    this.#relay.complete(trailers);
    this.#finish(this.#relay.status);
  }

  /** Client and server speak with each other from here on, for as long as they like. */
  onUpgrade(headers: string[], connection: Duplex): void {
    this.#clearTimers();
    this.#attempt?.stopTimer();
    this.#relay.join(headers, connection, () => {
      this.#finish(101);
    });
  }

  onDrain(): void {
    this.#relay.drained();
    this.#attempt?.resume();
  }

  onSilence(): void {
    this.onAnswer(answer('stream_idle_timeout', { backend: describeBackend(this.#request.backend) }));
  }

  onClientGone(): void {
    if (this.#over) return;
    this.#attempt?.cancel();
    this.#finish(clientGone);
  }

  /** The gateway answers by itself; where the answer of an upstream has begun, that is broken off. */
  onAnswer(given: Answer): void {
    if (this.#over) return;
    const { exchange, context, endpoint } = this.#request;
    if (given.limit !== undefined) context.metrics.limitHit(given.limit);
    this.#attempt?.cancel();
    if (exchange.headSent) this.#relay.breakOff(given);
    else {
      const { headers, body } = rendered(given, endpoint?.schema);
      debugHeaders(this.#request, this.#endpoint(), headers);
      exchange.reply(given.status, headers, body, given.closes);
    }
    this.#finish(given.status);
  }

  // ---- the end

  #endpoint(): string | undefined {
    return this.#attempt?.place.endpoint.key;
  }

  #clearTimers(): void {
    if (this.#requestTimer !== undefined) clearTimeout(this.#requestTimer);
    if (this.#pickTimer !== undefined) clearTimeout(this.#pickTimer);
  }

  #finish(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#endAttempt();
    this.#walk?.end();
    this.#clearTimers();
    dropBody(this.#request);
    account(this.#request, { status, endpoint: this.#endpoint(), attempts: this.#walk?.attempts ?? 0 });
  }
}

function waitedEnough(pipeline: Pipeline): void {
  pipeline.onWaitedEnough();
}
