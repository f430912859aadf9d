/** The `Exchange` over node:http, with strict limits on everything a client may send before the pipeline sees it. */
import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answer, type Answer } from './answers.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { normalizePath, type NormalizedPath } from './path.ts';

export interface ServerLimits {
  /** Bytes of the request line and all headers; beyond it 431. */
  readonly maxHeaderBytes: number;
  /** Number of headers; beyond it 431. */
  readonly maxHeaders: number;
  readonly maxConnections: number;
  /** How long a client may take to send the head, and the whole request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long bytes of a refused body are read and thrown away, so that the client gets to see the refusal. */
  readonly lingerMs: number;
  /** How long a client may take none of the bytes of an answer that is complete on our side. */
  readonly stalledReaderMs: number;
}

export const defaultServerLimits: ServerLimits = {
  maxHeaderBytes: 64 * 1024,
  maxHeaders: 200,
  maxConnections: 10_000,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 75_000,
  lingerMs: 2_000,
  stalledReaderMs: 60_000,
};

export type OnExchange = (exchange: Exchange) => void;

/** An HTTP/1.1 server that is not listening yet. `draining()` true: answers ask the client to close the connection. */
export function createHttpServer(limits: ServerLimits, draining: () => boolean, onExchange: OnExchange): Server {
  const accept = (request: GatewayRequest, response: ServerResponse, expectsContinue: boolean): void => {
    const exchange = new NodeExchange(request, response, limits, draining, expectsContinue);
    const refusal = exchange.refusal;
    if (refusal === undefined) onExchange(exchange);
    else exchange.reply(refusal.status, [...refusal.headers], refusal.body, refusal.closes);
  };
  const server = createServer(
    {
      IncomingMessage: GatewayRequest,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: 5_000,
      insecureHTTPParser: false,
      noDelay: true,
    },
    (request, response) => {
      accept(request, response, false);
    },
  );
  server.on('checkContinue', (request: GatewayRequest, response: ServerResponse) => {
    accept(request, response, true);
  });
  // Node drops surplus headers silently; they are counted in the exchange instead and refused.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.maxConnections;
  return server;
}

/** Carries its exchange, so that listeners need no closure per request. */
class GatewayRequest extends IncomingMessage {
  exchange: NodeExchange | undefined;
}

class NodeExchange implements Exchange {
  handler: ExchangeHandler | undefined;
  readonly method: string;
  readonly scheme = 'http';
  readonly authority: string;
  readonly host: string;
  readonly path: string;
  readonly search: string;
  readonly rawHeaders: readonly string[];
  readonly contentLength: number | undefined;
  readonly hasBody: boolean;
  readonly refusal: Answer | undefined;
  readonly #request: GatewayRequest;
  readonly #response: ServerResponse;
  readonly #limits: ServerLimits;
  readonly #draining: () => boolean;
  #expectsContinue: boolean;
  #waitsForDrain = false;

  constructor(
    request: GatewayRequest,
    response: ServerResponse,
    limits: ServerLimits,
    draining: () => boolean,
    expectsContinue: boolean,
  ) {
    this.#request = request;
    this.#response = response;
    this.#limits = limits;
    this.#draining = draining;
    this.#expectsContinue = expectsContinue;
    this.method = request.method ?? '';
    this.rawHeaders = request.rawHeaders;
    const length = request.headers['content-length'];
    this.contentLength = length === undefined ? undefined : Number(length);
    this.hasBody = (this.contentLength ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined;
    const target = splitTarget(request.url ?? '', request.headers.host ?? '');
    this.authority = target.authority;
    this.host = hostOf(target.authority);
    this.search = target.search;
    const normalized = normalizePath(target.path);
    this.path = 'path' in normalized ? normalized.path : target.path;
    this.refusal = refuse(request, target, limits) ?? redirected(normalized, target);
    request.exchange = this;
    response.on('close', onResponseClose);
  }

  get remoteAddress(): string {
    return this.#request.socket.remoteAddress ?? '';
  }

  get headSent(): boolean {
    return this.#response.headersSent;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  }

  readBody(): void {
    if (this.#expectsContinue) {
      this.#expectsContinue = false;
      this.#response.writeContinue();
    }
    this.#request.on('data', onRequestData);
    this.#request.on('end', onRequestEnd);
  }

  pauseBody(): void {
    this.#request.pause();
  }

  resumeBody(): void {
    this.#request.resume();
  }

  sendHead(status: number, headers: string[], flush: boolean): void {
    if (this.#draining()) headers.push('connection', 'close');
    this.#response.writeHead(status, headers);
    if (flush) this.#response.flushHeaders();
  }

  write(chunk: Buffer | string): boolean {
    if (this.#response.write(chunk)) return true;
    if (!this.#waitsForDrain) {
      this.#waitsForDrain = true;
      this.#response.on('drain', onResponseDrain);
    }
    return false;
  }

  end(trailers?: readonly string[]): void {
    if (trailers !== undefined && trailers.length > 0) this.#response.addTrailers(pairs(trailers));
    this.#response.end();
    // From here on nobody else watches the client. node:http sets its own timeout when the rest has been sent.
    if (this.#response.writableLength > 0) this.#request.socket.setTimeout(this.#limits.stalledReaderMs);
  }

  reply(status: number, headers: string[], body: string, closes: boolean): void {
    const bytes = Buffer.from(body);
    headers.push('content-length', String(bytes.length));
    if (closes || this.#draining()) headers.push('connection', 'close');
    this.#response.writeHead(status, headers);
    const request = this.#request;
    // A client that waits for `100 Continue` and does not get it sends no body.
    if (!closes || !this.hasBody || this.#expectsContinue || request.complete) {
      this.#response.end(bytes);
      return;
    }
    // Closing at once would reset the connection, and the client might never read the answer: let it send a little longer.
    this.#response.write(bytes);
    const finish = (): void => {
      clearTimeout(timer);
      this.#response.end();
    };
    const timer = setTimeout(finish, this.#limits.lingerMs);
    request.off('data', onRequestData).off('end', onRequestEnd);
    request.once('end', finish).once('close', finish);
    request.resume();
  }

  abort(): void {
    this.#request.socket.destroy();
  }

  onDrain(): void {
    this.handler?.onDrain();
  }
}

function onRequestData(this: GatewayRequest, chunk: Buffer): void {
  this.exchange?.handler?.onBodyChunk(chunk);
}

function onRequestEnd(this: GatewayRequest): void {
  this.exchange?.handler?.onBodyEnd();
}

function onResponseDrain(this: ServerResponse<GatewayRequest>): void {
  this.req.exchange?.onDrain();
}

function onResponseClose(this: ServerResponse<GatewayRequest>): void {
  if (!this.writableFinished) this.req.exchange?.handler?.onClientGone();
}

interface Target {
  readonly authority: string;
  readonly path: string;
  readonly search: string;
}

/** Splits an origin-form or absolute-form target; the authority of the latter takes the place of the Host header (RFC 9112 3.2.2). */
function splitTarget(url: string, hostHeader: string): Target {
  let authority = hostHeader;
  let rest = url;
  if (url.charCodeAt(0) !== 0x2f) {
    const scheme = /^https?:\/\//i.exec(url);
    if (scheme !== null) {
      const from = scheme[0].length;
      const end = url.slice(from).search(/[/?]/);
      authority = end < 0 ? url.slice(from) : url.slice(from, from + end);
      rest = end < 0 ? '/' : url.slice(from + end);
      if (rest.startsWith('?')) rest = `/${rest}`;
    }
  }
  const query = rest.indexOf('?');
  return query < 0
    ? { authority, path: rest, search: '' }
    : { authority, path: rest.slice(0, query), search: rest.slice(query) };
}

function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(0, authority.indexOf(']') + 1).toLowerCase();
  const port = authority.indexOf(':');
  return (port < 0 ? authority : authority.slice(0, port)).toLowerCase();
}

/** Host and port (RFC 3986 3.2.2), without user information; empty where HTTP/1.0 has none. */
const authorityShape = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i;

function refuse(request: IncomingMessage, { path, authority }: Target, limits: ServerLimits): Answer | undefined {
  const { rawHeaders } = request;
  if (rawHeaders.length > limits.maxHeaders * 2) {
    return answer('too_many_headers', { limit: limits.maxHeaders });
  }
  if (path.charCodeAt(0) !== 0x2f) return answer('request_target_invalid');
  // Servers differ in whether a fragment is part of the path: no route should be chosen by what a backend may not see.
  if (request.url?.includes('#') === true) return answer('request_target_fragment');
  if (!authorityShape.test(authority)) return answer('host_invalid');
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return answer('transfer_encoding_unsupported');
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // Two Host headers are how one request is made to look like two to different servers.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1 ? answer('host_repeated') : undefined;
}

/** Of the two ways to read the path the client has to choose one (Envoy Gateway: UnescapeAndRedirect). */
function redirected(normalized: NormalizedPath, { search }: Target): Answer | undefined {
  if ('path' in normalized) return undefined;
  return answer('path_escaped_slashes', {}, ['location', `${normalized.redirect}${search}`]);
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) result.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return result;
}

/** Stops accepting and waits for requests in flight; after `graceMs` their connections are cut. */
export async function closeServer(server: Server, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
}
