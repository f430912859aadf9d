/** The `Exchange` over a request and a response of node:http. */
import { IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { llmEndpointAt } from '../llm/endpoints.ts';
import { rendered, type Answer } from './answers.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { normalizePath } from './path.ts';
import { hostOf, redirected, refuse, splitTarget } from './requesttarget.ts';
import type { ServerLimits } from './serverlimits.ts';

/** Carries its exchange, so that listeners need no closure per request. */
export class GatewayMessage extends IncomingMessage {
  exchange: NodeExchange | undefined;
}

export class NodeExchange implements Exchange {
  handler: ExchangeHandler | undefined;
  /** Called when the answer is out, or nobody waits for it any more. */
  onClose: (() => void) | undefined;
  readonly method: string;
  readonly scheme = 'http';
  readonly authority: string;
  readonly host: string;
  readonly path: string;
  readonly search: string;
  readonly rawHeaders: readonly string[];
  readonly contentLength: number | undefined;
  readonly hasBody: boolean;
  readonly upgrade: string | undefined;
  readonly refusal: Answer | undefined;
  readonly #request: GatewayMessage;
  readonly #response: ServerResponse;
  readonly #limits: ServerLimits;
  readonly #draining: () => boolean;
  /** HTTP/1.0 with a transfer coding (RFC 9112 6.1). */
  readonly #oddFraming: boolean;
  #expectsContinue: boolean;
  /** The connection ends with this answer. */
  closes = false;
  #waitsForDrain = false;

  constructor(
    request: GatewayMessage,
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
    this.upgrade = wantsWebSocket(request) ? 'websocket' : undefined;
    const target = splitTarget(request.url ?? '', request.headers.host ?? '');
    this.authority = target.authority;
    this.host = hostOf(target.authority);
    this.search = target.search;
    const normalized = normalizePath(target.path);
    this.path = 'path' in normalized ? normalized.path : target.path;
    const coding = request.headers['transfer-encoding'];
    this.#oddFraming = coding !== undefined && request.httpVersion !== '1.1';
    this.refusal = refuse(request, target, limits) ?? redirected(normalized, target);
    request.exchange = this;
    response.on('close', onResponseClose);
  }

  /** All of the request has come. */
  get complete(): boolean {
    return this.#request.complete;
  }

  /** The rest of the request will never come: the answer, whoever was to give one. */
  broken(given: Answer): void {
    const { headers, body } = rendered(given, llmEndpointAt(this.path)?.schema);
    const { status } = given;
    this.handler?.onClientGone();
    this.#request.off('data', onRequestData).off('end', onRequestEnd);
    this.closes = true;
    this.#response.writeHead(status, [
      ...headers,
      'content-length',
      String(Buffer.byteLength(body)),
      'connection',
      'close',
    ]);
    this.#response.end(body);
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
    this.#announceClose(headers, this.#draining());
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
    this.#announceClose(headers, closes || this.#draining());
    this.#response.writeHead(status, headers);
    const request = this.#request;
    // A client that waits for `100 Continue` and does not get it sends no body.
    if (
      !closes ||
      !this.hasBody ||
      this.refusal?.id === 'transfer_encoding_unsupported' ||
      this.#expectsContinue ||
      request.complete
    ) {
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

  /** After a body framed in the way of another version nobody knows where the next request begins. */
  #announceClose(headers: string[], closes: boolean): void {
    if (!closes && !this.#oddFraming) return;
    this.closes = true;
    headers.push('connection', 'close');
  }

  switchProtocols(headers: string[]): Duplex {
    const { socket } = this.#request;
    const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', `upgrade: ${this.upgrade}`];
    for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
    this.#response.detachSocket(socket);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    return socket;
  }

  abort(): void {
    this.#request.socket.destroy();
  }

  onDrain(): void {
    this.handler?.onDrain();
  }
}

/** Other protocols that are offered (`h2c`) may be declined by answering as if nothing was said (RFC 9110 7.8). */
export function wantsWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

function onRequestData(this: GatewayMessage, chunk: Buffer): void {
  this.exchange?.handler?.onBodyChunk(chunk);
}

function onRequestEnd(this: GatewayMessage): void {
  this.exchange?.handler?.onBodyEnd();
}

function onResponseDrain(this: ServerResponse<GatewayMessage>): void {
  this.req.exchange?.onDrain();
}

function onResponseClose(this: ServerResponse<GatewayMessage>): void {
  const { exchange } = this.req;
  if (!this.writableFinished) exchange?.handler?.onClientGone();
  exchange?.onClose?.();
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) result.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return result;
}
