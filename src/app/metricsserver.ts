import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';

export interface MetricsServer {
  /** What a Prometheus server scrapes. */
  readonly url: string;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  /** Of the loopback network. */
  address: string;
  /** Where it is taken, any free port does. */
  preferredPort: number;
  /** The text of the Prometheus exposition format. */
  metrics: () => Promise<string>;
  /** Further pages, by path. */
  pages?: ReadonlyMap<string, Page>;
}

export interface Page {
  /** Answered only to programs that ask for this address, never to pages in a browser, whatever name they have made it resolve to. */
  readonly onlyLocal: boolean;
  readonly get?: (query: URLSearchParams) => PageReply | Promise<PageReply>;
  readonly post?: (body: string) => PageReply | Promise<PageReply>;
}

export interface PageReply {
  readonly status: number;
  /** Default: plain text. */
  readonly contentType?: string;
  readonly text: string;
}

const maxBodyBytes = 4 * 1024 * 1024;

/** Serves metrics and pages for debugging apart from the Gateways, whose paths belong to routes. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { address, preferredPort, metrics } = options;
  const contentType = 'text/plain; version=0.0.4; charset=utf-8';
  const pages = new Map<string, Page>([
    ...(options.pages ?? []),
    ['/metrics', { onlyLocal: false, get: async () => ({ status: 200, contentType, text: await metrics() }) }],
  ]);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(pages, request).then(
      (reply) => {
        send(response, reply);
      },
      () => {
        send(response, { status: 500, text: 'internal error\n' });
      },
    );
  });
  server.maxConnections = 100;
  await listen(server, address, preferredPort).catch(() => listen(server, address, 0));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(pages: ReadonlyMap<string, Page>, request: IncomingMessage): Promise<PageReply> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const page = pages.get(path);
  if (page === undefined) return { status: 404, text: `here are ${[...pages.keys()].join(', ')}\n` };
  if (page.onlyLocal && !isLocal(request)) return { status: 403, text: 'only for tools on this machine\n' };
  if (request.method === 'GET' && page.get !== undefined) return page.get(new URLSearchParams(query));
  if (request.method === 'POST' && page.post !== undefined) {
    const body = await readBody(request);
    return body === undefined
      ? { status: 413, text: `the body is larger than ${maxBodyBytes} bytes\n` }
      : page.post(body);
  }
  return { status: 405, text: `${request.method ?? ''} is not for ${path}\n` };
}

/** A browser names the origin of a page's requests, and a name that was made to resolve to us is no address. */
function isLocal({ headers, socket }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  return headers.origin === undefined && socket.remoteAddress?.startsWith('127.') === true && isIP(host) === 4;
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

function send(response: ServerResponse, { status, contentType = 'text/plain; charset=utf-8', text }: PageReply): void {
  response.writeHead(status, { 'content-type': contentType }).end(text);
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
