/** One try of a request at one endpoint, and the shape of the steps around it. */
import type { Duplex } from 'node:stream';
import type { Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';
import type {
  Destination,
  TransportCall,
  TransportEvents,
  TransportFailure,
  UpstreamRequest,
} from '../../transport.ts';
import type { Place } from '../../walk/walk.ts';

/** What is told of an attempt: of its answer, or that a step has answered instead of sending it. */
export interface AttemptEvents extends TransportEvents {
  onAnswer(answer: Answer): void;
  /** The endpoint has as many requests as it may have. */
  onBusy(): void;
}

export type Send = (attempt: Attempt) => void;

/**
 * Wraps the sending of attempts, as an interceptor of undici does. A step changes the attempt's request, puts itself between its
 * events and whoever is told of them, and sends it on; or it answers with `attempt.events.onAnswer`; or it sends it on later, if the
 * attempt is not over by then.
 */
export type UpstreamStep = (send: Send) => Send;

export class Attempt {
  readonly client: GatewayRequest;
  readonly place: Place;
  readonly request: UpstreamRequest;
  /** Path and query until the last step has put them together. */
  path: string;
  search: string;
  /** The chosen backend's own host takes the place of the client's. */
  backendHost: boolean;
  events: AttemptEvents;
  /** Nobody waits for it any more. */
  over = false;
  /** Of a step that limits its time; ends with it. */
  timer: NodeJS.Timeout | undefined;
  #call: TransportCall | undefined;

  /** Begins from the request after the rule's steps, which stays as it is for another attempt. */
  constructor(client: GatewayRequest, place: Place, events: AttemptEvents) {
    this.client = client;
    this.place = place;
    this.events = events;
    const { outgoing, exchange, body } = client;
    this.path = outgoing?.path ?? exchange.path;
    this.search = outgoing?.search ?? '';
    this.backendHost = outgoing?.backendHost ?? false;
    this.request = {
      method: exchange.method,
      target: '',
      host: outgoing?.host ?? '',
      headers: outgoing?.headers.slice() ?? [],
      upgrade: exchange.upgrade,
      body: body === undefined || 'read' in body ? body : body.bytes(),
    };
  }

  dispatch(): void {
    if (this.over) return;
    this.request.target = this.path + this.search;
    const { target, endpoint, tls, fresh } = this.place;
    const destination: Destination = { protocol: target.protocol, endpoint, tls };
    this.#call = this.client.context.transport.send(destination, this.request, this.events, fresh);
    if (this.#call === undefined) this.events.onBusy();
    // A step had enough while it was being sent.
    else if (this.over) this.#call.cancel();
  }

  resume(): void {
    this.#call?.resume();
  }

  /** It is over: its answer is complete, or it has failed. */
  end(): void {
    this.over = true;
    this.stopTimer();
  }

  stopTimer(): void {
    if (this.timer !== undefined) clearTimeout(this.timer);
  }

  /** Gives up. No event follows. */
  cancel(): void {
    this.end();
    this.#call?.cancel();
  }
}

/** Passes everything on: a step that looks at some events extends it. */
export class PassingEvents implements AttemptEvents {
  protected readonly next: AttemptEvents;

  constructor(next: AttemptEvents) {
    this.next = next;
  }

  onHead(status: number, headers: string[]): void {
    this.next.onHead(status, headers);
  }

  onChunk(chunk: Buffer): boolean {
    return this.next.onChunk(chunk);
  }

  onEnd(trailers: string[]): void {
    this.next.onEnd(trailers);
  }

  onUpgrade(headers: string[], connection: Duplex): void {
    this.next.onUpgrade(headers, connection);
  }

  onFailure(failure: TransportFailure): void {
    this.next.onFailure(failure);
  }

  onAnswer(answer: Answer): void {
    this.next.onAnswer(answer);
  }

  onBusy(): void {
    this.next.onBusy();
  }
}
