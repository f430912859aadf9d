/**
 * Reads a JSON object as its bytes arrive: checks that it is well-formed exactly as JSON.parse would, and notes where its
 * top-level members are, so that the model can be read and replaced without building or re-serialising the body
 * (design section 6). Work is done per chunk; nothing is left to do when the last one is there.
 */

/** Deeper nesting is refused: no model API needs it, and other parsers overflow their stack on it. */
const maxDepth = 512;
/** More top-level fields are refused: it bounds what is remembered of a body. */
const maxMembers = 1024;

// What may come next. Numbers have one state per position in their grammar (RFC 8259 section 6).
const start = 0;
const value = 1;
const firstElement = 2;
const firstKey = 3;
const nextKey = 4;
const colon = 5;
const afterValue = 6;
const inString = 7;
const escape = 8;
const hex = 9;
const literal = 10;
const minus = 11;
const zero = 12;
const integer = 13;
const dot = 14;
const fraction = 15;
const exponent = 16;
const exponentSign = 17;
const exponentDigits = 18;
const done = 19;

const words: Readonly<Record<number, string>> = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' };

/** By byte: 1 for bytes that end the quick run through a string: quote, backslash, control characters. */
const stopsString = new Uint8Array(256);
stopsString.fill(1, 0, 0x20);
stopsString[0x22] = 1;
stopsString[0x5c] = 1;

export class JsonScan {
  /** Why the body is not a JSON object, in words for the client; undefined as long as it may be one. */
  error: string | undefined;
  /** Four offsets per top-level member: key (opening quote), end of key, value, end of value. */
  readonly members: number[] = [];
  /** Offset of the closing brace, once `complete`. */
  end = 0;
  #state = start;
  /** Bytes of earlier chunks. */
  #base = 0;
  #depth = 0;
  /** 1 where the container at that depth is an object. A plain array: a typed one of this size costs more than a short body's scan. */
  readonly #objects: number[] = [0];
  #stringIsKey = false;
  #hexLeft = 0;
  #word = '';
  #wordAt = 0;

  get complete(): boolean {
    return this.#state === done && this.error === undefined;
  }

  /** Takes the next bytes. After an error further bytes are ignored. */
  push(chunk: Buffer): void {
    if (this.error !== undefined) return;
    const length = chunk.length;
    const words = length < worthWords ? undefined : wordsOf(chunk);
    let at = 0;
    while (at < length) {
      if (this.#state === inString) {
        at = skipText(chunk, at, words);
        if (at === length) break;
      }
      this.#step(chunk[at] ?? 0, this.#base + at);
      if (this.error !== undefined) return;
      at += 1;
    }
    this.#base += length;
  }

  /** To be called after the last chunk. */
  finish(): void {
    if (this.error === undefined && this.#state !== done) this.error = 'unexpected end of JSON input';
  }

  #step(byte: number, offset: number): void {
    switch (this.#state) {
      case inString:
        if (byte === 0x22) this.#endString(offset + 1);
        else if (byte === 0x5c) this.#state = escape;
        else this.#unexpected(byte, offset);
        return;
      case escape:
        if (byte === 0x75) {
          this.#state = hex;
          this.#hexLeft = 4;
        } else if (isEscapable(byte)) this.#state = inString;
        else this.#unexpected(byte, offset);
        return;
      case hex:
        if (!isHex(byte)) this.#unexpected(byte, offset);
        else if (--this.#hexLeft === 0) this.#state = inString;
        return;
      case literal:
        if (byte !== this.#word.charCodeAt(this.#wordAt)) this.#unexpected(byte, offset);
        else if (++this.#wordAt === this.#word.length) this.#endValue(offset + 1);
        return;
      case minus:
      case zero:
      case integer:
      case dot:
      case fraction:
      case exponent:
      case exponentSign:
      case exponentDigits:
        this.#number(byte, offset);
        return;
      default:
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#structure(byte, offset);
    }
  }

  #structure(byte: number, offset: number): void {
    switch (this.#state) {
      case start:
        if (byte === 0x7b) this.#open(1, offset);
        else this.error = 'the body must be a JSON object';
        return;
      case firstKey:
        if (byte === 0x7d) this.#close(offset);
        else this.#key(byte, offset);
        return;
      case nextKey:
        this.#key(byte, offset);
        return;
      case colon:
        if (byte === 0x3a) this.#state = value;
        else this.#unexpected(byte, offset);
        return;
      case firstElement:
        if (byte === 0x5d) this.#close(offset);
        else this.#value(byte, offset);
        return;
      case value:
        this.#value(byte, offset);
        return;
      case afterValue: {
        const inObject = this.#objects[this.#depth] === 1;
        if (byte === 0x2c) this.#state = inObject ? nextKey : value;
        else if (byte === (inObject ? 0x7d : 0x5d)) this.#close(offset);
        else this.#unexpected(byte, offset);
        return;
      }
      default:
        this.#unexpected(byte, offset);
    }
  }

  #key(byte: number, offset: number): void {
    if (byte !== 0x22) {
      this.#unexpected(byte, offset);
      return;
    }
    if (this.#depth === 1) {
      if (this.members.length === maxMembers * 4) {
        this.error = `more than ${maxMembers} top-level fields`;
        return;
      }
      this.members.push(offset);
    }
    this.#stringIsKey = true;
    this.#state = inString;
  }

  #value(byte: number, offset: number): void {
    if (this.#depth === 1) this.members.push(offset);
    const word = words[byte];
    if (byte === 0x22) {
      this.#stringIsKey = false;
      this.#state = inString;
    } else if (byte === 0x7b) this.#open(1, offset);
    else if (byte === 0x5b) this.#open(0, offset);
    else if (byte === 0x2d) this.#state = minus;
    else if (byte === 0x30) this.#state = zero;
    else if (isDigit(byte)) this.#state = integer;
    else if (word === undefined) this.#unexpected(byte, offset);
    else {
      this.#word = word;
      this.#wordAt = 1;
      this.#state = literal;
    }
  }

  #number(byte: number, offset: number): void {
    const next = numberState(this.#state, byte);
    if (next === 'end') {
      // The number's end is known only by the byte behind it, which belongs to what encloses it.
      this.#endValue(offset);
      this.#step(byte, offset);
    } else if (next === undefined) this.#unexpected(byte, offset);
    else this.#state = next;
  }

  #open(object: 0 | 1, offset: number): void {
    if (this.#depth === maxDepth) {
      this.error = `nested deeper than ${maxDepth} levels at offset ${offset}`;
      return;
    }
    this.#depth += 1;
    this.#objects[this.#depth] = object;
    this.#state = object === 1 ? firstKey : firstElement;
  }

  #close(offset: number): void {
    this.#depth -= 1;
    if (this.#depth > 0) {
      this.#endValue(offset + 1);
      return;
    }
    this.end = offset;
    this.#state = done;
  }

  #endString(offset: number): void {
    if (!this.#stringIsKey) {
      this.#endValue(offset);
      return;
    }
    if (this.#depth === 1) this.members.push(offset);
    this.#state = colon;
  }

  #endValue(offset: number): void {
    if (this.#depth === 1) this.members.push(offset);
    this.#state = afterValue;
  }

  #unexpected(byte: number, offset: number): void {
    const shown = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`;
    this.error = `unexpected ${shown} at offset ${offset}`;
  }
}

/** Chunks from this size on are looked at in words of four bytes; below it making the view costs more than it saves. */
const worthWords = 2048;

/** The aligned middle of a chunk as words. */
interface Words {
  readonly values: Int32Array;
  /** Offset in the chunk of the first word. */
  readonly from: number;
}

function wordsOf(chunk: Buffer): Words {
  const from = -chunk.byteOffset & 3;
  return { values: new Int32Array(chunk.buffer, chunk.byteOffset + from, (chunk.length - from) >> 2), from };
}

/** The offset of the next byte at or after `at` that ends a run of text inside a string. */
function skipText(chunk: Buffer, at: number, words: Words | undefined): number {
  const length = chunk.length;
  let next = at;
  const soon = words === undefined ? length : Math.min(length, ((at - words.from + 3) & ~3) + words.from);
  while (next < soon && stopsString[chunk[next] ?? 0] === 0) next += 1;
  if (words === undefined || next < soon) return next;
  const { values, from } = words;
  let word = (next - from) >> 2;
  while (word < values.length && !hasStop(values[word] ?? 0)) word += 1;
  next = Math.max(next, from + word * 4);
  while (next < length && stopsString[chunk[next] ?? 0] === 0) next += 1;
  return next;
}

/** True when one of the four bytes is a quote, a backslash or below 0x20 ("determine if a word has a byte less than n"). */
function hasStop(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  const found =
    (((quote - 0x01010101) | 0) & ~quote) |
    (((backslash - 0x01010101) | 0) & ~backslash) |
    (((word - 0x20202020) | 0) & ~word);
  return (found & 0x80808080) !== 0;
}

/** The state after `byte` inside a number; `end` when the number ended before it. */
function numberState(state: number, byte: number): number | 'end' | undefined {
  const digit = isDigit(byte);
  switch (state) {
    case minus:
      return byte === 0x30 ? zero : digit ? integer : undefined;
    case zero:
    case integer:
      if (digit) return state === integer ? integer : undefined;
      if (byte === 0x2e) return dot;
      return isExponent(byte) ? exponent : 'end';
    case dot:
      return digit ? fraction : undefined;
    case fraction:
      if (digit) return fraction;
      return isExponent(byte) ? exponent : 'end';
    case exponent:
      if (byte === 0x2b || byte === 0x2d) return exponentSign;
      return digit ? exponentDigits : undefined;
    case exponentSign:
      return digit ? exponentDigits : undefined;
    default:
      return digit ? exponentDigits : 'end';
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isExponent(byte: number): boolean {
  return byte === 0x65 || byte === 0x45;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46);
}

/** The bytes that may follow a backslash: `"`, `\`, `/`, `b`, `f`, `n`, `r`, `t` (and `u`, handled apart). */
function isEscapable(byte: number): boolean {
  switch (byte) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}
