/**
 * What may be in the answer of somebody else's endpoint picker: it is outside data like a client's request. A number, a name or a value that
 * HTTP/1.1 cannot carry would be thrown at by the HTTP library when the answer or the request is half written.
 */
import type { HeaderMutation, ImmediateResponse } from '../envoy/extproc.ts';

/** Changes of headers that one exchange may ask for, and their names and values together. As for a client's own headers. */
const maxHeaderChanges = 200;
const maxHeaderBytes = 64 * 1024;
/** Beyond the request's body, which a picker may send back once as it is and once changed. */
const extraBytes = 1024 * 1024;

/** RFC 9110, section 5.6.2. */
const token = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
/** RFC 9110, section 5.5: characters are bytes, as everywhere in headers. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Bytes that a picker may send in one call. */
export function maxAnswerBytes(requestBodyBytes: number): number {
  return 2 * requestBodyBytes + extraBytes;
}

export interface Problem {
  /** Goes behind `its endpoint picker`. */
  readonly text: string;
  /** It was too much, rather than wrong. */
  readonly limit?: true;
}

/** Checks the headers of all messages of one exchange; its count goes on from message to message. */
export class HeaderAllowance {
  #changes = 0;
  #bytes = 0;

  /** What is wrong with them; undefined: nothing. */
  problem({ set = [], remove = [] }: HeaderMutation = {}): Problem | undefined {
    this.#changes += set.length + remove.length;
    if (this.#changes > maxHeaderChanges) {
      return { text: `changes more than ${maxHeaderChanges} headers`, limit: true };
    }
    for (const name of remove) this.#bytes += name.length;
    for (const { name, value } of set) {
      this.#bytes += name.length + value.length;
      // Pseudo headers are passed over later, but must not carry anything else either.
      if (!token.test(name.startsWith(':') ? name.slice(1) : name)) {
        return { text: `sets a header whose name is no HTTP token: ${shown(name)}` };
      }
      if (!fieldValue.test(value)) return { text: `sets header ${shown(name)} to a value that HTTP does not allow` };
    }
    return this.#bytes > maxHeaderBytes
      ? { text: `changes headers of more than ${maxHeaderBytes} bytes`, limit: true }
      : undefined;
  }
}

/** A final status: others cannot be the answer to a request. */
export function statusProblem({ status }: ImmediateResponse): Problem | undefined {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return undefined;
  return { text: `answers with status ${status}; 200 to 599 expected` };
}

/** Text that goes into an error message: printable and short. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?'));
}
