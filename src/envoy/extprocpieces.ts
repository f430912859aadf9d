/** Reads a ProcessingRequest with a large request body while its bytes arrive, so that nobody waits for the last one or joins them. */
import type { ProcessingRequest } from './extproc.ts';
import { readProcessingRequest } from './extprocread.ts';
import { ProtobufError } from '../wire/protobuf.ts';

export interface PieceHandler {
  /** The next bytes of the body. */
  piece(bytes: Buffer): void;
  /** All of the message but its body, which is empty here. */
  rest(request: ProcessingRequest): void;
}

/** The field `request_body` of ProcessingRequest, and those of HttpBody, as they begin on the wire. */
const requestBodyTag = 0x22;
const bodyTag = 0x0a;
const endOfStreamTag = 0x10;
/** A tag and a length of at most five bytes, twice, and between them the end of the stream where a writer puts it first. */
const longestStart = 14;

export class BodyPieces {
  readonly #handler: PieceHandler;
  #reading = false;
  /** Bytes of the body that are to come. */
  #bodyLeft = 0;
  /** Bytes of the HttpBody beside its body, and what there is of them and of the fields behind. */
  #nestedBytes = 0;
  #around: Buffer[] = [];

  constructor(handler: PieceHandler) {
    this.#handler = handler;
  }

  /** As `partial` of MessageSink. @throws ProtobufError */
  take(bytes: Buffer, left: number): boolean {
    let from = 0;
    if (!this.#reading) {
      from = this.#begin(bytes, left);
      if (from < 0) return false;
    }
    const to = Math.min(bytes.length, from + this.#bodyLeft);
    if (to > from) {
      this.#bodyLeft -= to - from;
      this.#handler.piece(bytes.subarray(from, to));
    }
    if (to < bytes.length) this.#around.push(bytes.subarray(to));
    if (left === 0) this.#end();
    return true;
  }

  /** Where the body begins; -1 when the message is another one, or has its fields in another order. */
  #begin(bytes: Buffer, left: number): number {
    if (bytes.length < longestStart || bytes[0] !== requestBodyTag) return -1;
    const nested = readLength(bytes, 1);
    const end = nested.next + nested.length;
    const bodyAt = bytes[nested.next] === endOfStreamTag ? nested.next + 2 : nested.next;
    if (bytes[bodyAt] !== bodyTag) return -1;
    const body = readLength(bytes, bodyAt + 1);
    if (body.next + body.length > end || end > bytes.length + left) return -1;
    this.#reading = true;
    this.#bodyLeft = body.length;
    this.#nestedBytes = bodyAt - nested.next + end - (body.next + body.length);
    this.#around.push(bytes.subarray(nested.next, bodyAt));
    return body.next;
  }

  /** Reads what stands around the body, as if the body were empty. */
  #end(): void {
    const around = Buffer.concat(this.#around);
    this.#around = [];
    this.#reading = false;
    // The reader refuses lengths that do not fit; below 128 one byte holds them.
    if (this.#nestedBytes > 127) throw new ProtobufError('an HttpBody with fields that no proxy sends');
    const request = readProcessingRequest(Buffer.concat([Buffer.of(requestBodyTag, this.#nestedBytes), around]));
    if (request.type !== 'body' || request.phase !== 'request' || request.body.length > 0)
      throw new ProtobufError('a ProcessingRequest with two contents');
    this.#handler.rest(request);
  }
}

function readLength(bytes: Buffer, at: number): { length: number; next: number } {
  let length = 0;
  let scale = 1;
  for (let next = at; next < at + 5; next += 1) {
    const byte = bytes[next] ?? 0;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return { length, next: next + 1 };
    scale *= 128;
  }
  throw new ProtobufError('a length of more than 5 bytes');
}
