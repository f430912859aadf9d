/**
 * Upstream HTTP as the gateway sees it: no class of a particular HTTP client appears here, so that another client can take the place
 * of `undicitransport.ts` (design section 6). Every implementation passes the contract suite in test/gateway/contract. All calls are
 * callbacks; nothing on the hot path is a promise.
 */
import type { Duplex, Readable } from 'node:stream';
import type { TlsDial } from '../credentials/tls.ts';
import type { Endpoint } from '../routes/table.ts';

export type UpstreamProtocol = 'http' | 'https' | 'h2c';

/** One place that requests can be sent to. */
export interface Destination {
  readonly protocol: UpstreamProtocol;
  readonly endpoint: Endpoint;
  /** How the connection is secured; https only. */
  readonly tls?: TlsDial | undefined;
}

/** What goes on the wire. */
export interface UpstreamRequest {
  method: string;
  /** Path with query. */
  target: string;
  /** The Host header. */
  host: string;
  /** Flat, lower-case, without Host; Content-Length only of a body that flows. */
  headers: string[];
  /** Bytes in memory, or a stream that is read as fast as the server takes it. */
  body: Buffer | Readable | undefined;
  /** The protocol to switch to, such as `websocket`. */
  upgrade?: string | undefined;
}

export interface TransportEvents {
  /** The head of the final answer; interim ones are for this hop. Flat, lower-case, without headers of the connection itself. */
  onHead(status: number, headers: string[]): void;
  /** False: hold the server back until the call is resumed. */
  onChunk(chunk: Buffer): boolean;
  /** The answer is complete. Trailers are flat and lower-case. */
  onEnd(trailers: string[]): void;
  /** The server has switched to the protocol that was asked for: the connection is the caller's from here on. */
  onUpgrade(headers: string[], connection: Duplex): void;
  /** There is no answer, or no more of it. No event follows. */
  onFailure(failure: TransportFailure): void;
}

export interface TransportFailure {
  /** For logs: it may name addresses. */
  readonly message: string;
  /** Bytes of the request may have reached the server; false: certainly none has. */
  readonly sent: boolean;
  /** It will not pass by itself: somebody has to set something right. */
  readonly misconfigured?: boolean;
}

/** A request that was sent. */
export interface TransportCall {
  /** After a chunk was answered with false: more of them may come. */
  resume(): void;
  /** Gives up: the connection is closed unless the answer was complete. No event follows. */
  cancel(): void;
}

export interface Transport {
  /**
   * Sends a request. Undefined: the destination has as many requests as it may have, or the transport is closed. `fresh`: on a connection that has carried
   * nothing yet, as those that were kept may all be as dead as the last one.
   */
  send(
    destination: Destination,
    request: UpstreamRequest,
    events: TransportEvents,
    fresh?: boolean,
  ): TransportCall | undefined;
  /** Requests that are being served there now. */
  inFlight(destination: Destination): number;
  /** Destinations that are known now. */
  readonly size: number;
  close(): Promise<void>;
}

export interface TransportLimits {
  /** Connections, and so requests at a time, per endpoint. */
  readonly connectionsPerEndpoint: number;
  readonly connectTimeoutMs: number;
  /** Below the 5 s after which common model servers close idle connections, so that a request does not meet a closing one. */
  readonly keepAliveTimeoutMs: number;
  /** A destination without requests for so long is forgotten. */
  readonly idlePoolMs: number;
  /** Bytes of an upstream's response head. */
  readonly maxHeaderBytes: number;
}

export const defaultTransportLimits: TransportLimits = {
  connectionsPerEndpoint: 1024,
  connectTimeoutMs: 5_000,
  keepAliveTimeoutMs: 4_000,
  idlePoolMs: 60_000,
  maxHeaderBytes: 64 * 1024,
};

/** About one connection only (RFC 9110 7.6.1), or set anew for each hop. */
export const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
