import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../telemetry/log.ts';
import { streamEvents, type EventSource } from './events.ts';
import type { Guard } from './guard.ts';

export interface AdminRequest {
  readonly query: URLSearchParams;
  readonly body: string;
}

export interface AdminReply {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** For probes and scrapes: answered without asking the guard. */
  readonly open?: boolean;
  /** An EventSource is sent as server-sent events until the client leaves. */
  handle(request: AdminRequest): AdminReply | EventSource | Promise<AdminReply | EventSource>;
}

export interface AdminServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where the port is taken, any free one does. */
  readonly orFreePort?: boolean;
  readonly routes: readonly AdminRoute[];
  readonly guard: Guard;
  readonly log: Log;
}

export interface AdminServer {
  /** `http://address:port` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A request that is explained carries its body; prompts may be long. */
const maxBodyBytes = 16 * 1024 * 1024;
const maxConnections = 100;

/** Serves what the process knows of itself, apart from the Gateways, whose paths belong to routes. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { address, port, orFreePort = false, log } = options;
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(options, request).then(
      (reply) => {
        if ('subscribe' in reply) streamEvents(reply, response);
        else send(response, reply);
      },
      (error: unknown) => {
        log.error({ err: error, path: request.url?.split('?')[0] }, 'admin request failed');
        if (!response.headersSent) send(response, errorReply(500, 'internal error; the log says which'));
      },
    );
  });
  server.maxConnections = maxConnections;
  await listen(server, address, port).catch((error: unknown) => {
    if (orFreePort && errorCode(error) === 'EADDRINUSE') return listen(server, address, 0);
    throw error;
  });
  const { port: bound } = server.address() as AddressInfo;
  const authority = address.includes(':') ? `[${address}]` : address;
  return {
    url: `http://${authority}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { routes, guard }: AdminServerOptions,
  request: IncomingMessage,
): Promise<AdminReply | EventSource> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const method = request.method ?? '';
  const here = routes.filter((route) => route.path === path);
  const route = here.find((candidate) => candidate.method === (method === 'HEAD' ? 'GET' : method));
  if (route?.open !== true) {
    const { headers, socket } = request;
    const header = (name: string): string | undefined => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    };
    // Before anything else: who may not ask learns nothing of what there is.
    const refusal = await guard({ method, path, remoteAddress: socket.remoteAddress, header });
    if (refusal !== undefined) {
      const challenge = refusal.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
      return { ...errorReply(refusal.status, refusal.message), headers: challenge };
    }
  }
  if (route === undefined) {
    if (here.length === 0) return errorReply(404, `here are ${[...new Set(routes.map((one) => one.path))].join(', ')}`);
    const allow = here.map((other) => other.method).join(', ');
    return { ...errorReply(405, `${method} is not for ${path}: use ${allow}`), headers: { allow } };
  }
  const body = await readBody(request);
  if (body === undefined) return errorReply(413, `the body is larger than ${maxBodyBytes} bytes`);
  return route.handle({ query: new URLSearchParams(query), body });
}

/** Undefined: too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export function jsonReply(value: unknown, status = 200): AdminReply {
  return { status, contentType: 'application/json', text: `${JSON.stringify(value)}\n` };
}

export function textReply(text: string, status = 200): AdminReply {
  return { status, contentType: 'text/plain; charset=utf-8', text };
}

export function errorReply(status: number, message: string): AdminReply {
  return jsonReply({ error: { status, message } }, status);
}

function send(response: ServerResponse, { status, contentType, headers, text }: AdminReply): void {
  response
    .writeHead(status, {
      'content-type': contentType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    .end(text);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
