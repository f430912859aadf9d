import { errorBody } from '../../../llm/errors.ts';
import { removeHeader, setHeader } from '../../headers.ts';
import { PassingEvents, type UpstreamStep } from './attempt.ts';

/** More of a page that is no JSON tells nobody anything. */
const maxBytes = 64 * 1024;

/**
 * An error of a backend that is not JSON (a proxy's page, a plain sentence) is put into the shape that clients of the model APIs read
 * (aigateway.md 4.2). Completions pass through as they are.
 */
export const wrapErrors: UpstreamStep = (send) => (attempt) => {
  const { api } = attempt.client;
  if (api !== undefined && api.operation !== 'completion') attempt.events = new WrappedErrors(attempt.events);
  send(attempt);
};

class WrappedErrors extends PassingEvents {
  #status = 0;
  #headers: string[] | undefined;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  override onHead(status: number, headers: string[]): void {
    if (status < 400 || isJson(headers)) this.next.onHead(status, headers);
    else {
      this.#status = status;
      this.#headers = headers;
    }
  }

  override onChunk(chunk: Buffer): boolean {
    if (this.#headers === undefined) return this.next.onChunk(chunk);
    const room = maxBytes - this.#size;
    if (room > 0) this.#chunks.push(chunk.subarray(0, room));
    this.#size += Math.min(room, chunk.length);
    return true;
  }

  override onEnd(trailers: string[]): void {
    const headers = this.#headers;
    if (headers !== undefined) {
      const text = Buffer.concat(this.#chunks).toString();
      const body = Buffer.from(errorBody(this.#status, text, { type: 'OpenAIBackendError' }));
      setHeader(headers, 'content-type', 'application/json');
      removeHeader(headers, 'content-encoding');
      setHeader(headers, 'content-length', String(body.length));
      this.next.onHead(this.#status, headers);
      this.next.onChunk(body);
    }
    this.next.onEnd(trailers);
  }
}

/** A page that is compressed stays as it is, too: what is in it is not known. */
function isJson(headers: readonly string[]): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    const value = headers[at + 1]?.toLowerCase() ?? '';
    if (headers[at] === 'content-encoding' && value !== 'identity') return true;
    if (headers[at] === 'content-type' && /^[^;]*[/+]json\b/.test(value)) return true;
  }
  return false;
}
