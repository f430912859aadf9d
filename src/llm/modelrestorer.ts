/** Gives answers the model name that the client asked for, where the server was asked for another (epp.md 3.4). */

const quote = 0x22;

export class ModelRestorer {
  readonly #patterns: readonly Buffer[];
  readonly #replacements: readonly Buffer[];
  readonly #longest: number;
  /** The end of what came last, when it may be the beginning of a pattern. */
  #held: Buffer | undefined;

  constructor(served: string, asked: string) {
    const spellings = ['"model":', '"model": '];
    this.#patterns = spellings.map((key) => Buffer.from(key + JSON.stringify(served)));
    this.#replacements = spellings.map((key) => Buffer.from(key + JSON.stringify(asked)));
    this.#longest = Math.max(...this.#patterns.map((pattern) => pattern.length));
  }

  /** The next bytes with the name replaced; a name that is cut by the end of a chunk comes with the next one. */
  push(chunk: Buffer, last: boolean): Buffer[] {
    const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    const pieces: Buffer[] = [];
    let copied = 0;
    for (let found = this.#find(bytes, 0); found !== undefined; found = this.#find(bytes, copied)) {
      if (found.at > copied) pieces.push(bytes.subarray(copied, found.at));
      pieces.push(found.replacement);
      copied = found.at + found.length;
    }
    const end = last ? bytes.length : this.#safeEnd(bytes, copied);
    if (end < bytes.length) this.#held = bytes.subarray(end);
    if (end > copied) pieces.push(bytes.subarray(copied, end));
    return pieces;
  }

  #find(bytes: Buffer, from: number): { at: number; length: number; replacement: Buffer } | undefined {
    let first: { at: number; length: number; replacement: Buffer } | undefined;
    for (const [spelling, pattern] of this.#patterns.entries()) {
      const at = bytes.indexOf(pattern, from);
      const replacement = this.#replacements[spelling];
      if (at < 0 || replacement === undefined || (first !== undefined && first.at <= at)) continue;
      first = { at, length: pattern.length, replacement };
    }
    return first;
  }

  /** Where the part begins that may turn out to be a pattern; the length when there is none. */
  #safeEnd(bytes: Buffer, from: number): number {
    for (let at = Math.max(from, bytes.length - this.#longest + 1); at < bytes.length; at += 1) {
      if (bytes[at] !== quote) continue;
      const rest = bytes.subarray(at);
      if (this.#patterns.some((pattern) => pattern.subarray(0, rest.length).equals(rest))) return at;
    }
    return bytes.length;
  }
}
