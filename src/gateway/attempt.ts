/** One try of a request at one endpoint: sends it, and relays the answer as it comes (design section 6). */
import type { Dispatcher } from 'undici';
import type { HeaderModifier } from './headers.ts';
import type { Upstream } from './upstreams.ts';

/** What goes on the wire. Headers are flat, lower-case, without Host and Content-Length. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly host: string;
  readonly headers: string[];
  readonly body: Dispatcher.DispatchOptions['body'];
  /** Name the upstream's certificate must carry (https). */
  readonly serverName: string | undefined;
  /** What the filters of rule and backend do to the answer. */
  readonly responseModifiers: readonly HeaderModifier[] | undefined;
}

type ResponseHeaders = Record<string, string | string[] | undefined>;

export interface AttemptEvents {
  /** Nothing of the request was sent: another endpoint may have it. */
  onUnreachable(error: Error): void;
  onResponseHead(status: number, headers: ResponseHeaders): void;
  /** False: hold the upstream back until `resume`. */
  onResponseChunk(chunk: Buffer): boolean;
  onResponseEnd(trailers: ResponseHeaders): void;
  /** The upstream broke off, or spoke no HTTP. */
  onUpstreamFailure(error: Error): void;
}

export class Attempt implements Dispatcher.DispatchHandler {
  readonly #events: AttemptEvents;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;

  constructor(events: AttemptEvents) {
    this.#events = events;
  }

  send(upstream: Upstream, request: UpstreamRequest): void {
    request.headers.push('host', request.host);
    const options = {
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      // Known to undici, missing in its types: without it the client's Host header would name the server.
      ...(request.serverName !== undefined && { servername: request.serverName }),
    };
    try {
      upstream.pool.dispatch(options, this);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)), false);
    }
  }

  resume(): void {
    this.#controller?.resume();
  }

  /** Gives up; the connection is closed unless the answer was complete. No event follows. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(new Error('cancelled by the gateway'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Cancelled while the connection was being made.
    if (this.#over) controller.abort(new Error('cancelled by the gateway'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    // Interim answers (103 and the like) are for this hop.
    if (this.#over || status < 200) return;
    this.#events.onResponseHead(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#events.onResponseChunk(chunk)) controller.pause();
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: ResponseHeaders): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onResponseEnd(trailers);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error, this.#controller === undefined);
  }

  #fail(error: Error, unreachable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    if (unreachable) this.#events.onUnreachable(error);
    else this.#events.onUpstreamFailure(error);
  }
}
