/** The response of one exchange as it passes the endpoint picker: accounted for, and given the model name the client knows (epp.md 3.4). */
import type { BodyMode, HttpBody, ProcessingRequest, SetHeader } from '../envoy/extproc.ts';
import { writeProcessingResponse } from '../envoy/extprocwrite.ts';
import type { ScheduledRequest } from '../picker/running.ts';
import type { StructObject } from '../wire/struct.ts';
import type { Attribute } from '../picker/plugin.ts';
import { GrpcUsage, type GrpcParser } from './grpcbodies.ts';
import { ModelRestorer } from '../llm/modelrestorer.ts';
import { readServedEndpoint } from './protocol.ts';
import { streamedBody, unchanged } from './replies.ts';
import { EventUsage, usageOfJson, type Usage } from '../llm/usage.ts';

/** Of the reference conformance tests (epp.md 3.6). */
const servedTestHeader = 'x-conformance-test-served-endpoint';

/** Larger JSON answers are passed on as they come; their usage is not read. */
const maxHeldBytes = 8 * 1024 * 1024;

export interface ResponseOptions {
  readonly mode: BodyMode;
  /** undefined: the request was not scheduled; the response passes unseen. */
  readonly scheduled: ScheduledRequest | undefined;
  readonly incomingModel: string;
  readonly targetModel: string;
  readonly tellServedEndpoint: boolean;
  readonly parser: 'openai' | 'passthrough' | GrpcParser;
  /** What plugins tell the proxy of a request once its usage is known (`Director.report`). */
  readonly report: ((usage: Usage) => readonly Attribute[]) | undefined;
  readonly send: (parts: readonly Buffer[]) => void;
}

export class EppResponse {
  readonly #options: ResponseOptions;
  readonly #restorer: ModelRestorer | undefined;
  /** Of a stream of events. */
  #events: EventUsage | GrpcUsage | undefined;
  /** A JSON answer, kept until it is whole; undefined when the body is not kept. */
  #json: Buffer[] | undefined;
  #jsonBytes = 0;
  #completed = false;

  constructor(options: ResponseOptions) {
    this.#options = options;
    const { incomingModel, targetModel } = options;
    if (incomingModel !== targetModel) this.#restorer = new ModelRestorer(targetModel, incomingModel);
  }

  take(request: ProcessingRequest): void {
    if (request.type === 'headers') this.#headers(request);
    else if (request.type === 'body') this.#body(request);
    else this.#trailers();
  }

  #headers({ headers, metadataContext, endOfStream }: Extract<ProcessingRequest, { type: 'headers' }>): void {
    const { scheduled, mode, parser, send } = this.#options;
    if (scheduled === undefined) {
      send(unchanged('headers', 'response'));
      return;
    }
    const contentType = headers.get('content-type') ?? '';
    if (contentType.includes('text/event-stream')) this.#events = new EventUsage();
    else if (contentType.includes('json')) this.#json = [];
    else if (contentType.includes('application/grpc') && (parser === 'vllmgrpc' || parser === 'vertexai')) {
      this.#events = new GrpcUsage(parser);
    }
    const status = Number(headers.get(':status') ?? 0);
    const served = readServedEndpoint(metadataContext);
    const set = scheduled.responseHeaders(status, served).map(([name, value]): SetHeader => ({ name, value }));
    if (this.#options.tellServedEndpoint) {
      set.push({ name: servedTestHeader, value: served ?? 'fail: the proxy did not tell the served endpoint' });
    }
    // A body that changes as it passes has another length than its header says; duplex proxies drop the header themselves.
    const remove = this.#restorer !== undefined && mode === 'STREAMED' ? ['content-length'] : [];
    if (set.length === 0 && remove.length === 0) send(unchanged('headers', 'response'));
    else send(writeProcessingResponse({ type: 'headers', phase: 'response', common: { headers: { set, remove } } }));
    if (endOfStream) this.#complete();
  }

  #body(request: HttpBody): void {
    const { scheduled, mode, send } = this.#options;
    if (scheduled === undefined) {
      send(mode === 'FULL_DUPLEX_STREAMED' ? passOn(request) : unchanged('body', 'response'));
      return;
    }
    scheduled.responseChunk(request.body.length);
    this.#events?.push(request.body);
    const kept = this.#keep(request.body);
    if (mode !== 'FULL_DUPLEX_STREAMED') this.#answerInPlace(request);
    else if (!kept) this.#sendPieces(this.#restored(request.body, request.endOfStream), request.endOfStream);
    else if (request.endOfStream) this.#releaseJson(true);
    if (request.endOfStream) this.#complete();
  }

  /** Keeps a piece of a JSON answer; what was kept of one that is too large is passed on. */
  #keep(piece: Buffer): boolean {
    if (this.#json === undefined) return false;
    this.#jsonBytes += piece.length;
    if (this.#jsonBytes > maxHeldBytes) {
      if (this.#options.mode === 'FULL_DUPLEX_STREAMED') this.#releaseJson(false);
      this.#json = undefined;
      return false;
    }
    this.#json.push(piece);
    return true;
  }

  #releaseJson(endOfStream: boolean): void {
    const whole = Buffer.concat(this.#json ?? []);
    this.#json = [whole];
    this.#sendPieces(this.#restored(whole, endOfStream), endOfStream);
  }

  /** In FULL_DUPLEX_STREAMED mode; what plugins tell comes with an empty chunk at the end. */
  #sendPieces(pieces: readonly Buffer[], endOfStream: boolean): void {
    const { send } = this.#options;
    const dynamicMetadata = endOfStream ? this.#attributes() : undefined;
    if (dynamicMetadata === undefined) {
      send(streamedBody('response', pieces, endOfStream));
      return;
    }
    if (pieces.some(({ length }) => length > 0)) send(streamedBody('response', pieces, false));
    const body = { type: 'chunk', body: Buffer.alloc(0), endOfStream: true } as const;
    send(writeProcessingResponse({ type: 'body', phase: 'response', common: { body }, dynamicMetadata }));
  }

  #attributes(): StructObject | undefined {
    const attributes = this.#options.report?.(this.#usage() ?? {}) ?? [];
    if (attributes.length === 0) return undefined;
    const byNamespace: Record<string, Record<string, number>> = {};
    for (const { namespace, name, value } of attributes) (byNamespace[namespace] ??= {})[name] = value;
    return byNamespace;
  }

  /** One answer for one message, as all modes but FULL_DUPLEX_STREAMED want it. */
  #answerInPlace({ body, endOfStream }: HttpBody): void {
    const { mode, send } = this.#options;
    const dynamicMetadata = endOfStream ? this.#attributes() : undefined;
    const told = dynamicMetadata && { dynamicMetadata };
    if (this.#restorer === undefined) {
      send(
        told ? writeProcessingResponse({ type: 'body', phase: 'response', ...told }) : unchanged('body', 'response'),
      );
      return;
    }
    const restored = Buffer.concat(this.#restored(body, endOfStream));
    const set = mode === 'BUFFERED' ? [{ name: 'content-length', value: String(restored.length) }] : [];
    send(
      writeProcessingResponse({
        type: 'body',
        phase: 'response',
        common: {
          headers: { set },
          body: restored.length === 0 ? { type: 'clear' } : { type: 'replace', body: restored },
        },
        ...told,
      }),
    );
  }

  #trailers(): void {
    const { mode, send } = this.#options;
    if (mode === 'FULL_DUPLEX_STREAMED' && this.#json !== undefined) this.#releaseJson(false);
    else if (mode === 'FULL_DUPLEX_STREAMED') {
      const rest = this.#restorer?.push(Buffer.alloc(0), true) ?? [];
      if (rest.length > 0) send(streamedBody('response', rest, false));
    }
    const dynamicMetadata = this.#attributes();
    this.#complete();
    if (dynamicMetadata === undefined) send(unchanged('trailers', 'response'));
    else send(writeProcessingResponse({ type: 'trailers', phase: 'response', dynamicMetadata }));
  }

  #restored(piece: Buffer, last: boolean): Buffer[] {
    return this.#restorer === undefined ? [piece] : this.#restorer.push(piece, last);
  }

  #complete(): void {
    if (this.#completed) return;
    this.#completed = true;
    const { scheduled } = this.#options;
    const usage = this.#usage();
    if (usage !== undefined) scheduled?.usage(usage);
    scheduled?.completed();
  }

  #usage(): Usage | undefined {
    if (this.#events !== undefined) return this.#events.finish();
    return this.#json === undefined ? undefined : usageOfJson(Buffer.concat(this.#json));
  }
}

/** A piece of a body that nobody looks at, in FULL_DUPLEX_STREAMED mode. */
export function passOn({ phase, body, endOfStream }: HttpBody): readonly Buffer[] {
  return streamedBody(phase, [body], endOfStream);
}
