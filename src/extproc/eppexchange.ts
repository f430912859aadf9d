/** One HTTP exchange as a proxy lays it before the endpoint picker: the state behind one ext_proc call (epp.md 3.4). */
import { randomUUID } from 'node:crypto';
import type { BodyMode, HeaderMutation, HttpBody, ProcessingRequest, SetHeader } from '../envoy/extproc.ts';
import { BodyPieces } from '../envoy/extprocpieces.ts';
import { readProcessingRequest } from '../envoy/extprocread.ts';
import { writeProcessingResponse } from '../envoy/extprocwrite.ts';
import type { CallHandler, ServerCall } from '../wire/grpcstream.ts';
import type { HeaderView } from '../envoy/headermap.ts';
import type { Decision, Dispatch } from '../picker/decision.ts';
import type { Pool } from '../picker/pool.ts';
import type { ScheduledRequest } from '../picker/running.ts';
import { promptApiOf, type PromptApi } from '../picker/prefix/prompthasher.ts';
import type { Renderable } from '../picker/request.ts';
import type { Log } from '../telemetry/log.ts';
import { formatTraceparent, type Span, type Tracer } from '../telemetry/tracing.ts';
import { EppResponse } from './eppresponse.ts';
import { envelopeReader, type GrpcParser, type HashPrompt } from './grpcbodies.ts';
import { destinationHeader, destinationMetadata, readSubsetHint } from './protocol.ts';
import { refusal, streamedBody, unchanged, type ErrorCode } from './replies.ts';
import { RequestBody, type BodyReader } from './requestbody.ts';

export interface ExchangeOptions {
  readonly pool: Pool;
  /** `passthrough`: bodies are not looked at (epp.md 5.9). */
  readonly parser: 'openai' | 'passthrough' | GrpcParser;
  /** --disable-endpoint-subset-filter */
  readonly ignoreSubset: boolean;
  /** A plugin wants to know whether prompts have images, audio or video. */
  readonly detectMultimodal: boolean;
  /** Larger request bodies are refused with 413. */
  readonly maxBodyBytes: number;
  /** Answers name the endpoint that served them, for conformance tests (epp.md 3.6). */
  readonly tellServedEndpoint: boolean;
  /** A request was refused before the director saw it. */
  readonly refused: (code: string) => void;
  /** undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly log: Log;
}

/** How a proxy sends bodies that does not say so: as the protocol demands (epp.md 3.3). */
const assumedMode: BodyMode = 'FULL_DUPLEX_STREAMED';

export class EppExchange implements CallHandler {
  readonly #call: ServerCall;
  readonly #options: ExchangeOptions;
  #requestMode = assumedMode;
  #responseMode = assumedMode;
  #headers: HeaderView | undefined;
  #metadataContext: Buffer | undefined;
  #requestId = '';
  #generatedId = false;
  #body: RequestBody | undefined;
  #pieces: BodyPieces | undefined;
  #api: PromptApi | undefined;
  /** The request has been handed to the director, or answered without it. */
  #decided = false;
  /** The director's answer has been sent on. */
  #settled = false;
  #trailersWait = false;
  #clientEnded = false;
  #incomingModel = '';
  #targetModel = '';
  #scheduled: ScheduledRequest | undefined;
  #response: EppResponse | undefined;
  /** The exchange as a whole, and the phase it is in (epp.md 7.2). */
  #span: Span | undefined;
  #phase: Span | undefined;

  constructor(call: ServerCall, options: ExchangeOptions) {
    this.#call = call;
    this.#options = options;
  }

  message(bytes: Buffer): void {
    this.#take(readProcessingRequest(bytes));
  }

  /** A large body is scanned and hashed while its message is still on the way. */
  partial(bytes: Buffer, left: number): boolean {
    if (this.#body === undefined) return false;
    this.#pieces ??= new BodyPieces({
      piece: (piece) => {
        this.#bodyPiece(piece);
      },
      rest: (request) => {
        this.#take(request);
      },
    });
    return this.#pieces.take(bytes, left);
  }

  #take(request: ProcessingRequest): void {
    // Nobody waits for an answer, so nothing can be decided here.
    if (request.observabilityMode) return;
    if (request.protocolConfig !== undefined) {
      this.#requestMode = request.protocolConfig.requestBodyMode;
      this.#responseMode = request.protocolConfig.responseBodyMode;
    }
    this.#metadataContext ??= request.phase === 'request' ? request.metadataContext : undefined;
    if (request.phase === 'response') this.#responsePhase().take(request);
    else if (request.type === 'headers') this.#requestHeaders(request.headers, request.endOfStream);
    else if (request.type === 'body') this.#requestBody(request);
    else this.#requestTrailers();
  }

  end(): void {
    this.#clientEnded = true;
    if (!this.#decided || this.#settled) this.#call.end();
  }

  closed(): void {
    // The client is gone, or the proxy left before the response's end: either way the request is over. After `completed` this does nothing.
    this.#scheduled?.cancel();
    this.#phase?.end();
    this.#span?.end();
  }

  #requestHeaders(headers: HeaderView, endOfStream: boolean): void {
    this.#headers = headers;
    const id = headers.get('x-request-id') ?? '';
    this.#generatedId = id === '';
    this.#requestId = this.#generatedId ? randomUUID() : id;
    this.#span = this.#options.tracer?.start('gateway.request', headers.get('traceparent'));
    this.#span?.set('request.id', this.#requestId);
    this.#enter('llm_d.epp.request_body');
    if (endOfStream) {
      this.#pickWithoutBody();
      return;
    }
    switch (this.#requestMode) {
      case 'FULL_DUPLEX_STREAMED':
        this.#body = new RequestBody(this.#bodyReader(headers));
        return; // Answered after the body (epp.md 13.6).
      case 'BUFFERED':
      case 'BUFFERED_PARTIAL':
        this.#body = new RequestBody(this.#bodyReader(headers));
        this.#call.send(unchanged('headers', 'request'));
        return;
      case 'NONE':
      case 'STREAMED':
        // The body comes after the destination had to be told, or not at all: only headers can steer the pick.
        this.#body = new RequestBody({ type: 'opaque' });
        this.#decide();
    }
  }

  #requestBody({ body, endOfStream }: HttpBody): void {
    if (this.#decided && this.#requestMode !== 'FULL_DUPLEX_STREAMED') {
      this.#call.send(unchanged('body', 'request'));
      return;
    }
    this.#bodyPiece(body);
    if (this.#body === undefined || this.#decided) return;
    if (endOfStream) this.#decide();
    else if (this.#requestMode !== 'FULL_DUPLEX_STREAMED') {
      this.#refuse('ContentTooLarge', 'the request body is larger than the proxy keeps');
    }
  }

  #bodyPiece(bytes: Buffer): void {
    const collected = this.#body;
    if (collected === undefined || this.#decided) return;
    collected.push(bytes);
    if (collected.bytes > this.#options.maxBodyBytes) {
      this.#refuse('ContentTooLarge', `the request body is larger than ${String(this.#options.maxBodyBytes)} bytes`);
    }
  }

  #requestTrailers(): void {
    this.#trailersWait = true;
    if (this.#body !== undefined && !this.#decided) this.#decide();
    else if (this.#settled) this.#sendTrailers();
  }

  #sendTrailers(): void {
    if (!this.#trailersWait) return;
    this.#trailersWait = false;
    this.#call.send(unchanged('trailers', 'request'));
  }

  /** A request without a body goes to any ready endpoint (epp.md 3.4 step 1). */
  #pickWithoutBody(): void {
    const subset = this.#subset();
    const endpoint = this.#options.pool.anyEndpoint(subset);
    if (endpoint !== undefined) {
      this.#decided = true;
      this.#settled = true;
      this.#call.send(this.#headersReply(endpoint.key, { set: this.#contextHeaders() }));
    } else if (subset !== undefined) {
      this.#refuse('ServiceUnavailable', 'no endpoint of the subset that the proxy allows is ready');
    } else this.#refuse('Internal', 'no pods available in datastore');
  }

  #decide(): void {
    this.#decided = true;
    this.#enter('gateway.request_orchestration');
    const { pool, detectMultimodal } = this.#options;
    const body = this.#body;
    const headers = this.#headers;
    if (body === undefined || headers === undefined) throw new Error('a decision before the headers of its request');
    const facts = body.finish();
    if ('error' in facts) {
      this.#refuse('BadRequest', facts.error);
      return;
    }
    this.#incomingModel = facts.model;
    this.#scheduled = pool.schedule(
      (director) => ({
        id: this.#requestId,
        header: (name) => headers.get(name),
        incomingModel: facts.model,
        opaque: body.opaque,
        streaming: facts.streaming,
        bodyBytes: body.bytes,
        prompt: facts.prompt,
        tokens: facts.tokens,
        renderable: director.rendersPrompts ? this.#renderable(body, facts.model) : undefined,
        ...(detectMultimodal ? { multimodal: isMultimodal(body.joined()) } : {}),
        subset: this.#subset(),
      }),
      (decision) => {
        this.#settle(decision);
      },
    );
  }

  #settle(decision: Decision): void {
    const { log } = this.#options;
    if (decision.type === 'drop') {
      log.debug({ request: this.#requestId, code: decision.code, reason: decision.message }, 'request dropped');
      this.#answerWith(decision.code, decision.message, decision.reason);
      return;
    }
    this.#settled = true;
    this.#targetModel = decision.targetModel;
    this.#traceTarget(decision);
    log.debug({ request: this.#requestId, destination: decision.destination }, 'endpoint picked');
    this.#call.send(this.#dispatchReply(decision));
    this.#sendTrailers();
    if (this.#clientEnded) this.#call.end();
  }

  #dispatchReply(decision: Dispatch): readonly Buffer[] {
    const { destination, targetModel } = decision;
    const body = this.#body;
    const set: SetHeader[] = decision.setHeaders.map(([name, value]) => ({ name, value }));
    set.push(...this.#contextHeaders());
    // A proxy may take away what it has just set, so nothing is named twice.
    const remove = decision.removeHeaders.filter((name) => !set.some((header) => header.name === name));
    const changed = body !== undefined && targetModel !== this.#incomingModel;
    const pieces = body === undefined ? [] : changed ? body.withModel(targetModel) : body.pieces;
    const length = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
    if (this.#requestMode === 'FULL_DUPLEX_STREAMED') {
      // With trailers the body's end is where they are, and a length would cut them off.
      if (length > 0 && !this.#trailersWait) set.push({ name: 'content-length', value: String(length) });
      const head = this.#headersReply(destination, { set, remove });
      return [...head, ...streamedBody('request', pieces, !this.#trailersWait)];
    }
    if (this.#requestMode === 'NONE' || this.#requestMode === 'STREAMED') {
      return this.#headersReply(destination, { set, remove });
    }
    if (changed) set.push({ name: 'content-length', value: String(length) });
    return writeProcessingResponse({
      type: 'body',
      phase: 'request',
      common: {
        clearRouteCache: true,
        headers: { set: [{ name: destinationHeader, value: destination }, ...set], remove },
        ...(changed ? { body: { type: 'replace', body: Buffer.concat(pieces) } } : {}),
      },
      dynamicMetadata: destinationMetadata(destination),
    });
  }

  #headersReply(destination: string, { set, remove }: HeaderMutation): readonly Buffer[] {
    return writeProcessingResponse({
      type: 'headers',
      phase: 'request',
      common: {
        clearRouteCache: true,
        headers: {
          set: [{ name: destinationHeader, value: destination }, ...(set ?? [])],
          ...(remove ? { remove } : {}),
        },
      },
      dynamicMetadata: destinationMetadata(destination),
    });
  }

  /** Refuses a request that the director does not get to see. */
  #refuse(code: ErrorCode, message: string): void {
    this.#options.refused(code);
    this.#answerWith(code, message);
  }

  #answerWith(code: ErrorCode, message: string, reason?: string): void {
    this.#decided = true;
    this.#settled = true;
    this.#phase?.end(message);
    this.#span?.end(`${code}: ${message}`);
    this.#call.send(refusal(code, message, reason));
    this.#call.end();
  }

  #responsePhase(): EppResponse {
    if (this.#response === undefined) this.#enter('llm_d.epp.response');
    this.#response ??= new EppResponse({
      mode: this.#responseMode,
      scheduled: this.#scheduled,
      incomingModel: this.#incomingModel,
      targetModel: this.#targetModel,
      tellServedEndpoint: this.#options.tellServedEndpoint,
      parser: this.#options.parser,
      report: this.#options.pool.report,
      send: (parts) => {
        this.#call.send(parts);
      },
    });
    return this.#response;
  }

  /** What ties the request to others: its id, where the client gave none, and the trace that it is part of. */
  #contextHeaders(): SetHeader[] {
    const set: SetHeader[] = this.#generatedId ? [{ name: 'x-request-id', value: this.#requestId }] : [];
    if (this.#span !== undefined) set.push({ name: 'traceparent', value: formatTraceparent(this.#span.context) });
    return set;
  }

  /** Ends the phase that was traced last, and begins another. */
  #enter(phase: string): void {
    this.#phase?.end();
    this.#phase = this.#span?.child(phase);
  }

  #traceTarget({ destination, targetModel, priority }: Dispatch): void {
    const phase = this.#phase;
    phase?.set('llm_d.epp.destination', destination);
    phase?.set('gen_ai.request.model', targetModel);
    phase?.set('llm_d.epp.priority', priority);
    phase?.end();
  }

  #subset(): readonly string[] | undefined {
    return this.#options.ignoreSubset ? undefined : readSubsetHint(this.#metadataContext);
  }

  #renderable(body: RequestBody, incomingModel: string): Renderable | undefined {
    const api = this.#api;
    if (api !== 'chat-completions' && api !== 'completions') return undefined;
    return {
      api,
      body: (model) => (model === incomingModel ? body.joined() : Buffer.concat(body.withModel(model))),
    };
  }

  #bodyReader(headers: HeaderView): BodyReader {
    const { parser, pool } = this.#options;
    if (parser === 'passthrough') return { type: 'opaque' };
    if (parser !== 'openai') {
      const open = envelopeReader(parser, headers.get(':path') ?? '');
      if (open === undefined) return { type: 'opaque' };
      const hash: HashPrompt = (api, json) => {
        const hasher = pool.promptHasher(api);
        hasher?.push(json);
        return hasher?.finish();
      };
      return { type: 'envelope', open: (body) => open(body, hash) };
    }
    const api = promptApi(headers);
    this.#api = api;
    if (api === undefined) return { type: 'lenient' };
    return { type: 'model-api', hasher: (scan) => pool.promptHasher(api, scan) };
  }
}

/** The model API by the path, or by the path that a proxy has rewritten (epp.md 5.9). */
function promptApi(headers: HeaderView): PromptApi | undefined {
  for (const name of [':path', 'x-original-path', 'x-forwarded-path']) {
    const path = headers.get(name);
    if (path === undefined) continue;
    const query = path.indexOf('?');
    const api = promptApiOf(query < 0 ? path : path.slice(0, query));
    if (api !== undefined) return api;
  }
  return undefined;
}

const multimodalParts = ['"image_url"', '"input_image"', '"input_audio"', '"audio_url"', '"video_url"'].map((text) =>
  Buffer.from(text),
);

/** The text of a prompt cannot contain these: its quotes are escaped. */
function isMultimodal(body: Buffer): boolean {
  return multimodalParts.some((part) => body.includes(part));
}
