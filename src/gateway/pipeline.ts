/**
 * The way of one request through the gateway (design section 2): classify, read the model, match, filter, choose a backend and an
 * endpoint, attempt, relay, account. One object per request; its methods are the steps in their order.
 */
import { readLlmBody } from '../llm/body.ts';
import { findLlmEndpoint, type LlmEndpoint } from '../llm/endpoints.ts';
import { errorBody, errorEvent, invalidRequestBody, malformedRequest } from '../llm/errors.ts';
import { listModels, modelsForHost } from '../llm/models.ts';
import { headerText } from '../routes/headertext.ts';
import type { LinkedGateway, LinkedListener, LinkedTable } from '../routes/index.ts';
import { matchRoute, selectListener, type RouteRequest } from '../routes/match.ts';
import { modelHeaders, type Endpoint, type RouteRule } from '../routes/table.ts';
import type { Log } from '../telemetry/log.ts';
import type { PickRequest } from '../picker/picker.ts';
import { Attempt, type AttemptEvents } from './attempt.ts';
import { buildUpstreamRequest, isUnsendable } from './outgoing.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { describeBackend, TargetWalk, waiting, type WalkContext } from './failover.ts';
import { applyFilters, type LocalReply, type OutgoingRequest } from './filters.ts';
import { forwardedHeaders, modifyHeaders, relayedHeaders, setHeader, type HeaderModifier } from './headers.ts';
import type { GatewayMetrics, LimitName } from './metrics.ts';
import type { RequestView } from './poolchoice.ts';
import type { PoolRequest } from './poolpick.ts';
import { BufferedBody, StreamedBody } from './requestbody.ts';
import type { RequestObserver, RequestRecord } from './requestrecord.ts';
import type { Upstream } from './upstreams.ts';

/** What all requests of a data plane share. */
export interface PipelineContext extends WalkContext {
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly debugHeaders: boolean;
  readonly accessLog: boolean;
  readonly requests: RequestObserver | undefined;
  /** Request bodies in memory, over all requests; beyond it 503. */
  readonly maxBufferedBytes: number;
  /** Longest silence of an upstream where no timeout of the route says otherwise. */
  readonly defaultIdleTimeoutMs: number;
  /** Longest time that a request is queued for an endpoint of a pool; beyond it 503. */
  readonly pickTimeoutMs: number;
}

/** What a socket serves at the moment a request begins; the request finishes on it. */
export interface SocketView {
  readonly table: LinkedTable;
  readonly gateway: LinkedGateway | undefined;
  /** Declared port of the listeners. */
  readonly port: number;
  readonly listeners: readonly LinkedListener[];
}

/** Larger bodies of requests that need no look inside flow through instead of being held. */
const streamAboveBytes = 256 * 1024;
const noBytes = Buffer.alloc(0);
/** How the status of a request whose client went away is counted; it is never sent. */
const clientGone = 499;

export class Pipeline implements ExchangeHandler, AttemptEvents, RouteRequest, PoolRequest {
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly method: string;
  model: string | undefined;

  readonly #context: PipelineContext;
  readonly #view: SocketView;
  readonly #exchange: Exchange;
  readonly #startedMs: number;
  #endpointOfApi: LlmEndpoint | undefined;
  #rule: RouteRule | undefined;
  #buffered: BufferedBody | undefined;
  #streamed: StreamedBody | undefined;
  #bodyAsked = false;
  #outgoing: OutgoingRequest | undefined;
  #responseModifiers: readonly HeaderModifier[] | undefined;
  #walk: TargetWalk | undefined;
  #attempt: Attempt | undefined;
  #upstream: Upstream | undefined;
  #endpoint: Endpoint | undefined;
  #requestTimer: NodeJS.Timeout | undefined;
  #attemptTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #eventStream = false;
  /** The last bytes relayed ended an event, so that another one may follow. */
  #betweenEvents = true;
  #status = 0;
  #over = false;

  constructor(context: PipelineContext, view: SocketView, exchange: Exchange) {
    this.#context = context;
    this.#view = view;
    this.#exchange = exchange;
    this.#startedMs = context.now();
    this.host = exchange.host;
    this.path = exchange.path;
    this.query = exchange.search === '' ? '' : exchange.search.slice(1);
    this.method = exchange.method;
    exchange.handler = this;
    context.metrics.inFlight += 1;
  }

  /** The model never comes from a header of the client (aigateway.md 3.2 step 6). */
  header(name: string): string | undefined {
    return name === 'x-ai-eg-model' ? undefined : this.#exchange.header(name);
  }

  /** For the picker, which knows prompts by their hashes. */
  scannedBody(): ReturnType<NonNullable<PickRequest['scannedBody']>> {
    const scan = this.#buffered?.scan;
    return this.#buffered === undefined || scan?.complete !== true
      ? undefined
      : { path: this.path, bytes: this.#buffered.bytes(), scan };
  }

  /** For pickers that are somebody else's. */
  view(): RequestView {
    const { method, scheme, authority, path, search } = this.#exchange;
    const [headers, body] = [this.#outgoing?.headers ?? [], this.#buffered?.bytes() ?? noBytes];
    return { method, scheme, authority, path: path + search, headers, body };
  }

  start(): void {
    const { gateway, listeners } = this.#view;
    const listener = gateway === undefined ? undefined : selectListener(listeners, this.host);
    if (gateway === undefined || listener === undefined) {
      this.#replyText(404, 'no listener of this gateway takes this host');
      return;
    }
    if ((this.#exchange.contentLength ?? 0) > gateway.bodyLimitBytes) {
      this.#refuseBody();
      return;
    }
    const api = findLlmEndpoint(this.method, this.path);
    this.#endpointOfApi = api;
    if (api === undefined || !listener.readsModel) this.#route(gateway);
    else if (api.model !== 'none') this.#readModel(api);
    else if (gateway.models.all.length > 0) this.#replyModels(gateway, api);
    else this.#route(gateway);
  }

  // ---- reading the body

  /** Reads the whole body for the model in it; routing goes on in `onBodyEnd`. */
  #readModel(api: LlmEndpoint): void {
    const form = this.#exchange.header('content-type')?.toLowerCase().startsWith('multipart/form-data') === true;
    if (api.model === 'form') this.#replyError(400, `multipart endpoints are not supported yet: ${this.path}`);
    else if (form) this.#replyError(400, 'multipart body not supported for this endpoint');
    else this.#readBody(true);
  }

  #readBody(scans: boolean): void {
    this.#buffered = new BufferedBody(scans);
    if (this.#exchange.hasBody) this.#exchange.readBody();
    else this.onBodyEnd();
  }

  onBodyChunk(chunk: Buffer): void {
    if (this.#over) return;
    const body = this.#buffered ?? this.#streamed;
    if (body === undefined) return;
    const { metrics, maxBufferedBytes } = this.#context;
    if (body.size + chunk.length > (this.#view.gateway?.bodyLimitBytes ?? 0)) {
      this.#refuseBody();
    } else if (this.#streamed !== undefined) {
      this.#streamed.size += chunk.length;
      if (!this.#streamed.push(chunk)) this.#exchange.pauseBody();
    } else if (metrics.bufferedBytes + chunk.length > maxBufferedBytes) {
      metrics.limitHit('buffered_bytes');
      this.#replyText(
        503,
        `the gateway holds too many request bodies (${maxBufferedBytes} bytes); try again later`,
        true,
      );
    } else {
      metrics.bufferedBytes += chunk.length;
      this.#buffered?.push(chunk);
    }
  }

  onBodyEnd(): void {
    if (this.#over) return;
    const buffered = this.#buffered;
    if (buffered === undefined) {
      this.#streamed?.push(null);
      return;
    }
    const { scan } = buffered;
    if (this.#rule !== undefined) {
      scan?.finish();
      this.model ??= modelOf(buffered);
      this.#tryNext();
      return;
    }
    const { gateway } = this.#view;
    const api = this.#endpointOfApi;
    if (scan === undefined || gateway === undefined || api === undefined) return;
    scan.finish();
    if (scan.error !== undefined) {
      this.#replyError(400, malformedRequest(api.errorPath, scan.error));
      return;
    }
    const body = readLlmBody(buffered.bytes(), scan);
    if ('error' in body) {
      this.#replyError(400, malformedRequest(api.errorPath, body.error));
    } else if (body.model === '' && api.model === 'required') {
      this.#replyError(400, invalidRequestBody('model field is required'));
    } else {
      this.model = body.model;
      this.#route(gateway);
    }
  }

  #refuseBody(): void {
    this.#context.metrics.limitHit('body_bytes');
    const limit = this.#view.gateway?.bodyLimitBytes ?? 0;
    this.#replyText(
      413,
      `request body is larger than ${limit} bytes; ` +
        'a ClientTrafficPolicy of this Gateway raises the limit with spec.connection.bufferLimit',
      true,
    );
  }

  // ---- matching

  #route(gateway: LinkedGateway): void {
    const rule = matchRoute(this.#view.listeners, this)?.match?.rule;
    if (rule === undefined) {
      this.#replyText(404, 'no route of this gateway matches the request');
      return;
    }
    if (rule.kind === 'llm' && this.model === undefined) {
      const api = this.#endpointOfApi;
      if (api === undefined) this.#replyText(404, `unsupported path: ${this.path}`);
      else if (api.model === 'none') this.#replyModels(gateway, api);
      else this.#readModel(api);
      return;
    }
    this.#rule = rule;
    const { requestTimeoutMs } = rule;
    if (requestTimeoutMs !== undefined && requestTimeoutMs > 0) {
      const spent = this.#context.now() - this.#startedMs;
      this.#requestTimer = setTimeout(requestTimedOut, Math.max(1, requestTimeoutMs - spent), this);
    }
    const outgoing = this.#prepare(rule);
    const reply = applyFilters(rule.filters, outgoing, this.#exchange, this.#view.port);
    if (reply !== undefined) {
      this.#replyLocally(reply);
      return;
    }
    this.#outgoing = outgoing;
    const { hasBody, contentLength } = this.#exchange;
    if (this.#buffered !== undefined || !hasBody) {
      this.#tryNext();
    } else if (leadsToPool(rule)) {
      // Pickers look at it.
      this.#readBody(this.#endpointOfApi !== undefined);
    } else if (contentLength !== undefined && contentLength <= streamAboveBytes) {
      this.#readBody(false);
    } else {
      // The client is asked for the body when an upstream begins to read it.
      this.#streamed = new StreamedBody(() => {
        this.#resumeBody();
      });
      this.#tryNext();
    }
  }

  #resumeBody(): void {
    if (this.#bodyAsked) this.#exchange.resumeBody();
    else {
      this.#bodyAsked = true;
      this.#exchange.readBody();
    }
  }

  #prepare(rule: RouteRule): OutgoingRequest {
    const headers = forwardedHeaders(this.#exchange);
    if (this.model !== undefined) {
      const value = headerText(this.model);
      for (const name of modelHeaders) setHeader(headers, name, value);
    }
    if (rule.kind === 'llm') headers.push('x-ai-eg-original-path', this.path, 'x-envoy-original-path', this.path);
    return {
      headers,
      path: this.path,
      search: this.#exchange.search,
      host: this.#exchange.authority,
      backendHost: false,
      responseModifiers: undefined,
    };
  }

  // ---- attempts

  /** Sends the request to the next place it may go, or answers why there is none. */
  #tryNext(): void {
    const [rule, outgoing] = [this.#rule, this.#outgoing];
    if (rule === undefined || outgoing === undefined) return;
    const { upstreams, metrics, log } = this.#context;
    const walk = (this.#walk ??= this.#startWalk(rule));
    const next = walk.next();
    if (next === waiting) {
      this.#attemptTimer = setTimeout(pickTimedOut, this.#context.pickTimeoutMs, this);
      return;
    }
    if ('status' in next) {
      this.#reply(next.status, ['content-type', 'text/plain', ...next.headers], next.text, false);
      return;
    }
    const { target, endpoint } = next;
    this.#endpoint = endpoint;
    const body = this.#buffered ?? this.#streamed;
    const client = { exchange: this.#exchange, port: this.#view.port, api: this.#endpointOfApi, body };
    const request = buildUpstreamRequest(client, outgoing, next, log);
    if (isUnsendable(request)) {
      if ('reply' in request) this.#replyLocally(request.reply);
      else this.#replyError(500, request.error);
      return;
    }
    if (walk.attempts > 1) metrics.failovers += 1;
    const upstream = upstreams.acquire(target.protocol, endpoint);
    if (upstream === undefined) {
      metrics.limitHit('endpoint_connections');
      this.#tryNext();
      return;
    }
    this.#upstream = upstream;
    this.#responseModifiers = request.responseModifiers;
    this.#startAttemptTimers(rule);
    this.#attempt = new Attempt(this);
    this.#attempt.send(upstream, request);
  }

  #startWalk(rule: RouteRule): TargetWalk {
    return new TargetWalk(rule, this.#view.table, this.#context, this, () => {
      if (this.#attemptTimer !== undefined) clearTimeout(this.#attemptTimer);
      if (!this.#over) this.#tryNext();
    });
  }

  /** The request was queued for too long. */
  stopWaiting(): void {
    if (this.#over) return;
    this.#walk?.expire();
    this.#tryNext();
  }

  #startAttemptTimers(rule: RouteRule): void {
    const { backendRequestTimeoutMs, streamIdleTimeoutMs, requestTimeoutMs } = rule;
    // A backend limit at or above the whole request's would never be the first to fire.
    if (backendRequestTimeoutMs && !(requestTimeoutMs && requestTimeoutMs <= backendRequestTimeoutMs)) {
      this.#attemptTimer = setTimeout(attemptTimedOut, backendRequestTimeoutMs, this);
    }
    if (streamIdleTimeoutMs) this.#idleTimer = setTimeout(streamIdle, streamIdleTimeoutMs, this);
    else if (!requestTimeoutMs && !backendRequestTimeoutMs) {
      this.#idleTimer = setTimeout(streamIdle, this.#context.defaultIdleTimeoutMs, this);
    }
  }

  /** Returns what the attempt holds. */
  #endAttempt(): void {
    if (this.#attemptTimer !== undefined) clearTimeout(this.#attemptTimer);
    if (this.#idleTimer !== undefined) clearTimeout(this.#idleTimer);
    this.#attempt = undefined;
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    this.#upstream = undefined;
    this.#context.upstreams.release(upstream);
  }

  onUnreachable(error: Error): void {
    const { log } = this.#context;
    log.debug(
      { backend: this.#walk?.backend?.id, endpoint: this.#endpoint?.key, error: error.message },
      'endpoint unreachable',
    );
    this.#endAttempt();
    this.#tryNext();
  }

  // ---- relaying the answer

  onResponseHead(status: number, upstreamHeaders: Record<string, string | string[] | undefined>): void {
    this.#idleTimer?.refresh();
    const headers = relayedHeaders(upstreamHeaders);
    const modifiers = this.#responseModifiers;
    if (modifiers !== undefined) for (const modifier of modifiers) modifyHeaders(headers, modifier);
    if (this.#walk !== undefined && this.#endpoint !== undefined) {
      for (const [name, value] of this.#walk.answered(status, headers, this.#endpoint)) setHeader(headers, name, value);
    }
    const contentType = upstreamHeaders['content-type'];
    this.#eventStream = typeof contentType === 'string' && contentType.startsWith('text/event-stream');
    this.#status = status;
    if (this.#context.debugHeaders) this.#addDebugHeaders(headers);
    // Without a declared length bytes may be long in coming: the client shall have the head at once.
    const flush = this.#eventStream || upstreamHeaders['content-length'] === undefined;
    this.#exchange.sendHead(status, headers, flush);
  }

  onResponseChunk(chunk: Buffer): boolean {
    this.#idleTimer?.refresh();
    if (this.#eventStream) this.#betweenEvents = endsEvent(chunk);
    return this.#exchange.write(chunk);
  }

  onResponseEnd(trailers: Record<string, string | string[] | undefined>): void {
    this.#exchange.end(relayedHeaders(trailers));
    this.#finish();
  }

  onDrain(): void {
    // The silence of an upstream that was held back is not its own.
    this.#idleTimer?.refresh();
    this.#attempt?.resume();
  }

  onUpstreamFailure(error: Error): void {
    const { log } = this.#context;
    log.debug(
      { backend: this.#walk?.backend?.id, endpoint: this.#endpoint?.key, error: error.message },
      'upstream failed',
    );
    this.#breakOff(502, `${describeBackend(this.#walk?.backend)} broke off the request`);
  }

  onClientGone(): void {
    if (this.#over) return;
    this.#attempt?.cancel();
    this.#status = clientGone;
    this.#finish();
  }

  /** A time limit of this kind ran out. */
  timeOut(limit: LimitName): void {
    if (this.#over) return;
    this.#context.metrics.limitHit(limit);
    const texts: Partial<Record<LimitName, string>> = {
      request_timeout: 'the request timeout of the route ran out',
      backend_request_timeout: `${describeBackend(this.#walk?.backend)} did not answer within the backend request timeout of the route`,
      stream_idle_timeout: `${describeBackend(this.#walk?.backend)} sent nothing for longer than the stream idle timeout`,
    };
    this.#breakOff(504, texts[limit] ?? limit);
  }

  /** Ends a request whose upstream failed: by a status, or where the head is out already by an event or a cut connection. */
  #breakOff(status: number, message: string): void {
    this.#attempt?.cancel();
    if (!this.#exchange.headSent) {
      this.#replyText(status, message);
      return;
    }
    if (this.#eventStream) {
      this.#exchange.write(`${this.#betweenEvents ? '' : '\n\n'}${errorEvent(status, message)}`);
      this.#exchange.end();
    } else this.#exchange.abort();
    this.#status = status;
    this.#finish();
  }

  // ---- answering by itself

  #replyModels(gateway: LinkedGateway, api: LlmEndpoint): void {
    const body = listModels(api.schema, modelsForHost(gateway.models, this.host));
    this.#reply(200, ['content-type', 'application/json'], body, false);
  }

  #replyLocally(reply: LocalReply): void {
    const headers: string[] = [];
    if (reply.contentType !== undefined) headers.push('content-type', reply.contentType);
    if (reply.location !== undefined) headers.push('location', reply.location);
    this.#reply(reply.status, headers, reply.body, false);
  }

  #replyError(status: number, message: string): void {
    this.#reply(status, ['content-type', 'application/json'], errorBody(status, message), false);
  }

  #replyText(status: number, text: string, closes = false): void {
    this.#reply(status, ['content-type', 'text/plain'], text, closes);
  }

  #reply(status: number, headers: string[], body: string, closes: boolean): void {
    if (this.#over) return;
    this.#attempt?.cancel();
    if (this.#exchange.headSent) {
      // Too late for an answer of ours: an upload went over its limit after the upstream had begun to answer.
      this.#exchange.abort();
    } else {
      if (this.#context.debugHeaders) this.#addDebugHeaders(headers);
      this.#exchange.reply(status, headers, body, closes);
    }
    this.#status = status;
    this.#finish();
  }

  #addDebugHeaders(headers: string[]): void {
    if (this.#exchange.header('x-headgate-debug') !== 'true') return;
    const backend = this.#walk?.backend;
    headers.push('x-headgate-table', String(this.#view.table.table.generation));
    if (this.#rule !== undefined) headers.push('x-headgate-route', this.#rule.id);
    if (backend !== undefined) headers.push('x-headgate-backend', backend.id);
    if (this.#endpoint !== undefined) headers.push('x-headgate-endpoint', this.#endpoint.key);
  }

  // ---- accounting

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#endAttempt();
    this.#walk?.end();
    if (this.#requestTimer !== undefined) clearTimeout(this.#requestTimer);
    this.#streamed?.destroy();
    const { metrics, accessLog, requests, log } = this.#context;
    metrics.inFlight -= 1;
    if (this.#buffered !== undefined) metrics.bufferedBytes -= this.#buffered.size;
    const durationMs = this.#context.now() - this.#startedMs;
    metrics.record(this.#rule?.id ?? '', this.#walk?.backend?.id ?? '', this.#status, durationMs);
    if (accessLog) log.debug(this.#record(durationMs), 'request');
    if (requests?.watched === true) requests.finished(this.#record(durationMs));
  }

  #record(durationMs: number): RequestRecord {
    return {
      time: new Date(Date.now() - durationMs).toISOString(),
      gateway: this.#view.gateway?.key,
      method: this.method,
      host: this.host,
      path: this.path,
      model: this.model,
      rule: this.#rule?.id,
      backend: this.#walk?.backend?.id,
      endpoint: this.#endpoint?.key,
      status: this.#status,
      attempts: this.#walk?.attempts ?? 0,
      durationMs: Math.round(durationMs * 1000) / 1000,
    };
  }
}

function requestTimedOut(pipeline: Pipeline): void {
  pipeline.timeOut('request_timeout');
}

function attemptTimedOut(pipeline: Pipeline): void {
  pipeline.timeOut('backend_request_timeout');
}

function pickTimedOut(pipeline: Pipeline): void {
  pipeline.stopWaiting();
}

function streamIdle(pipeline: Pipeline): void {
  pipeline.timeOut('stream_idle_timeout');
}

function leadsToPool({ tiers }: RouteRule): boolean {
  return tiers.some(({ backends }) => backends.some(({ target }) => target.type === 'pool'));
}

/** The model in a body that need not have one. */
function modelOf(buffered: BufferedBody): string | undefined {
  if (buffered.scan?.complete !== true) return undefined;
  const body = readLlmBody(buffered.bytes(), buffered.scan);
  return 'error' in body || body.model === '' ? undefined : body.model;
}

/** True when the chunk ends with a blank line. */
function endsEvent(chunk: Buffer): boolean {
  const { length } = chunk;
  if (chunk[length - 1] !== 0x0a) return false;
  return chunk[length - 2] === 0x0a || (chunk[length - 2] === 0x0d && chunk[length - 3] === 0x0a);
}
