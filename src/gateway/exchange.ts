/**
 * One client request and its answer, as the pipeline sees it: no class of a particular HTTP server appears here, so that another
 * server can take the place of `server.ts` (design section 6). All calls are callbacks; nothing on the hot path is a promise.
 */
import type { Duplex } from 'node:stream';

export interface Exchange {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The Host header or the authority of an absolute-form target, as sent, with its port. */
  readonly authority: string;
  /** The authority in lower case without port: what listeners and routes are matched with. */
  readonly host: string;
  /** Raw, still percent-encoded, without query. */
  readonly path: string;
  /** With its leading `?`; empty when there is none. */
  readonly search: string;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
  /** Declared length of the body in bytes; undefined when it comes in chunks. */
  readonly contentLength: number | undefined;
  readonly hasBody: boolean;
  /** The protocol that the client wants to switch to, such as `websocket`. */
  readonly upgrade: string | undefined;
  readonly remoteAddress: string;
  /** Value of a header by its lower-case name; repeated ones are joined. */
  header(name: string): string | undefined;

  /** From now on `handler` is told what happens. Set before anything else is called. */
  handler: ExchangeHandler | undefined;
  /** Begins to hand out the body, and tells a client that waits for `100 Continue` to send it. */
  readBody(): void;
  pauseBody(): void;
  resumeBody(): void;

  readonly headSent: boolean;
  /** Sends status and headers; with `flush` at once, else together with the first bytes of the body. */
  sendHead(status: number, headers: string[], flush: boolean): void;
  /** False: the client reads slower than this; wait for `onDrain`. */
  write(chunk: Buffer | string): boolean;
  end(trailers?: readonly string[]): void;
  /** A complete answer. `closes`: the connection is closed after it, and what the client still sends is thrown away. */
  reply(status: number, headers: string[], body: string, closes: boolean): void;
  /** Answers 101: the connection is the caller's from here on. Only where `upgrade` says what to. */
  switchProtocols(headers: string[]): Duplex;
  /** Cuts the connection, so that the client sees that the answer is incomplete. */
  abort(): void;
}

export interface ExchangeHandler {
  onBodyChunk(chunk: Buffer): void;
  onBodyEnd(): void;
  /** The client takes bytes again. */
  onDrain(): void;
  /** The client went away before the answer was complete. */
  onClientGone(): void;
}
