/** A request's body as it arrives: scanned and hashed chunk by chunk, so that little is left to do when the last one is there. */
import { readLlmBody, type BodyBytes } from '../llm/body.ts';
import { JsonScan } from '../llm/scan.ts';
import { replaceModel } from '../llm/splice.ts';
import type { BodyFacts } from './bodyfacts.ts';
import type { Envelope } from './grpcbodies.ts';
import type { PromptHasher } from '../picker/prefix/prompthasher.ts';

export type BodyReader =
  /** A model API's body; `hasher` when prompts are to be hashed. */
  | { readonly type: 'model-api'; hasher(scan: JsonScan): PromptHasher | undefined }
  /** The path is not known: a model is used when there is one, and anything else is let through. */
  | { readonly type: 'lenient' }
  /** Opened when it is whole: its facts are in something else than JSON (vllmgrpc-parser, vertexai-parser). */
  | { readonly type: 'envelope'; open(body: Buffer): Envelope | { readonly error: string } }
  /** Not looked at (passthrough-parser). */
  | { readonly type: 'opaque' };

const opaqueFacts: BodyFacts = { model: '', streaming: false, prompt: undefined };

export class RequestBody implements BodyBytes {
  /** The body as it came, in pieces. */
  readonly pieces: Buffer[] = [];
  bytes = 0;
  /** A request without a model is no mistake. */
  readonly opaque: boolean;
  readonly #scan: JsonScan | undefined;
  readonly #hasher: PromptHasher | undefined;
  readonly #open: ((body: Buffer) => Envelope | { readonly error: string }) | undefined;
  #envelope: Envelope | undefined;

  constructor(reader: BodyReader) {
    this.#scan = reader.type === 'opaque' || reader.type === 'envelope' ? undefined : new JsonScan();
    if (reader.type === 'envelope') this.#open = (body) => reader.open(body);
    this.opaque = reader.type !== 'model-api';
    if (reader.type === 'model-api' && this.#scan !== undefined) this.#hasher = reader.hasher(this.#scan);
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.bytes += piece.length;
    this.#scan?.push(piece);
    this.#hasher?.push(piece);
  }

  /** What routing needs to know, after the last piece; or why the body is refused. */
  finish(): BodyFacts | { readonly error: string } {
    if (this.#open !== undefined) {
      const opened = this.#open(this.joined());
      if ('error' in opened) return opened;
      this.#envelope = opened;
      return opened.facts;
    }
    if (this.#scan === undefined) return opaqueFacts;
    this.#scan.finish();
    if (this.#scan.error !== undefined) return this.opaque ? opaqueFacts : { error: this.#scan.error };
    const read = readLlmBody(this, this.#scan);
    if ('error' in read) return this.opaque ? opaqueFacts : read;
    return { model: read.model, streaming: read.stream, prompt: this.#hasher?.finish() };
  }

  /** The body with another model, in pieces: what does not change is not written anew. */
  withModel(model: string): Buffer[] {
    if (this.#envelope?.withModel !== undefined) return [this.#envelope.withModel(model)];
    return this.#scan === undefined ? this.pieces : [replaceModel(this.joined(), this.#scan, model)];
  }

  /** The bytes between these offsets; copied where they lie in several pieces. */
  subarray(start: number, end: number): Buffer {
    const found: Buffer[] = [];
    let at = 0;
    for (const piece of this.pieces) {
      if (at >= end) break;
      if (at + piece.length > start) found.push(piece.subarray(Math.max(0, start - at), end - at));
      at += piece.length;
    }
    const [only] = found;
    return only !== undefined && found.length === 1 ? only : Buffer.concat(found);
  }

  /** The body in one piece. */
  joined(): Buffer {
    const [only] = this.pieces;
    if (only !== undefined && this.pieces.length === 1) return only;
    const whole = Buffer.concat(this.pieces, this.bytes);
    this.pieces.splice(0, this.pieces.length, whole);
    return whole;
  }
}
