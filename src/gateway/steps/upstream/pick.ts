/** What the picker of a pool changes of a request, and what it is told of the answer (epp.md 2.5, 3). */
import { replaceModel } from '../../../llm/splice.ts';
import { UsageReader } from '../../../llm/usage.ts';
import { headerOf, modifyHeaders, setHeader } from '../../headers.ts';
import { BufferedBody } from '../../requestbody.ts';
import { PassingEvents, type Attempt, type UpstreamStep } from './attempt.ts';

/** Headers first: later steps may change them again. */
export const usePickedHeaders: UpstreamStep = (send) => (attempt) => {
  const { changes, endpoint } = attempt.place;
  const { headers } = attempt.request;
  if (changes !== undefined) modifyHeaders(headers, changes.headers);
  headers.push('x-gateway-destination-endpoint', endpoint.key);
  attempt.events = new ToldToPicker(attempt);
  send(attempt);
};

/** The body as the picker wants it; mutations of the route do not apply to pools (aigateway.md 2.7). */
export const usePickedBody: UpstreamStep = (send) => (attempt) => {
  const { changes } = attempt.place;
  const { request, client } = attempt;
  if (changes?.body !== undefined) request.body = changes.body;
  else if (changes?.model !== undefined && client.body instanceof BufferedBody && client.body.scan?.complete === true) {
    request.body = replaceModel(client.body.bytes(), client.body.scan, changes.model);
  }
  send(attempt);
};

/** The picker hears of the answer what the ext_proc server hears: head, chunks, usage; of the end it is told by the walk. */
class ToldToPicker extends PassingEvents {
  readonly #attempt: Attempt;
  readonly #usage: UsageReader | undefined;

  constructor(attempt: Attempt) {
    super(attempt.events);
    this.#attempt = attempt;
    this.#usage = attempt.place.pick?.wantsUsage === true ? new UsageReader() : undefined;
  }

  override onHead(status: number, headers: string[]): void {
    const { pick, endpoint } = this.#attempt.place;
    this.#usage?.begin(headerOf(headers, 'content-type'));
    const set = pick?.responseHead(status, headers, endpoint.key) ?? [];
    for (const [name, value] of set) setHeader(headers, name, value);
    this.next.onHead(status, headers);
  }

  override onChunk(chunk: Buffer): boolean {
    this.#attempt.place.pick?.responseChunk(chunk.length);
    this.#usage?.push(chunk);
    return this.next.onChunk(chunk);
  }

  override onEnd(trailers: string[]): void {
    const usage = this.#usage?.finish();
    if (usage !== undefined) this.#attempt.place.pick?.usage(usage);
    this.next.onEnd(trailers);
  }
}
