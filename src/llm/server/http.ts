import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { acceptH2c } from './h2c.ts';

/** What the built-in model servers share: listening, bounded bodies, JSON answers and the headers that name the pod. */

/** A program that runs until it is closed. */
export interface RunningProgram {
  url: string;
  /** Stops accepting, lets requests in progress end for a moment, then cuts them. */
  close(): Promise<void>;
}

export type Env = Readonly<Record<string, string | undefined>>;

export interface ProgramOptions {
  env: Env;
  /** Address to bind; default: HEADGATE_LISTEN_ADDRESS of `env`, else what the program's own flags say, else loopback. */
  host?: string | undefined;
}

/** An HTTP answer that is an error, with the message the client reads. */
export class HttpError extends Error {
  override name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function listenAddress({ env, host }: ProgramOptions, flag?: string): string {
  return host ?? nonEmpty(env['HEADGATE_LISTEN_ADDRESS']) ?? flag ?? '127.0.0.1';
}

export const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** Headers by which tests and users tell which pod answered (epp.md 9.1). */
export function podHeaders(env: Env, port: number): Record<string, string> {
  const headers: Record<string, string> = { 'x-inference-port': String(port) };
  const pod = nonEmpty(env['POD_NAME']) ?? nonEmpty(env['HOSTNAME']);
  const namespace = nonEmpty(env['POD_NAMESPACE']) ?? nonEmpty(env['NAMESPACE']);
  if (pod !== undefined) headers['x-inference-pod'] = pod;
  if (namespace !== undefined) headers['x-inference-namespace'] = namespace;
  return headers;
}

export interface HttpServerOptions {
  host: string;
  port: number;
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
  /** Answers an error that `handle` threw before it sent a head. */
  fail: (response: ServerResponse, error: HttpError) => void;
  onInternalError: (error: unknown) => void;
}

const maxConnections = 10_000;

/** Serves HTTP/1.1 and, to clients that begin with it, HTTP/2 in the clear. */
export async function startHttpServer(options: HttpServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  let closing = false;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // A connection that is kept alive would keep the server from closing.
    response.once('close', () => {
      if (closing) server.closeIdleConnections();
    });
    const run = async (): Promise<void> => {
      try {
        await options.handle(request, response);
      } catch (error) {
        if (!(error instanceof HttpError)) options.onInternalError(error);
        if (response.headersSent || response.destroyed) response.destroy();
        else options.fail(response, error instanceof HttpError ? error : new HttpError(500, 'internal error'));
      }
    };
    void run();
  };
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 60_000 }, onRequest);
  const h2c = acceptH2c(server, onRequest);
  server.maxConnections = maxConnections;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      closing = true;
      // Requests in flight are finished, however long they take: who waits for this knows how long it may last.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      h2c.close();
      await closed;
    },
  };
}

/** The whole request body. @throws HttpError 413 beyond `maxBytes`, 400 when the client goes away. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      // Not destroyed: the client should read the answer. What still comes is thrown away.
      request.removeAllListeners('data');
      request.resume();
      reject(new HttpError(413, `request body is larger than ${String(maxBytes)} bytes`));
    });
    request.on('end', () => resolve(Buffer.concat(chunks, size)));
    request.on('error', () => reject(new HttpError(400, 'the client closed the connection')));
    request.on('close', () => reject(new HttpError(400, 'the client closed the connection')));
  });
}

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws HttpError 400 when the text is not a JSON object. */
export function parseJsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `Invalid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isJsonObject(value)) throw new HttpError(400, 'Invalid JSON: an object was expected');
  return value;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendText(response: ServerResponse, status: number, text: string, contentType = 'text/plain'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Hands requests to the handlers of a table such as `{ 'GET /health': ... }`. @throws HttpError 404 and 405 for others */
export function routed(routes: Readonly<Record<string, Handler>>): Handler {
  const paths = new Set(Object.keys(routes).map((route) => route.slice(route.indexOf(' ') + 1)));
  return async (request, response) => {
    const path = (request.url ?? '/').replace(/\?.*$/s, '');
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    const route = `${method} ${path}`;
    const handler = Object.hasOwn(routes, route) ? routes[route] : undefined;
    if (handler === undefined) {
      throw paths.has(path) ? new HttpError(405, 'Method Not Allowed') : new HttpError(404, `Not Found: ${path}`);
    }
    await handler(request, response);
  };
}
