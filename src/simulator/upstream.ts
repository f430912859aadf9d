import { request as requestHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../telemetry/log.ts';
import {
  HttpError,
  listenAddress,
  sendText,
  startHttpServer,
  type ProgramOptions,
  type RunningProgram,
} from '../llm/server/http.ts';

/** Fields of a message that are for one connection only (RFC 9110 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);
const defaultPort = 8000;

/**
 * Passes all requests on to a server that runs already, for images that the catalog maps to a `url`: `--url URL`. It listens on
 * PORT of the environment. Bodies are streamed both ways; paths are put behind that of the URL.
 */
export async function startUpstream(
  argv: readonly string[],
  options: ProgramOptions & { log: Log },
): Promise<RunningProgram> {
  const [flag, text = ''] = argv;
  if (flag !== '--url' || !URL.canParse(text)) throw new Error('the program takes --url URL, and no other arguments');
  const target = new URL(text);
  const { log, env } = options;
  const host = listenAddress(options);
  const server = await startHttpServer({
    host,
    port: Number(env['PORT'] ?? defaultPort),
    handle: (request, response) => forward(target, request, response),
    fail: (response, error) => {
      sendText(response, error.status, `${error.message}\n`);
    },
    onInternalError: (error) => log.error({ err: error }, 'request failed'),
  });
  const url = `http://${host}:${String(server.port)}`;
  log.info({ url, upstream: target.origin }, 'passing requests on');
  return { url, close: () => server.close() };
}

async function forward(target: URL, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await ask(target, incoming, response);
  response.writeHead(answer.statusCode ?? 502, passedOn(answer));
  // The head goes at once: a stream's first event may take its time.
  response.flushHeaders();
  await pipeline(answer, response);
}

function ask(target: URL, incoming: IncomingMessage, response: ServerResponse): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    const outgoing = send({
      protocol: target.protocol,
      hostname: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port,
      path: `${target.pathname.replace(/\/$/, '')}${incoming.url ?? '/'}`,
      method: incoming.method,
      headers: { ...passedOn(incoming), host: target.host },
    });
    outgoing.on('response', resolve);
    outgoing.on('error', (error) => {
      reject(new HttpError(502, `the server at ${target.origin} does not answer: ${error.message}`));
    });
    response.on('close', () => outgoing.destroy());
    incoming.on('error', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
}

function passedOn(message: IncomingMessage): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(message.headers).flatMap(([name, value]) =>
      value === undefined || hopByHop.has(name) ? [] : [[name, value]],
    ),
  );
}
