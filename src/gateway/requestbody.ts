/** The two ways a request body is held on its way upstream. */
import { Readable } from 'node:stream';
import { JsonScan } from '../llm/scan.ts';

const none = Buffer.alloc(0);

/** A whole body in memory, scanned as it arrives when routing needs to know what is in it. */
export class BufferedBody {
  size = 0;
  /** All of it is here. */
  whole = false;
  readonly scan: JsonScan | undefined;
  #first: Buffer = none;
  #more: Buffer[] | undefined;

  constructor(scans: boolean) {
    this.scan = scans ? new JsonScan() : undefined;
  }

  push(chunk: Buffer): void {
    this.size += chunk.length;
    this.scan?.push(chunk);
    // Most bodies are one chunk, which then needs no copy.
    if (this.#first.length === 0) this.#first = chunk;
    else (this.#more ??= [this.#first]).push(chunk);
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
