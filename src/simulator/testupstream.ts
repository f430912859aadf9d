import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { createGzip, gzipSync } from 'node:zlib';
import { parseGoDuration } from '../kinds/durations.ts';
import type { Log } from '../telemetry/log.ts';
import { eventStreamFrame } from '../wire/awseventstream.ts';
import { bedrockEventType } from './bedrockevents.ts';
import { simulatedHeaders } from './headers.ts';
import {
  HttpError,
  isJsonObject,
  listenAddress,
  readBody,
  sendText,
  startHttpServer,
  type Env,
  type JsonObject,
  type ProgramOptions,
  type RunningProgram,
} from '../llm/server/http.ts';
import { defaultAnswer, type DefaultAnswer, fakeResponse, fakeResponseRepeats } from './testupstreamanswers.ts';

/**
 * The AI gateway's test upstream (aigateway.md 10.3): an upstream whose requests say, in headers, what it must have received
 * and what it shall answer. Without such headers it answers as an OpenAI API would, saying that it is simulated.
 *
 * Of our own is `x-response-delay-ms: N`: the answer's head comes N ms later (at most ten minutes).
 *
 * Environment: TESTUPSTREAM_ID (sent back as `testupstream-id`), LISTENER_PORT (8080), STREAMING_INTERVAL (200ms, between
 * events).
 */
export async function startTestUpstream(
  argv: readonly string[],
  options: ProgramOptions & { log: Log },
): Promise<RunningProgram> {
  if (argv.length > 0) throw new Error(`the test upstream takes no arguments, got ${argv.join(' ')}`);
  const { env, log } = options;
  const settings = readSettings(env);
  const host = listenAddress(options);
  let headers: Record<string, string> = {};
  const server = await startHttpServer({
    host,
    port: settings.port,
    handle: async (request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      await answer(request, response, settings);
    },
    fail: (response, error) => {
      response.setHeader('X-TestUpstream-Error', 'true');
      sendText(response, error.status, `${error.message}\n`);
    },
    onInternalError: (error) => log.error({ err: error }, 'request failed'),
  });
  headers = { ...simulatedHeaders(env, server.port), 'testupstream-id': settings.upstreamId };
  const url = `http://${host}:${String(server.port)}`;
  log.info({ url, upstreamId: settings.upstreamId }, 'test upstream listening: answers are simulated');
  return { url, close: () => server.close() };
}

interface Settings {
  port: number;
  upstreamId: string;
  streamingIntervalMs: number;
}

function readSettings(env: Env): Settings {
  const port = Number(env['LISTENER_PORT'] ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`LISTENER_PORT: a port number expected, got ${JSON.stringify(env['LISTENER_PORT'])}`);
  }
  const interval = env['STREAMING_INTERVAL'] ?? '200ms';
  const streamingIntervalMs = parseGoDuration(interval);
  if (streamingIntervalMs === undefined || streamingIntervalMs < 0) {
    throw new Error(`STREAMING_INTERVAL: a duration such as 200ms expected, got ${JSON.stringify(interval)}`);
  }
  return { port, upstreamId: env['TESTUPSTREAM_ID'] ?? '', streamingIntervalMs };
}

const maxBodyBytes = 128 * 1024 * 1024;
const maxDelayMs = 600_000;

/** The picker's header: traffic that went through an ext_proc filter with a streamed body has lost its content-length. */
const pickerHeader = 'x-gateway-destination-endpoint';

async function answer(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://upstream');
  if (url.pathname === '/health') {
    sendText(response, 200, '');
    return;
  }
  const body = await readBody(request, maxBodyBytes);
  const hasBody = !['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(request.method ?? '');
  if (hasBody && request.headers['content-length'] === undefined && header(request, pickerHeader) === undefined) {
    throw new HttpError(400, 'no content-length in the request');
  }
  assertExpectations(request, url, body, settings.upstreamId);
  const json = tryParseObject(body);
  if (typeof json['model'] === 'string' && isHeaderValue(json['model'])) response.setHeader('X-Model', json['model']);
  for (const [name, value] of pairs(decoded(request, 'x-response-headers') ?? '')) response.setHeader(name, value);
  await sleep(numberHeader(request, 'x-response-delay-ms', 0, 0, maxDelayMs), response);
  if (!response.destroyed) await send(request, response, url, json, settings);
}

/** Compares the request with what its own `x-expected-*` headers say. @throws HttpError 400 at the first mismatch. */
function assertExpectations(request: IncomingMessage, url: URL, body: Buffer, upstreamId: string): void {
  const expectEqual = (what: string, got: string, expected: string | undefined): void => {
    if (expected === undefined || got === expected) return;
    throw new HttpError(400, `unexpected ${what}: got ${got}, expected ${expected}`);
  };
  expectEqual('host', request.headers.host ?? '', header(request, 'x-expected-host'));
  for (const [name, value] of pairs(decoded(request, 'x-expected-headers') ?? '')) {
    expectEqual(`header ${name}`, header(request, name) ?? '', value);
  }
  for (const name of (decoded(request, 'x-non-expected-request-headers') ?? '').split(',')) {
    const got = name.trim() === '' ? undefined : header(request, name.trim());
    if (got !== undefined) throw new HttpError(400, `unexpected header ${name.trim()} presence with value ${got}`);
  }
  expectEqual('testupstream-id', upstreamId, header(request, 'x-expected-testupstream-id'));
  expectEqual('path', url.pathname, decoded(request, 'x-expected-path'));
  expectEqual('raw query', url.search.slice(1), header(request, 'x-expected-raw-query'));
  const expectedBody = decoded(request, 'x-expected-request-body');
  if (expectedBody !== undefined && !sameBody(body.toString(), expectedBody)) {
    throw new HttpError(400, `unexpected request body: got ${body.toString()}, expected ${expectedBody}`);
  }
}

/** JSON is compared by meaning, so that key order and spaces do not matter; anything else byte by byte. */
function sameBody(got: string, expected: string): boolean {
  if (got === expected) return true;
  try {
    return isDeepStrictEqual(JSON.parse(got), JSON.parse(expected));
  } catch {
    return false;
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  json: JsonObject,
  settings: Settings,
): Promise<void> {
  const status = numberHeader(request, 'x-response-status', 200, 200, 599);
  const given = decoded(request, 'x-response-body');
  const intervalMs = settings.streamingIntervalMs;
  const type = header(request, 'x-response-type');
  switch (type) {
    case 'sse':
      await sendEvents(response, status, 'text/event-stream', sseEvents(given ?? ''), intervalMs);
      return;
    case 'sse-gzip':
      await sendGzipEvents(response, status, sseEvents(given ?? ''), intervalMs);
      return;
    case 'aws-event-stream':
      await sendEvents(response, status, 'application/vnd.amazon.eventstream', awsFrames(given ?? ''), intervalMs);
      return;
    case undefined:
    case '':
    case 'gzip': {
      const { contentType, body }: DefaultAnswer =
        given === undefined
          ? fallbackAnswer(request, url, json, settings)
          : { contentType: 'application/json', body: given };
      if (typeof body === 'string') sendWhole(response, status, contentType, body, type === 'gzip');
      else await sendEvents(response, status, contentType, body, 0);
      return;
    }
    default:
      throw new HttpError(400, `unknown x-response-type ${JSON.stringify(type)}`);
  }
}

function fallbackAnswer(request: IncomingMessage, url: URL, json: JsonObject, settings: Settings): DefaultAnswer {
  const size = header(request, 'x-fake-response');
  if (size !== undefined) {
    const repeats = Object.hasOwn(fakeResponseRepeats, size) ? fakeResponseRepeats[size] : undefined;
    if (repeats === undefined)
      throw new HttpError(400, `x-fake-response: small, medium or large expected, got ${size}`);
    const model = typeof json['model'] === 'string' ? json['model'] : '';
    return { contentType: 'application/json', body: fakeResponse(model, repeats) };
  }
  const fallback = defaultAnswer(url.pathname, json, settings.upstreamId);
  if (fallback === undefined) throw new HttpError(400, `no default answer for unknown path: ${url.pathname}`);
  return fallback;
}

function sendWhole(response: ServerResponse, status: number, contentType: string, text: string, gzip: boolean): void {
  const bytes = gzip ? gzipSync(text) : Buffer.from(text);
  if (gzip) response.setHeader('content-encoding', 'gzip');
  // Headers that the request asked for win over the defaults.
  if (!response.hasHeader('content-type')) response.setHeader('content-type', contentType);
  response.writeHead(status, status === 204 || status === 304 ? {} : { 'content-length': bytes.length });
  response.end(status === 204 || status === 304 ? undefined : bytes);
}

/** A body with a blank line holds whole events; in any other, each line is the data of one. */
function sseEvents(body: string): string[] {
  const blocks = body.includes('\n\n') ? body.split('\n\n') : body.split('\n');
  const isBlocks = body.includes('\n\n');
  return blocks
    .filter((block) => block.trim() !== '')
    .map((block) => (isBlocks ? `${block}\n\n` : `data: ${block}\n\n`));
}

function awsFrames(body: string): Buffer[] {
  const lines = body.split('\n').filter((line) => line !== '');
  const frames = lines.map((line) => {
    const eventType = bedrockEventType(line);
    return eventStreamFrame(eventType === undefined ? {} : { ':event-type': eventType }, Buffer.from(line));
  });
  return [...frames, eventStreamFrame({ 'event-type': 'end' }, Buffer.from('this-is-end'))];
}

async function sendEvents(
  response: ServerResponse,
  status: number,
  contentType: string,
  events: readonly (string | Buffer)[],
  intervalMs: number,
): Promise<void> {
  response.writeHead(status, { 'content-type': contentType });
  for (const event of events) {
    await sleep(intervalMs, response);
    if (response.destroyed) return;
    response.write(event);
  }
  response.end();
}

async function sendGzipEvents(
  response: ServerResponse,
  status: number,
  events: readonly string[],
  intervalMs: number,
): Promise<void> {
  response.writeHead(status, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
  const gzip = createGzip();
  gzip.pipe(response);
  response.on('close', () => gzip.destroy());
  for (const event of events) {
    await sleep(intervalMs, response);
    if (response.destroyed) return;
    gzip.write(event);
    gzip.flush();
  }
  gzip.end();
}

/** Waits, but no longer than the client stays. */
function sleep(ms: number, response: ServerResponse): Promise<void> {
  if (ms <= 0 || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    response.on('close', done);
  });
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The text of a base64 header. @throws HttpError 400 when it is not base64. */
function decoded(request: IncomingMessage, name: string): string | undefined {
  const value = header(request, name);
  if (value === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw new HttpError(400, `failed to decode the header ${name}: not base64`);
  return Buffer.from(value, 'base64').toString();
}

function numberHeader(request: IncomingMessage, name: string, fallback: number, min: number, max: number): number {
  const value = header(request, name);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new HttpError(400, `${name}: a number from ${String(min)} to ${String(max)} expected, got ${value}`);
  }
  return number;
}

/** `name:value,name:value` */
function pairs(text: string): [name: string, value: string][] {
  if (text === '') return [];
  return text.split(',').map((pair) => {
    const colon = pair.indexOf(':');
    if (colon < 1) throw new HttpError(400, `invalid header key-value pair ${pair}`);
    const [name, value] = [pair.slice(0, colon).trim(), pair.slice(colon + 1).trim()];
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || !isHeaderValue(value)) {
      throw new HttpError(400, `invalid header key-value pair ${pair}`);
    }
    return [name, value];
  });
}

const isHeaderValue = (text: string): boolean => /^[\t\x20-\x7e]*$/.test(text);

function tryParseObject(body: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
