import { parseObject, textOf } from '../../../llm/json.ts';
import { samePath, translatorOf } from '../../../llm/schemas/index.ts';
import { UnprocessableRequest, type AnswerTranslator, type ClientCall } from '../../../llm/schemas/translator.ts';
import type { LlmBackend } from '../../../routes/table.ts';
import { answer } from '../../answers.ts';
import { headerOf, removeHeader, setHeader } from '../../headers.ts';
import { PassingEvents, type Attempt, type UpstreamStep } from './attempt.ts';

/** Larger answers that have to be read whole are no answers of a model API. */
const maxWholeBytes = 64 * 1024 * 1024;

/**
 * Asks the backend in the API that it speaks, at the path that it has for the endpoint, and tells the client the answer in its own
 * (aigateway.md 4). Where both speak the same, nothing but the path changes.
 */
export const speakSchema =
  (llm: LlmBackend): UpstreamStep =>
  (send) =>
  (attempt) => {
    const { client, place, events } = attempt;
    const { api, path } = client;
    const translator = api && translatorOf(api, llm.schema);
    const same = api && samePath(api, llm.schema);
    if (api === undefined || (translator === undefined && same === undefined)) {
      const { name: schema } = llm.schema;
      events.onAnswer(answer('schema_unsupported', { backend: place.backend.id, schema, path }));
      return;
    }
    attempt.search = '';
    if (translator === undefined) {
      attempt.path = same ?? path;
      send(attempt);
      return;
    }
    const call = callOf(attempt, llm);
    try {
      const request = translator.request({ ...call, endpoint: api });
      attempt.path = request.path;
      attempt.search = request.search;
      for (const [name, value] of Object.entries(request.headers ?? {}))
        setHeader(attempt.request.headers, name, value);
      if (request.body !== undefined) {
        attempt.request.body = Buffer.from(JSON.stringify(request.body));
        // What comes back has to be read.
        removeHeader(attempt.request.headers, 'accept-encoding');
        attempt.events = new Translated(attempt, translator.answer({ ...call, endpoint: api }));
      }
    } catch (error) {
      if (!(error instanceof UnprocessableRequest)) throw error;
      const refused = answer('request_unprocessable', { detail: error.message });
      events.onAnswer({ ...refused, details: { param: error.param } });
      return;
    }
    send(attempt);
  };

/** The client's request as earlier steps have left it: with the model that route and picker want. */
function callOf({ client, request }: Attempt, llm: LlmBackend): Omit<ClientCall, 'endpoint'> {
  const body = Buffer.isBuffer(request.body) ? (parseObject(request.body.toString()) ?? {}) : {};
  const requestModel = client.model ?? '';
  return {
    backend: llm.schema,
    requestModel,
    model: textOf(body['model']) ?? llm.modelNameOverride ?? requestModel,
    body,
    header: (name) => client.header(name),
  };
}

/** The answer in the client's own API: a stream as it comes, anything else when it is whole. */
class Translated extends PassingEvents {
  readonly #attempt: Attempt;
  readonly #translator: AnswerTranslator;
  #head: { status: number; headers: string[]; kind: 'stream' | 'whole' | 'error' } | undefined;
  readonly #held: Buffer[] = [];
  #size = 0;

  constructor(attempt: Attempt, translator: AnswerTranslator) {
    super(attempt.events);
    this.#attempt = attempt;
    this.#translator = translator;
  }

  override onHead(status: number, headers: string[]): void {
    const streams = headerOf(headers, 'content-type')?.startsWith('text/event-stream') === true;
    const good = status >= 200 && status < 300;
    this.#head = { status, headers, kind: good ? (streams ? 'stream' : 'whole') : 'error' };
    removeHeader(headers, 'content-length');
    if (this.#head.kind === 'stream') this.next.onHead(status, headers);
  }

  override onChunk(chunk: Buffer): boolean {
    if (this.#head?.kind === 'stream') {
      const translated = this.#guarded(() => this.#translator.chunk(chunk));
      return translated === undefined || translated.length === 0 ? true : this.next.onChunk(translated);
    }
    this.#size += chunk.length;
    if (this.#size > maxWholeBytes) this.#fail('is too large');
    else this.#held.push(chunk);
    return true;
  }

  override onEnd(trailers: string[]): void {
    const head = this.#head;
    if (head === undefined) return;
    if (head.kind === 'stream') {
      const rest = this.#guarded(() => this.#translator.end());
      if (rest === undefined) return;
      if (rest.length > 0) this.next.onChunk(rest);
      this.next.onEnd(trailers);
      return;
    }
    const body = Buffer.concat(this.#held);
    const { status, headers } = head;
    const named = (name: string): string | undefined => headerOf(headers, name);
    const translated = this.#guarded(() =>
      head.kind === 'error' ? this.#translator.error(status, named, body) : this.#translator.whole(body),
    );
    if (translated === undefined) return;
    setHeader(headers, 'content-type', 'application/json');
    setHeader(headers, 'content-length', String(translated.length));
    this.next.onHead(status, headers);
    this.next.onChunk(translated);
    this.next.onEnd(trailers);
  }

  #guarded(translate: () => Buffer): Buffer | undefined {
    if (this.#attempt.over) return undefined;
    try {
      return translate();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** What the backend has sent is not what its API says. */
  #fail(detail: string): void {
    const { place } = this.#attempt;
    this.#attempt.cancel();
    this.next.onAnswer(answer('upstream_untranslatable', { backend: place.backend.id, detail }));
  }
}
