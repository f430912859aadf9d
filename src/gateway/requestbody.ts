/** The two ways a request body is held on its way upstream. */
import { Readable } from 'node:stream';
import { JsonScan } from '../llm/scan.ts';

const none = Buffer.alloc(0);
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** A whole body in memory, scanned as it arrives when routing needs to know what is in it. */
export class BufferedBody {
  size = 0;
  /** All of it is here. */
  whole = false;
  readonly scan: JsonScan | undefined;
  #first: Buffer = none;
  #more: Buffer[] | undefined;
  /** Bytes of a byte order mark that were left out. */
  #mark = 0;

  constructor(scans: boolean) {
    this.scan = scans ? new JsonScan() : undefined;
  }

  push(given: Buffer): void {
    const chunk = this.scan !== undefined && this.size < byteOrderMark.length ? this.#withoutMark(given) : given;
    this.size += chunk.length;
    this.scan?.push(chunk);
    // Most bodies are one chunk, which then needs no copy.
    if (this.#first.length === 0) this.#first = chunk;
    else (this.#more ??= [this.#first]).push(chunk);
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

  end(): void {
    this.whole = true;
    this.scan?.finish();
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
