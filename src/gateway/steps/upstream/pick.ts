/** What the picker of a pool changes of a request, and what it is told of the answer (epp.md 2.5, 3). */
import { replaceModel } from '../../../llm/splice.ts';
import { modifyHeaders, setHeader } from '../../headers.ts';
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

class ToldToPicker extends PassingEvents {
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    super(attempt.events);
    this.#attempt = attempt;
  }

  override onHead(status: number, headers: string[]): void {
    const { pick, endpoint } = this.#attempt.place;
    const set = pick?.responseHead(status, headers, endpoint.key) ?? [];
    for (const [name, value] of set) setHeader(headers, name, value);
    this.next.onHead(status, headers);
  }
}
