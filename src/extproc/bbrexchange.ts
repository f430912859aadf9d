/** One HTTP exchange as a proxy lays it before the body-based router: fields of the body become headers to route by (epp.md 8.2). */
import type { BodyMode, HttpBody, SetHeader } from '../envoy/extproc.ts';
import { readProcessingRequest } from '../envoy/extprocread.ts';
import { writeProcessingResponse } from '../envoy/extprocwrite.ts';
import type { CallHandler, ServerCall } from '../wire/grpcstream.ts';
import { decodeString } from '../llm/body.ts';
import { JsonScan } from '../llm/scan.ts';
import type { BbrPlugin } from './bbrflags.ts';
import { refusal, streamedBody, unchanged } from './replies.ts';

export interface BbrOptions {
  readonly plugins: readonly BbrPlugin[];
  /** How bodies come from a proxy that does not say so (--streaming). */
  readonly assumedMode: BodyMode;
  readonly maxBodyBytes: number;
  readonly baseOf: (model: string) => string;
  readonly observer: BbrObserver;
}

export interface BbrObserver {
  readonly succeeded: () => void;
  readonly fieldNotFound: (field: string) => void;
  readonly fieldEmpty: (field: string) => void;
  readonly plugin: (type: string, name: string, seconds: number) => void;
}

export class BbrExchange implements CallHandler {
  readonly #call: ServerCall;
  readonly #options: BbrOptions;
  #mode: BodyMode;
  #responseMode: BodyMode;
  readonly #scan = new JsonScan();
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #answered = false;

  constructor(call: ServerCall, options: BbrOptions) {
    this.#call = call;
    this.#options = options;
    this.#mode = options.assumedMode;
    this.#responseMode = options.assumedMode;
  }

  message(bytes: Buffer): void {
    const request = readProcessingRequest(bytes);
    if (request.observabilityMode) return;
    this.#mode = request.protocolConfig?.requestBodyMode ?? this.#mode;
    this.#responseMode = request.protocolConfig?.responseBodyMode ?? this.#responseMode;
    if (request.phase === 'response') {
      const whole = request.type === 'body' && this.#responseMode === 'FULL_DUPLEX_STREAMED';
      this.#call.send(
        whole ? streamedBody('response', [request.body], request.endOfStream) : unchanged(request.type, 'response'),
      );
    } else if (request.type === 'headers') {
      // In duplex mode headers are answered when the body has been read, unless there is none.
      if (this.#mode !== 'FULL_DUPLEX_STREAMED' || request.endOfStream)
        this.#call.send(unchanged('headers', 'request'));
    } else if (request.type === 'body') this.#body(request);
    else {
      if (!this.#answered && this.#mode === 'FULL_DUPLEX_STREAMED') this.#answer(false);
      this.#call.send(unchanged('trailers', 'request'));
    }
  }

  end(): void {
    this.#call.end();
  }

  closed(): void {
    this.#pieces.length = 0;
  }

  #body({ body, endOfStream }: HttpBody): void {
    if (this.#answered) return;
    this.#bytes += body.length;
    if (this.#bytes > this.#options.maxBodyBytes) {
      this.#refuse('ContentTooLarge', `the request body is larger than ${String(this.#options.maxBodyBytes)} bytes`);
      return;
    }
    this.#pieces.push(body);
    this.#scan.push(body);
    if (endOfStream) this.#answer(true);
    else if (this.#mode !== 'FULL_DUPLEX_STREAMED') this.#call.send(unchanged('body', 'request'));
  }

  #answer(endOfStream: boolean): void {
    this.#answered = true;
    this.#scan.finish();
    if (this.#scan.error !== undefined) {
      this.#refuse('BadRequest', this.#scan.error);
      return;
    }
    const set = this.#headers(Buffer.concat(this.#pieces, this.#bytes));
    this.#options.observer.succeeded();
    if (this.#mode !== 'FULL_DUPLEX_STREAMED') {
      const common = { headers: { set }, clearRouteCache: true };
      this.#call.send(writeProcessingResponse({ type: 'body', phase: 'request', common }));
      return;
    }
    if (endOfStream && this.#bytes > 0) set.push({ name: 'content-length', value: String(this.#bytes) });
    const common = { headers: { set }, clearRouteCache: true };
    const head = writeProcessingResponse({ type: 'headers', phase: 'request', common });
    this.#call.send([...head, ...streamedBody('request', this.#pieces, endOfStream)]);
  }

  #headers(body: Buffer): SetHeader[] {
    const { plugins, baseOf, observer } = this.#options;
    const set: SetHeader[] = [];
    for (const plugin of plugins) {
      const started = performance.now();
      const field = plugin.type === 'body-field-to-header' ? plugin.fieldName : 'model';
      const value = textField(body, this.#scan, field);
      if (plugin.type === 'base-model-to-header') {
        // Set even when the base is unknown: routes may ask whether the header is there.
        if (value !== undefined) set.push({ name: plugin.headerName, value: baseOf(value) });
      } else if (value === undefined) observer.fieldNotFound(field);
      else if (value === '') observer.fieldEmpty(field);
      else set.push({ name: plugin.headerName, value });
      observer.plugin(plugin.type, plugin.name, (performance.now() - started) / 1000);
    }
    return set;
  }

  #refuse(...reply: Parameters<typeof refusal>): void {
    this.#answered = true;
    this.#call.send(refusal(...reply));
    this.#call.end();
  }
}

/** A longer value, or one with control characters, cannot be a header. */
const maxHeaderLength = 1024;

/** A top-level member that is text; of repeated ones the last counts. */
function textField(body: Buffer, { members }: JsonScan, field: string): string | undefined {
  for (let at = members.length - 4; at >= 0; at -= 4) {
    if (decodeString(body, members[at] ?? 0, members[at + 1] ?? 0) !== field) continue;
    const [start = 0, end = 0] = [members[at + 2], members[at + 3]];
    if (body[start] !== 0x22) return undefined;
    const text = decodeString(body, start, end);
    return text.length > maxHeaderLength || /\p{Cc}/u.test(text) ? undefined : text;
  }
  return undefined;
}
