/**
 * Finds the text fields of a multipart/form-data body (RFC 7578) as its bytes arrive, and where in the body they are, so that one of
 * them can be replaced without writing the form anew. Files are passed over.
 */

export interface FormField {
  readonly value: string;
  /** Offsets of the value's bytes in the body. */
  readonly start: number;
  readonly end: number;
}

const maxHeaderBytes = 16 * 1024;
/** Longer text fields are no names of models. */
const maxValueBytes = 256 * 1024;
const maxFields = 256;
const headersEnd = Buffer.from('\r\n\r\n');

/** The boundary that a content type declares; undefined: it is no form, or declares none. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType?.toLowerCase().startsWith('multipart/form-data') !== true) return undefined;
  const match = /;\s*boundary=(?:"([^"]{1,200})"|([^;\s"]{1,200}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

export class FormScan {
  /** Why the body is no form, in words for the client. */
  error: string | undefined;
  /** By name; of repeated ones the last. */
  readonly fields = new Map<string, FormField>();
  /** Names of the files that have come. */
  readonly files = new Set<string>();
  #state: 'preamble' | 'headers' | 'field' | 'file' | 'end' = 'preamble';
  /** Bytes that are not decided yet, and their offset in the body. */
  #rest: Buffer = Buffer.from('\r\n');
  #offset = -2;
  #name = '';
  readonly #delimiter: Buffer;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  push(chunk: Buffer): void {
    if (this.error !== undefined || this.#state === 'end') return;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.error === undefined && this.#step());
  }

  /** To be called after the last chunk. */
  finish(): void {
    if (this.error === undefined && this.#state !== 'end') this.error = 'the form ends before its last boundary';
  }

  /** False: more bytes are needed. */
  #step(): boolean {
    if (this.#state === 'headers') return this.#readHeaders();
    if (this.#state === 'end') return false;
    const at = this.#rest.indexOf(this.#delimiter);
    if (at < 0) {
      const sure = Math.max(0, this.#rest.length - this.#delimiter.length + 1);
      if (this.#state !== 'field') this.#drop(sure);
      else if (sure > maxValueBytes) this.error = `the field ${this.#name} is longer than ${maxValueBytes} bytes`;
      return false;
    }
    const after = at + this.#delimiter.length;
    if (this.#rest.length < after + 2) return false;
    if (this.#state === 'field') this.#take(at);
    const last = this.#rest[after] === 0x2d && this.#rest[after + 1] === 0x2d;
    this.#state = last ? 'end' : 'headers';
    this.#drop(after + (last ? 2 : 0));
    return !last;
  }

  #take(end: number): void {
    const start = this.#offset;
    if (this.fields.size >= maxFields) this.error = `the form has more than ${maxFields} fields`;
    else this.fields.set(this.#name, { value: this.#rest.toString('utf8', 0, end), start, end: start + end });
  }

  #readHeaders(): boolean {
    const end = this.#rest.indexOf(headersEnd);
    if (end < 0) {
      if (this.#rest.length > maxHeaderBytes) this.error = 'the headers of a part are too large';
      return false;
    }
    const disposition = /\r\ncontent-disposition:[ \t]*form-data([^\r]*)/i.exec(this.#rest.toString('latin1', 0, end));
    const parameters = disposition?.[1] ?? '';
    const name = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(parameters);
    if (name === null) {
      this.error = 'a part has no name';
      return false;
    }
    this.#name = Buffer.from(name[1] ?? name[2] ?? '', 'latin1').toString();
    this.#state = /;\s*filename\*?=/i.test(parameters) ? 'file' : 'field';
    if (this.#state === 'file') this.files.add(this.#name);
    // An empty value is followed by the delimiter at once, whose line break is the one that ends the headers.
    this.#drop(end + headersEnd.length);
    return true;
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count);
    this.#offset += count;
  }
}
