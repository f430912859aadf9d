/**
 * Hashes a prompt block by block while its bytes arrive (epp.md 5.5), so that nothing is left to do when the last byte is
 * there. Blocks are taken from the body as it was sent, not from a re-serialised copy: only agreement with ourselves matters.
 *
 * hᵢ = xxh64(blockᵢ ‖ LE64(hᵢ₋₁)). The chain starts from 0 and not from the model, which may come last in a body or change by a
 * rewrite; the index combines every hash with the model and cache salt instead (`scopeOf`).
 */
import xxhash from 'xxhash-wasm';
import { JsonScan } from '../../llm/scan.ts';

const hashes = await xxhash();

/** Whose prompt it is, by the endpoint's path (epp.md 5.9). */
export type PromptApi = 'chat-completions' | 'completions' | 'embeddings' | 'responses' | 'conversations';

/** Members of a body that make up its prompt, in whatever order the client sends them. */
const promptMembers: Readonly<Record<PromptApi, readonly string[]>> = {
  'chat-completions': ['messages'],
  completions: ['prompt'],
  embeddings: ['input'],
  responses: ['instructions', 'tools', 'input'],
  conversations: ['items'],
};

/** By path suffix, as the openai-parser does; undefined for paths it does not know. */
export function promptApiOf(path: string): PromptApi | undefined {
  if (path.endsWith('/chat/completions')) return 'chat-completions';
  if (path.endsWith('/completions')) return 'completions';
  if (path.endsWith('/embeddings')) return 'embeddings';
  if (path.endsWith('/responses')) return 'responses';
  return path.endsWith('/conversations') ? 'conversations' : undefined;
}

export interface PromptHashes {
  /** Two 32-bit halves per block, low first. */
  readonly words: Uint32Array;
  readonly blocks: number;
  readonly blockBytes: number;
  /** Bytes of the prompt in the body, beyond the hashed blocks too. */
  readonly promptBytes: number;
  /** `cache_salt` as it stands in the body; requests of different salts share no blocks. */
  readonly cacheSalt: string;
}

export interface HasherOptions {
  /** Bytes per block. */
  readonly blockBytes: number;
  /** Blocks beyond these are not hashed. */
  readonly maxBlocks: number;
  /** Hash the incomplete block at the end too (HEAD); v1.0.1 drops it. */
  readonly partialTail: boolean;
}

const maxSaltBytes = 1024;
const longestKey = 'instructions'.length + 2;

export class PromptHasher {
  /** The body's structure so far; its `error` says why the body is no JSON object. */
  readonly scan: JsonScan;
  readonly #ownsScan: boolean;
  readonly #options: HasherOptions;
  readonly #wanted: readonly string[];
  /** A block followed by the hash of the one before it: what is hashed. */
  readonly #staging: Uint8Array;
  readonly #previous: DataView;
  #filled = 0;
  #words: Uint32Array;
  #blocks = 0;
  #promptBytes = 0;
  #salt = '';
  /** Bytes of the body seen. */
  #offset = 0;
  /** The member in `scan.members` that is looked at. */
  #member = 0;
  /** What is known of that member's key. */
  #kind: 'unknown' | 'prompt' | 'salt' | 'other' = 'unknown';
  /** Start of a key whose end has not arrived yet. */
  #keyStart: Buffer | undefined;

  /** @param scan given when the caller pushes chunks into it itself, before pushing them here */
  constructor(api: PromptApi, options: HasherOptions, scan?: JsonScan) {
    this.#options = options;
    this.#wanted = promptMembers[api];
    this.#staging = new Uint8Array(options.blockBytes + 8);
    this.#previous = new DataView(this.#staging.buffer, options.blockBytes, 8);
    this.#words = new Uint32Array(64);
    this.scan = scan ?? new JsonScan();
    this.#ownsScan = scan === undefined;
  }

  /** Takes the next bytes of the body. */
  push(chunk: Buffer): void {
    if (this.#ownsScan) this.scan.push(chunk);
    const { members } = this.scan;
    const from = this.#offset;
    const to = from + chunk.length;
    this.#offset = to;
    for (; this.#member < members.length; this.#member += 4) {
      const keyAt = members[this.#member] ?? 0;
      const keyEnd = members[this.#member + 1];
      const valueAt = members[this.#member + 2];
      const valueEnd = members[this.#member + 3];
      if (this.#kind === 'unknown') {
        if (keyEnd === undefined) {
          this.#keepKey(chunk, keyAt, from);
          return;
        }
        this.#kind = this.#kindOf(chunk, keyAt, keyEnd, from);
      }
      if (valueAt === undefined) return;
      if (this.#kind === 'prompt')
        this.#take(chunk, Math.max(valueAt, from) - from, Math.min(valueEnd ?? to, to) - from);
      else if (this.#kind === 'salt') this.#takeSalt(chunk, valueAt - from, (valueEnd ?? to) - from);
      if (valueEnd === undefined) return;
      this.#kind = 'unknown';
    }
  }

  /** After the last chunk. */
  finish(): PromptHashes {
    if (this.#options.partialTail && this.#filled > 0 && this.#blocks > 0) this.#endBlock();
    return {
      words: this.#words,
      blocks: this.#blocks,
      blockBytes: this.#options.blockBytes,
      promptBytes: this.#promptBytes,
      cacheSalt: this.#salt,
    };
  }

  #keepKey(chunk: Buffer, keyAt: number, from: number): void {
    const part = chunk.subarray(Math.max(0, keyAt - from), Math.max(0, keyAt - from) + longestKey);
    const whole = this.#keyStart === undefined ? part : Buffer.concat([this.#keyStart, part]);
    this.#keyStart = Buffer.from(whole.subarray(0, longestKey));
  }

  #kindOf(chunk: Buffer, keyAt: number, keyEnd: number, from: number): 'prompt' | 'salt' | 'other' {
    const begun = this.#keyStart;
    this.#keyStart = undefined;
    if (keyEnd - keyAt > longestKey) return 'other';
    const rest = chunk.toString('latin1', Math.max(0, keyAt - from), keyEnd - from);
    const key = (begun === undefined ? rest : begun.toString('latin1') + rest).slice(1, -1);
    if (key === 'cache_salt') return 'salt';
    return this.#wanted.includes(key) ? 'prompt' : 'other';
  }

  #takeSalt(chunk: Buffer, start: number, end: number): void {
    const room = maxSaltBytes - this.#salt.length;
    if (room > 0) this.#salt += chunk.toString('latin1', Math.max(0, start), Math.min(end, Math.max(0, start) + room));
  }

  #take(chunk: Buffer, start: number, end: number): void {
    const { blockBytes, maxBlocks } = this.#options;
    this.#promptBytes += end - start;
    let at = start;
    while (at < end && this.#blocks < maxBlocks) {
      const count = Math.min(blockBytes - this.#filled, end - at);
      this.#staging.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === blockBytes) this.#endBlock();
    }
  }

  #endBlock(): void {
    const { blockBytes, maxBlocks } = this.#options;
    const at = this.#blocks * 2;
    if (at === maxBlocks * 2) return;
    if (at === this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    let input = this.#staging;
    if (this.#filled < blockBytes) {
      input = new Uint8Array(this.#filled + 8);
      input.set(this.#staging.subarray(0, this.#filled));
      input.set(this.#staging.subarray(blockBytes), this.#filled);
    }
    this.#previous.setBigUint64(0, hashes.h64Raw(input), true);
    this.#words[at] = this.#previous.getUint32(0, true);
    this.#words[at + 1] = this.#previous.getUint32(4, true);
    this.#blocks += 1;
    this.#filled = 0;
  }
}

/** Two 32-bit words that keep prompts of different models and salts apart. */
export function scopeOf(model: string, cacheSalt: string): readonly [low: number, high: number] {
  const hash = hashes.h64Raw(Buffer.from(model + cacheSalt));
  return [Number(hash & 0xffffffffn), Number(hash >> 32n)];
}
