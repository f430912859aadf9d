/** Somebody else's endpoint picker: lays a request before it over ext_proc as a proxy does, and takes its choice (epp.md 2 and 3; aigateway.md 2.7). */
import type {
  BodyMutation,
  CommonResponse,
  HeaderMutation,
  ProcessingRequest,
  ProcessingResponse,
} from '../envoy/extproc.ts';
import { openExtProc, type ExtProcCall, type ExtProcHandler } from '../envoy/extprocclient.ts';
import { writeFilterMetadata } from '../envoy/extprocwrite.ts';
import { GrpcStatus, type GrpcError } from '../wire/grpc.ts';
import { createGrpcClient, type GrpcClient } from '../wire/grpcclient.ts';
import { headerView } from '../envoy/headermap.ts';
import { isStructObject } from '../wire/struct.ts';
import type { Pool, PoolPicker, RouteTable } from '../routes/table.ts';
import type { Log } from '../telemetry/log.ts';
import { isInternalHeader } from './headers.ts';
import { HeaderAllowance, maxAnswerBytes, statusProblem, type Problem } from './pickeranswer.ts';
import { withoutPicker, type Order, type PoolChoice, type PoolPick, type RequestView } from './poolchoice.ts';

type ForeignPicker = Extract<PoolPicker, { type: 'extProc' }>;

export interface ForeignPickers {
  ask(
    picker: ForeignPicker,
    target: Pool,
    request: RequestView,
    order: Order,
    settle: (choice: PoolChoice) => void,
  ): PoolPick;
  /** Closes connections to pickers that this table does not have. */
  keepOnly(table: RouteTable): void;
  close(): void;
}

export interface ForeignPickerOptions {
  /** From the question to the choice, over all replicas of the picker. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** A picker sent more than it may. */
  readonly limitHit: () => void;
}

/** Replicas of a picker tried for one request, when they cannot be reached. */
const maxReplicas = 3;
/** Largest piece of a body in duplex mode (epp.md 3.2). */
const chunkBytes = 64 * 1024;
const connectTimeoutMs = 2_000;
/** A call that the picker does not end is cut. */
const lingerMs = 5_000;
const destinationHeader = 'x-gateway-destination-endpoint';

export function createForeignPickers(options: ForeignPickerOptions): ForeignPickers {
  const clients = new Map<string, GrpcClient>();
  let turn = 0;
  const clientOf = (url: string): GrpcClient => {
    let client = clients.get(url);
    if (client === undefined) {
      // Pickers sign their own certificates, without a name (epp.md 4.4).
      client = createGrpcClient({ url, insecureSkipVerify: true, connectTimeoutMs, maxMessageBytes: 64 * 1024 * 1024 });
      clients.set(url, client);
    }
    return client;
  };
  const closeExcept = (kept: ReadonlySet<string>): void => {
    for (const [url, client] of clients) {
      if (kept.has(url)) continue;
      client.close();
      clients.delete(url);
    }
  };
  return {
    ask(picker, target, request, order, settle) {
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER;
      const replicas = urlsOf(picker);
      const first = turn;
      const client = (at: number): GrpcClient => clientOf(replicas[(first + at) % replicas.length] ?? '');
      const tries = Math.min(maxReplicas, replicas.length);
      const question = new Question({ ...options, picker, target, request, order, settle, client, tries });
      question.ask();
      return question;
    },
    keepOnly: (table) => {
      if (clients.size > 0) closeExcept(pickersOf(table));
    },
    close: () => {
      closeExcept(new Set());
    },
  };
}

function urlsOf({ tls, endpoints }: ForeignPicker): string[] {
  return endpoints.map(({ key }) => `${tls ? 'https' : 'http'}://${key}`);
}

function pickersOf({ pools }: RouteTable): Set<string> {
  const urls = new Set<string>();
  for (const { picker } of pools) {
    if (picker?.type === 'extProc') for (const url of urlsOf(picker)) urls.add(url);
  }
  return urls;
}

interface QuestionOptions extends ForeignPickerOptions {
  readonly picker: ForeignPicker;
  readonly target: Pool;
  readonly request: RequestView;
  readonly order: Order;
  readonly settle: (choice: PoolChoice) => void;
  /** Of the replica that is tried first, second ... */
  readonly client: (at: number) => GrpcClient;
  readonly tries: number;
}

/** One request before a foreign picker: asked, answered, and told how it went. */
class Question implements ExtProcHandler, PoolPick {
  readonly wantsUsage = false;
  readonly #options: QuestionOptions;
  readonly #timer: NodeJS.Timeout;
  #call: ExtProcCall | undefined;
  #replica = 0;
  #answered = false;
  #settled = false;
  #ended = false;
  #linger: NodeJS.Timeout | undefined;
  readonly #set = new Map<string, string>();
  readonly #add: { name: string; value: string }[] = [];
  readonly #remove = new Set<string>();
  #destination = '';
  readonly #allowance = new HeaderAllowance();
  #body: Buffer | undefined;
  #chunks: Buffer[] | undefined;

  constructor(options: QuestionOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => {
      this.#fail(`did not choose within ${options.timeoutMs} ms`);
    }, options.timeoutMs);
  }

  ask(): void {
    const { client, request, picker } = this.#options;
    const { method, scheme, authority, path, headers, body } = request;
    const pairs: [string, string][] = [
      [':method', method],
      [':scheme', scheme],
      [':authority', authority],
      [':path', path],
    ];
    for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
    if (body.length > 0) pairs.push(['content-length', String(body.length)]);
    const requestBodyMode = picker.bodyMode === 'duplex' ? 'FULL_DUPLEX_STREAMED' : 'BUFFERED';
    this.#call = openExtProc(client(this.#replica), this, { maxBytes: maxAnswerBytes(body.length) });
    this.#call.send({
      ...context,
      // The answer's body never passes through the picker, so that it costs nothing there.
      protocolConfig: { requestBodyMode, responseBodyMode: 'NONE' },
      type: 'headers',
      phase: 'request',
      headers: headerView(pairs),
      endOfStream: body.length === 0,
    });
    if (picker.bodyMode === 'duplex' && body.length > 0) this.#sendBody(chunkBytes);
  }

  #sendBody(maxBytes: number): void {
    const { body } = this.#options.request;
    for (let at = 0; at < body.length; at += maxBytes) {
      const end = Math.min(at + maxBytes, body.length);
      const piece: ProcessingRequest = {
        ...context,
        type: 'body',
        phase: 'request',
        body: body.subarray(at, end),
        endOfStream: end === body.length,
      };
      this.#call?.send(piece);
    }
  }

  response(response: ProcessingResponse): void {
    if (this.#settled) return;
    this.#answered = true;
    const problem = this.#problemWith(response);
    if (problem !== undefined) {
      if (problem.limit === true) this.#options.limitHit();
      this.#fail(problem.text);
      return;
    }
    if (response.type === 'immediate') {
      const { status, headers, body } = response.response;
      this.#finish({ status, headers: replyHeaders(headers), text: body, verbatim: true });
      return;
    }
    const named = response.dynamicMetadata?.['envoy.lb'];
    const value = isStructObject(named) ? named[destinationHeader] : undefined;
    if (typeof value === 'string' && value !== '') this.#destination = value;
    if (response.phase !== 'request') return;
    if (response.type === 'trailers') {
      this.#choose();
      return;
    }
    this.#take(response.common);
    const { picker, request } = this.#options;
    if (response.common?.replace === true || request.body.length === 0) this.#choose();
    else if (response.type === 'headers') {
      if (picker.bodyMode === 'buffered') this.#sendBody(Infinity);
    } else if (this.#isWhole(response.common?.body)) this.#choose();
  }

  #problemWith(response: ProcessingResponse): Problem | undefined {
    if (response.type === 'immediate') {
      return statusProblem(response.response) ?? this.#allowance.problem(response.response.headers);
    }
    return this.#allowance.problem(response.type === 'trailers' ? response.headers : response.common?.headers);
  }

  #take(common: CommonResponse | undefined): void {
    for (const { name: given, value, action } of common?.headers?.set ?? []) {
      const name = given.toLowerCase();
      if (name === destinationHeader) this.#destination = value;
      if (!mayChange(name)) continue;
      const sent = this.#sent(name);
      if (action === 'append') this.#add.push({ name, value });
      else if (action === 'add-if-absent' && sent !== undefined) continue;
      else if (action === 'overwrite-if-exists' && sent === undefined) continue;
      // Many pickers repeat what they were sent.
      else if (sent !== value) this.#set.set(name, value);
    }
    for (const name of common?.headers?.remove ?? [])
      if (mayChange(name.toLowerCase())) this.#remove.add(name.toLowerCase());
    const body = common?.body;
    if (body?.type === 'replace') this.#body = body.body;
    else if (body?.type === 'clear') this.#body = Buffer.alloc(0);
    else if (body?.type === 'chunk') (this.#chunks ??= []).push(body.body);
  }

  /** The value of a header that was sent to the picker once. */
  #sent(name: string): string | undefined {
    const { headers } = this.#options.request;
    let found: string | undefined;
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at] !== name) continue;
      if (found !== undefined) return `${found}, ${headers[at + 1]}`;
      found = headers[at + 1];
    }
    return found;
  }

  /** Duplex pickers send the whole body back; others say once that it stays as it is. */
  #isWhole(body: BodyMutation | undefined): boolean {
    return body?.type === 'chunk' ? body.endOfStream : true;
  }

  closed(error: GrpcError | undefined): void {
    clearTimeout(this.#linger);
    if (error?.code === GrpcStatus.RESOURCE_EXHAUSTED) this.#options.limitHit();
    if (this.#settled || this.#ended) return;
    if (error === undefined) this.#choose();
    else if (!this.#answered && this.#replica + 1 < this.#options.tries) {
      this.#replica += 1;
      this.ask();
    } else this.#fail(`did not choose: ${error.message}`);
  }

  /** The destination's list with its fallbacks, as far as these are endpoints of the pool. */
  #choose(): void {
    const { target } = this.#options;
    const endpoints = this.#destination.split(',').flatMap((text) => {
      const key = text.trim();
      return target.endpoints.find((endpoint) => endpoint.key === key) ?? [];
    });
    if (endpoints.length === 0) {
      this.#fail(this.#destination === '' ? 'chose nothing' : 'chose an endpoint that is not of the pool');
      return;
    }
    const body = this.#chunks === undefined ? this.#body : Buffer.concat(this.#chunks);
    const set = Array.from(this.#set, ([name, value]) => ({ name, value }));
    const headers = { set, add: this.#add, remove: [...this.#remove] };
    this.#finish({ endpoints, changes: body === undefined ? { headers } : { headers, body } });
  }

  #fail(problem: string): void {
    if (this.#settled) return;
    const { target, order, log } = this.#options;
    log.debug({ pool: target.key, problem }, 'no choice of the endpoint picker');
    this.#finish(withoutPicker(target, `is without a choice: its endpoint picker ${problem}`, order));
    this.#call?.cancel();
  }

  #finish(choice: PoolChoice): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    if (!this.#ended) this.#options.settle(choice);
  }

  responseHead(status: number, headers: readonly string[], served: string): readonly [] {
    const pairs: [string, string][] = [[':status', String(status)]];
    for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
    this.#call?.send({
      ...context,
      metadataContext: writeFilterMetadata({ 'envoy.lb': { 'x-gateway-destination-endpoint-served': served } }),
      type: 'headers',
      phase: 'response',
      headers: headerView(pairs),
      endOfStream: false,
    });
    return [];
  }

  /** The body of the answer is not shown to it. */
  responseChunk(): void {
    // Nothing to say.
  }

  usage(): void {
    // Nothing to say.
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const call = this.#call;
    if (call === undefined) return;
    if (!this.#settled) call.cancel();
    else {
      // Set first: a call that is over already clears it from `closed`, or cancelling does nothing.
      this.#linger = setTimeout(call.cancel, lingerMs);
      this.#linger.unref();
      call.end();
    }
  }
}

const context = { metadataContext: undefined, protocolConfig: undefined, observabilityMode: false } as const;

/** Headers of a request that a picker may not touch (epp.md 3.2). */
function mayChange(name: string): boolean {
  return !name.startsWith(':') && !name.startsWith('x-envoy-') && !isInternalHeader(name);
}

function replyHeaders(headers: HeaderMutation | undefined): string[] {
  return (headers?.set ?? []).flatMap(({ name, value }) => {
    const lower = name.toLowerCase();
    return lower.startsWith(':') || isInternalHeader(lower) ? [] : [lower, value];
  });
}
