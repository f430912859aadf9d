import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ApiRequest } from '../request.ts';
import { ApiError } from '../status.ts';
import type { ResourceRequest, Server } from '../verbs/context.ts';
import { targetOf, type ProxyTarget } from './target.ts';

/**
 * `services/proxy`, `pods/proxy` and `nodes/proxy`: the request as it is, without what belongs to the API server, and the answer as it
 * comes (UpgradeAwareHandler of apimachinery). Redirects are the client's to follow; the links in HTML stay as they are.
 */
export async function proxyRequest({ store }: Server, request: ResourceRequest): Promise<void> {
  const { raw, response, resource, method } = request;
  if (resource.proxyPath === '' && (method === 'GET' || method === 'HEAD')) {
    const [path = '', query] = (raw.url ?? '').split('?', 2);
    response.writeHead(301, { location: `${path}/${query === undefined ? '' : `?${query}`}`, 'content-length': 0 });
    response.end();
    return;
  }
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  const answer = await answerTo(request, targetOf(store, request), gone.signal);
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(request, answer.headers));
  // Heads of streams go at once, before the first event.
  response.flushHeaders();
  await relay(answer, response);
}

function relay(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    answer.once('error', () => undefined);
    answer.once('close', () => {
      // The client has a part of the answer: it shall not take that for the whole.
      if (!answer.complete) response.destroy();
      resolve();
    });
    answer.pipe(response);
  });
}

/** A request for another protocol: once the target agrees, bytes pass both ways. */
export function proxyUpgrade({ store }: Server, request: ResourceRequest, socket: Duplex, head: Buffer): void {
  const { raw, method } = request;
  const target = targetOf(store, request);
  const headers = { ...forwardedHeaders(request), connection: 'Upgrade', upgrade: raw.headers.upgrade ?? '' };
  const upstream = open(request, target, { method, headers });
  const refuse = (error: Error): void => {
    socket.end(refusal(503, `error trying to reach service: ${error.message}`));
  };
  upstream.once('error', refuse);
  upstream.once('upgrade', (answer, other, otherHead) => {
    const lines = rawHeaderLines(answer);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
    socket.write(otherHead);
    other.write(head);
    // The end of one side is that of the other; there is nobody to tell of an error.
    other.on('error', () => socket.destroy());
    other.once('close', () => socket.destroy());
    socket.once('close', () => other.destroy());
    socket.pipe(other).pipe(socket);
  });
  upstream.once('response', (answer) => {
    socket.write(
      `HTTP/1.1 ${String(answer.statusCode)} ${answer.statusMessage ?? ''}\r\n${rawHeaderLines(answer, 'close')}\r\n`,
    );
    answer.once('error', () => socket.destroy());
    answer.pipe(socket);
  });
  socket.once('close', () => upstream.destroy());
  upstream.end();
}

const connectTimeoutMs = 10_000;

function open(
  { resource, raw }: ResourceRequest,
  { protocol, address, port }: ProxyTarget,
  options: { method: string; headers: OutgoingHttpHeaders; signal?: AbortSignal },
) {
  const query = /\?.*$/.exec(raw.url ?? '')?.[0] ?? '';
  const path = `${resource.proxyPath || '/'}${query}`;
  const all = { ...options, host: address, port, path, setHost: false, agent: false };
  // Certificates of pods name no address that could be checked; kube-apiserver does not check them either.
  const upstream = protocol === 'https:' ? httpsRequest({ ...all, rejectUnauthorized: false }) : httpRequest(all);
  upstream.once('socket', (connection) => {
    const timer = setTimeout(() => connection.destroy(new Error('connect timed out')), connectTimeoutMs);
    connection.once('connect', () => {
      clearTimeout(timer);
    });
    connection.once('close', () => {
      clearTimeout(timer);
    });
  });
  return upstream;
}

function answerTo(request: ResourceRequest, target: ProxyTarget, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, raw } = request;
    const upstream = open(request, target, { method, headers: forwardedHeaders(request), signal });
    upstream.once('response', resolve);
    upstream.on('error', (error) => {
      reject(new ApiError(503, 'ServiceUnavailable', `error trying to reach service: ${error.message}`));
    });
    raw.once('error', () => upstream.destroy());
    raw.pipe(upstream);
  });
}

const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

const hopByHop = new Set([
  // Node has said 100 Continue already.
  'expect',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Who is admitted here is nothing to the target: neither credentials nor impersonation pass. */
function forwardedHeaders({ raw, method }: ApiRequest): OutgoingHttpHeaders {
  const { headers } = raw;
  const remote = raw.socket.remoteAddress ?? '';
  const before = headers['x-forwarded-for'];
  const passed = Object.entries(endToEnd(headers)).filter(
    ([name]) => name !== 'authorization' && !name.startsWith('impersonate-') && !name.startsWith('x-remote-'),
  );
  const hasLength = headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;
  return {
    ...Object.fromEntries(passed),
    ...(!hasLength && !bodiless.has(method) && { 'content-length': 0 }),
    // Bodies of unknown length stay so.
    ...(headers['transfer-encoding'] !== undefined && { 'transfer-encoding': 'chunked' }),
    'x-forwarded-for': before === undefined ? remote : `${String(before)}, ${remote}`,
    'x-forwarded-host': headers.host ?? '',
    'x-forwarded-proto': 'https',
    'x-forwarded-uri': (raw.url ?? '').split('?', 1)[0],
  };
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name) && !named.has(name)));
}

/** A redirect to a path of the target is one to the same path through the proxy. */
function answerHeaders({ raw, resource }: ResourceRequest, headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const { location } = headers;
  if (location === undefined || !/^\/(?!\/)/.test(location)) return endToEnd(headers);
  const path = (raw.url ?? '').split('?', 1)[0] ?? '';
  const prefix = path.slice(0, path.length - (resource.proxyPath ?? '').length);
  return { ...endToEnd(headers), location: `${prefix}${location}` };
}

function rawHeaderLines({ rawHeaders }: IncomingMessage, connection?: string): string {
  const names = rawHeaders.filter((_text, index) => index % 2 === 0);
  const lines = names.map((name, index) => [name, rawHeaders[2 * index + 1] ?? ''] as const);
  const own = connection === undefined ? lines : lines.filter(([name]) => !hopByHop.has(name.toLowerCase()));
  const added = connection === undefined ? '' : `Connection: ${connection}\r\n`;
  return `${own.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${added}`;
}

function refusal(code: number, message: string): string {
  const body = JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'ServiceUnavailable',
    code,
  });
  const head = `content-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(body))}`;
  return `HTTP/1.1 ${String(code)} Service Unavailable\r\n${head}\r\nconnection: close\r\n\r\n${body}`;
}
