/** The HTTP/1.1 server of a listener over node:http, with strict limits on everything a client may send before the pipeline sees it. */
import { createServer, ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { llmEndpointAt } from '../llm/endpoints.ts';
import { answer, rendered, type AnswerId } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { GatewayMessage, NodeExchange, wantsWebSocket } from './nodeexchange.ts';
import type { ServerLimits } from './serverlimits.ts';

export type OnExchange = (exchange: Exchange) => void;

/** A server that is not listening yet. `draining()` true: answers ask the client to close the connection. */
export function createHttpServer(limits: ServerLimits, draining: () => boolean, onExchange: OnExchange): Server {
  const server = createServer({
    IncomingMessage: GatewayMessage,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: 5_000,
    insecureHTTPParser: false,
    // Refused like everything else, and nothing behind it is carried out.
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: wantsWebSocket,
  });
  const turns = new WeakMap<Socket, Turns>();
  const turnsOf = (socket: Socket): Turns => {
    let found = turns.get(socket);
    if (found === undefined) turns.set(socket, (found = new Turns(socket, onExchange)));
    return found;
  };
  const accept = (expectsContinue: boolean) => (message: GatewayMessage, response: ServerResponse) => {
    turnsOf(message.socket).take(new NodeExchange(message, response, limits, draining, expectsContinue));
  };
  server.on('request', accept(false));
  server.on('checkContinue', accept(true));
  server.on('upgrade', (message: GatewayMessage, stream: Duplex, first: Buffer) => {
    // Node hands over the bare connection; what it would have made of it answers where nobody switches.
    const { socket } = message;
    const response = new ServerResponse<GatewayMessage>(message);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => {
      socket.destroySoon();
    });
    stream.on('error', () => undefined);
    if (first.length > 0) stream.unshift(first);
    turnsOf(socket).take(new NodeExchange(message, response, limits, draining, false));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    turnsOf(socket).break(error.code);
  });
  // Node drops surplus headers silently; they are counted in the exchange instead and refused.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.maxConnections;
  return server;
}

/** More requests behind one that is being served are not remembered: the connection is closed after those before. */
const maxWaiting = 64;

/**
 * The requests of one connection, one after the other: a pipelined one begins when the one before it has its answer, so that what
 * follows a refused or broken request is never carried out.
 */
class Turns {
  readonly #socket: Socket;
  readonly #onExchange: OnExchange;
  #current: NodeExchange | undefined;
  readonly #waiting: NodeExchange[] = [];
  /** Nothing that comes from here on is looked at. */
  #closing = false;
  #paused = false;
  /** What to say last. */
  #lastWords: AnswerId | undefined;

  constructor(socket: Socket, onExchange: OnExchange) {
    this.#socket = socket;
    this.#onExchange = onExchange;
  }

  take(exchange: NodeExchange): void {
    if (this.#closing) return;
    if (this.#current === undefined) this.#begin(exchange);
    else if (this.#waiting.length < maxWaiting) {
      this.#waiting.push(exchange);
      this.#paused = true;
      this.#socket.pause();
    } else this.#closing = true;
  }

  #begin(exchange: NodeExchange): void {
    this.#current = exchange;
    exchange.onClose = this.#done;
    const { refusal } = exchange;
    if (refusal === undefined) this.#onExchange(exchange);
    else {
      this.#closing = refusal.closes;
      const { headers, body } = rendered(refusal, llmEndpointAt(exchange.path)?.schema);
      exchange.reply(refusal.status, headers, body, refusal.closes);
    }
  }

  readonly #done = (): void => {
    const last = this.#current?.closes === true;
    this.#current = undefined;
    if (last || this.#socket.destroyed) this.#closing = true;
    const next = this.#closing ? undefined : this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (this.#lastWords !== undefined) this.#say(this.#lastWords);
    else if (this.#closing) this.#socket.destroySoon();
    if (!this.#paused || this.#waiting.length > 0) return;
    this.#paused = false;
    this.#socket.resume();
  };

  /** What came is no HTTP, or came too slowly: said after the answers to what came before it. */
  break(code: string | undefined): void {
    if (this.#closing && this.#lastWords === undefined) {
      if (this.#current === undefined) this.#socket.destroy();
      return;
    }
    this.#closing = true;
    const words = parserErrors[code ?? ''] ?? (code?.startsWith('HPE_') === true ? 'malformed_http' : undefined);
    const exchange = this.#waiting.at(-1) ?? this.#current;
    // The body of a request is broken: it has no answer but this one.
    if (exchange?.complete === false && exchange === this.#current) {
      if (exchange.headSent || words === undefined) this.#socket.destroy();
      else exchange.broken(answer(words));
    } else if (words === undefined) this.#socket.destroy();
    else if (this.#current === undefined) this.#say(words);
    else this.#lastWords = words;
  }

  #say(id: AnswerId): void {
    const { status, text } = answer(id);
    const head = [
      `HTTP/1.1 ${status} ${reasons[status] ?? ''}`,
      'content-type: text/plain',
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close',
    ];
    if (this.#socket.writable) this.#socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
    else this.#socket.destroy();
  }
}

const parserErrors: Readonly<Record<string, AnswerId>> = {
  HPE_HEADER_OVERFLOW: 'head_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'malformed_http',
  HPE_INVALID_VERSION: 'http_version_unsupported',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_too_slow',
};

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  505: 'HTTP Version Not Supported',
};

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
