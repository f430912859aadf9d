/** One request on its way through the gateway: what the steps know of it, and what they may do with it. */
import type { Credentials } from '../credentials/credentials.ts';
import type { TlsDials } from '../credentials/tls.ts';
import { llmEndpointAt, takesMethod, type LlmEndpoint } from '../llm/endpoints.ts';
import type { PickRequest } from '../picker/picker.ts';
import type { WriteLine } from '../routes/accesslog.ts';
import type { LinkedGateway, LinkedListener, LinkedTable } from '../routes/index.ts';
import type { RouteRequest } from '../routes/match.ts';
import type { RouteRule, WeightedBackend } from '../routes/table.ts';
import type { Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { RequestView } from './poolchoice.ts';
import type { PoolPickContext, PoolRequest } from './poolpick.ts';
import type { ContentEncoding } from './contentencoding.ts';
import { BufferedBody, StreamedBody, type Looking } from './requestbody.ts';
import type { Answer } from './answers.ts';
import type { RequestObserver } from './requestrecord.ts';
import type { Transport } from './transport.ts';

/** What all requests of a data plane share. */
export interface GatewayContext extends PoolPickContext {
  readonly log: Log;
  readonly transport: Transport;
  /** How requests to backends are authorized. */
  readonly credentials: Credentials;
  /** How connections to backends are secured. */
  readonly tls: TlsDials;
  readonly metrics: GatewayMetrics;
  /** In [0, 1). */
  readonly random: () => number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly debugHeaders: boolean;
  readonly accessLog: boolean;
  /** Takes lines of access logs. */
  readonly writeLine: WriteLine;
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

/** The request as it goes on, before a backend is known. */
export interface OutgoingRequest {
  /** Flat, lower-case. */
  headers: string[];
  path: string;
  /** With its leading `?`, or empty. */
  search: string;
  /** The Host header. */
  host: string;
  /** The chosen backend's own host takes the place of `host`. */
  backendHost: boolean;
}

const noBytes = Buffer.alloc(0);

export class GatewayRequest implements RouteRequest, PoolRequest {
  readonly context: GatewayContext;
  readonly served: SocketView;
  readonly exchange: Exchange;
  readonly startedMs: number;
  readonly host: string;
  /** Normalised, without the query. */
  readonly path: string;
  /** Without its `?`. */
  readonly query: string;
  readonly method: string;
  /** The model API at the path, whatever the method. */
  readonly endpoint: LlmEndpoint | undefined;
  /** The model API that is called, if it is one. */
  readonly api: LlmEndpoint | undefined;
  /** The listener that takes the host. */
  listener: LinkedListener | undefined;
  /** The model in the body; '' when a body that was read names none. */
  model: string | undefined;
  /** Why there is no model to be had from the body: told when a rule wants one. */
  unreadable: Answer | undefined;
  rule: RouteRule | undefined;
  /** That it is sent to, or was last. */
  backend: WeightedBackend | undefined;
  body: BufferedBody | StreamedBody | undefined;
  outgoing: OutgoingRequest | undefined;

  constructor(context: GatewayContext, served: SocketView, exchange: Exchange) {
    this.context = context;
    this.served = served;
    this.exchange = exchange;
    this.startedMs = context.now();
    this.host = exchange.host;
    this.path = exchange.path;
    this.query = exchange.search === '' ? '' : exchange.search.slice(1);
    this.method = exchange.method;
    this.endpoint = llmEndpointAt(this.path);
    this.api = this.endpoint !== undefined && takesMethod(this.endpoint, this.method) ? this.endpoint : undefined;
  }

  /** The model never comes from a header of the client (aigateway.md 3.2 step 6). */
  header(name: string): string | undefined {
    return name === 'x-ai-eg-model' ? undefined : this.exchange.header(name);
  }

  /** For the picker, which knows prompts by their hashes. */
  scannedBody(): ReturnType<NonNullable<PickRequest['scannedBody']>> {
    const { body, path } = this;
    if (!(body instanceof BufferedBody) || body.scan?.complete !== true) return undefined;
    return { path, bytes: body.bytes(), scan: body.scan };
  }

  /** For pickers that are somebody else's. */
  view(): RequestView {
    const { method, scheme, authority, path, search } = this.exchange;
    const body = this.body instanceof BufferedBody ? this.body.bytes() : noBytes;
    return { method, scheme, authority, path: path + search, headers: this.outgoing?.headers ?? [], body };
  }

  /** Reads the whole body into memory, and looks for what routing and pickers want to know. True: it is there already. */
  holdBody(looking: Looking, encoding?: ContentEncoding): boolean {
    if (this.body === undefined) {
      const body = new BufferedBody(looking, encoding);
      this.body = body;
      if (this.exchange.hasBody) this.exchange.readBody();
      else body.end(0, () => undefined);
    }
    return this.body instanceof BufferedBody && this.body.whole;
  }

  /** Lets the body flow; the client is asked for it when an upstream begins to read it. */
  streamBody(): void {
    const { exchange } = this;
    let asked = false;
    this.body = new StreamedBody(() => {
      if (asked) exchange.resumeBody();
      else {
        asked = true;
        exchange.readBody();
      }
    });
  }
}
