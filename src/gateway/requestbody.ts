/** The two ways a request body is held on its way upstream. */
import { Readable } from 'node:stream';
import type { FormScan } from '../llm/form.ts';
import type { JsonScan } from '../llm/scan.ts';
import { decode, type ContentEncoding } from './contentencoding.ts';

const none = Buffer.alloc(0);
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** What is looked for in a body as it arrives: the members of a JSON object, the fields of a form, or nothing. */
export type Looking = { readonly scan?: JsonScan; readonly form?: FormScan };

/** A whole body in memory. */
export class BufferedBody {
  size = 0;
  /** All of it is here. */
  whole = false;
  /** Why it is not what its headers say. */
  broken: 'encoding' | 'too large' | undefined;
  readonly scan: JsonScan | undefined;
  readonly form: FormScan | undefined;
  /** That it came in; the bytes here are decoded. */
  readonly encoding: ContentEncoding | undefined;
  #first: Buffer = none;
  #more: Buffer[] | undefined;
  /** Bytes of a byte order mark that were left out. */
  #mark = 0;

  constructor({ scan, form }: Looking, encoding?: ContentEncoding) {
    this.scan = scan;
    this.form = form;
    this.encoding = encoding;
  }

  push(given: Buffer): void {
    const looks = this.encoding === undefined;
    const chunk = looks && this.scan !== undefined && this.size < 3 ? this.#withoutMark(given) : given;
    this.size += chunk.length;
    if (looks) this.#look(chunk);
    // Most bodies are one chunk, which then needs no copy.
    if (this.#first.length === 0) this.#first = chunk;
    else (this.#more ??= [this.#first]).push(chunk);
  }

  #look(chunk: Buffer): void {
    this.scan?.push(chunk);
    this.form?.push(chunk);
  }

  /** A byte order mark before JSON says nothing, and few servers expect one. */
  #withoutMark(chunk: Buffer): Buffer {
    const mark = byteOrderMark.subarray(0, this.#mark + chunk.length).subarray(this.#mark);
    if (this.size > 0 || this.#mark === byteOrderMark.length || !chunk.subarray(0, mark.length).equals(mark)) {
      return chunk;
    }
    this.#mark += mark.length;
    return chunk.subarray(mark.length);
  }

  /** Nothing more comes. `done` is called when all of it can be read, at once unless it has to be decoded. */
  end(maxBytes: number, done: () => void): void {
    if (this.encoding === undefined) {
      this.#finish();
      done();
      return;
    }
    decode(this.encoding, this.bytes(), maxBytes, (decoded) => {
      if (typeof decoded === 'string') this.broken = decoded;
      else {
        this.#first = decoded;
        this.size = decoded.length;
        this.#look(decoded);
      }
      this.#finish();
      done();
    });
  }

  #finish(): void {
    this.whole = true;
    this.scan?.finish();
    this.form?.finish();
  }

  bytes(): Buffer {
    if (this.#more !== undefined) {
      this.#first = Buffer.concat(this.#more, this.size);
      this.#more = undefined;
    }
    return this.#first;
  }
}

/** A body that flows upstream as it comes, held back by whichever side is slower. */
export class StreamedBody extends Readable {
  size = 0;
  readonly #resume: () => void;

  /** `resume` asks the client for more. */
  constructor(resume: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#resume = resume;
    // Failures reach the pipeline through the attempt; without a listener they would end the process.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#resume();
  }
}
