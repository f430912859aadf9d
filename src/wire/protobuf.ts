/**
 * The pieces of the protobuf wire format that Headgate's hand-written messages need: varints and length-delimited fields.
 * Unknown fields are skipped, as the format asks; malformed bytes throw a ProtobufError. Bytes are never copied: what is read
 * is a view of the message.
 */

export class ProtobufError extends Error {
  override name = 'ProtobufError';
}

/** One field as it stands on the wire: a number for varints (wire type 0), bytes for length-delimited ones (2). */
export interface Field {
  number: number;
  value: number | Uint8Array;
}

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const nothing = Buffer.alloc(0);

/** Walks over the fields of one message, without an object per field. */
export class FieldReader {
  /** Number of the field that `next` has read. */
  number = 0;
  /** The field is a varint: `integer` is its value. */
  varint = false;
  /** The field is length-delimited: `bytes` is its value. */
  delimited = false;
  /** Value of a varint field. */
  integer = 0;
  /** Value of a length-delimited field, a view of the message. */
  bytes: Buffer = nothing;
  /** Value of a 64-bit field read as a double. */
  double = 0;
  readonly #message: Buffer;
  #at = 0;
  /** Where the value of the last varint field begins. */
  #valueAt = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /** Reads the next field; false at the end of the message. Groups are refused. */
  next(): boolean {
    const message = this.#message;
    if (this.#at >= message.length) return false;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    if (this.number === 0) throw new ProtobufError('field number 0');
    const wireType = tag % 8;
    this.delimited = wireType === wireBytes;
    this.varint = wireType === wireVarint;
    if (wireType === wireVarint) {
      this.#valueAt = this.#at;
      this.integer = this.#varint();
    } else if (wireType === wireBytes) {
      const length = this.#varint();
      const start = this.#skip(length);
      this.bytes = message.subarray(start, start + length);
    } else if (wireType === wireFixed64) {
      this.double = message.readDoubleLE(this.#skip(8));
    } else if (wireType === wireFixed32) {
      this.#skip(4);
    } else {
      throw new ProtobufError(`wire type ${String(wireType)} of field ${String(this.number)} is not supported`);
    }
    return true;
  }

  /** The current field, of type int32 or int64: negative ones are 64-bit two's complement, which `integer` cannot hold. */
  signed(): number {
    if (!this.varint) throw new ProtobufError(`field ${String(this.number)} is not an integer`);
    if (this.integer <= Number.MAX_SAFE_INTEGER) return this.integer;
    let value = 0n;
    for (let at = this.#valueAt; at < this.#at; at += 1) {
      value |= BigInt((this.#message[at] ?? 0) & 0x7f) << BigInt(7 * (at - this.#valueAt));
    }
    const signed = Number(BigInt.asIntN(64, value));
    if (!Number.isSafeInteger(signed)) throw new ProtobufError(`field ${String(this.number)} is too large an integer`);
    return signed;
  }

  /** The current field as text. */
  text(): string {
    if (!this.delimited) throw new ProtobufError(`field ${String(this.number)} is not a string`);
    return decodeText(this.bytes, this.number);
  }

  /** The current field as a message or bytes. */
  message(): Buffer {
    if (!this.delimited) throw new ProtobufError(`field ${String(this.number)} is not a message`);
    return this.bytes;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    const message = this.#message;
    // Ten bytes hold 64 bits. Bits above 2^53 lose precision here, which no field we read relies on.
    for (let count = 0; count < 10; count += 1) {
      const byte = message[this.#at];
      if (byte === undefined) throw new ProtobufError('truncated varint');
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new ProtobufError('varint longer than 10 bytes');
  }

  /** Steps over `length` bytes and returns where they begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#message.length) throw new ProtobufError('field runs past the end of the message');
    this.#at = start + length;
    return start;
  }
}

/** Reads the fields of a small message in order; fixed-width fields are skipped. */
export function readFields(message: Uint8Array): Field[] {
  const reader = new FieldReader(asBuffer(message));
  const fields: Field[] = [];
  while (reader.next()) {
    if (reader.delimited) fields.push({ number: reader.number, value: reader.bytes });
    else if (reader.varint) fields.push({ number: reader.number, value: reader.integer });
  }
  return fields;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The last occurrence of a string field, '' when absent (proto3 default). */
export function stringField(fields: readonly Field[], number: number): string {
  const field = fields.findLast((candidate) => candidate.number === number);
  if (field === undefined) return '';
  if (typeof field.value === 'number') throw new ProtobufError(`field ${String(number)} is not a string`);
  return decodeText(field.value, number);
}

function decodeText(bytes: Uint8Array, number: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProtobufError(`field ${String(number)} is not valid UTF-8`);
  }
}

/** The last occurrence of an integer or enum field, 0 when absent. */
export function integerField(fields: readonly Field[], number: number): number {
  const field = fields.findLast((candidate) => candidate.number === number);
  if (field === undefined) return 0;
  if (typeof field.value !== 'number') throw new ProtobufError(`field ${String(number)} is not an integer`);
  return field.value;
}

/** Encodes fields in the order given. Integers must be non-negative and safe. */
export function writeFields(fields: readonly Field[]): Uint8Array {
  const writer = new BackwardWriter();
  for (const { number, value } of fields.toReversed()) {
    if (typeof value === 'number') writer.integer(number, value);
    else writer.bytes(number, value);
  }
  return writer.take();
}

/**
 * Writes a message from its end to its beginning, so that the length of a nested message is known when its prefix is written and
 * nothing is copied twice. Fields therefore appear on the wire in the opposite order of the calls.
 */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafe(512);
  #at = 512;
  /** Bytes that follow what is written here and are sent from elsewhere: they count in lengths. */
  #tail = 0;

  /** Bytes of the message so far, the tail included. */
  get written(): number {
    return this.#buffer.length - this.#at + this.#tail;
  }

  /** For a field of bytes that the caller sends itself, right behind this message. Only as the very first call. */
  tail(number: number, length: number): void {
    this.#tail = length;
    this.#prefix(number, length);
  }

  integer(number: number, value: number): void {
    this.#varint(value);
    this.#varint(number * 8 + wireVarint);
  }

  double(number: number, value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#at);
    this.#varint(number * 8 + wireFixed64);
  }

  fixed64(number: number, value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(value, this.#at);
    this.#varint(number * 8 + wireFixed64);
  }

  text(number: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#buffer.write(value, this.#at, length);
    this.#prefix(number, length);
  }

  bytes(number: number, value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#prefix(number, value.length);
  }

  /** Ends the nested message that was begun (at its last byte) when `written` was `end`. */
  nested(number: number, end: number): void {
    this.#prefix(number, this.written - end);
  }

  /** The prefix of a gRPC message: not compressed, length of everything written. */
  grpcPrefix(): void {
    const length = this.written;
    this.#reserve(5);
    this.#buffer[this.#at] = 0;
    this.#buffer.writeUInt32BE(length, this.#at + 1);
  }

  /** What was written, without the tail. */
  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at));
  }

  /** Begins another message. */
  reset(): void {
    this.#at = this.#buffer.length;
    this.#tail = 0;
  }

  #prefix(number: number, length: number): void {
    this.#varint(length);
    this.#varint(number * 8 + wireBytes);
  }

  #varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#reserve(size);
    let at = this.#at;
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.#buffer[at] = (rest % 128) | 0x80;
      at += 1;
    }
    this.#buffer[at] = rest;
  }

  #reserve(length: number): void {
    if (this.#at < length) {
      const used = this.#buffer.length - this.#at;
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + length));
      this.#buffer.copy(grown, grown.length - used, this.#at);
      this.#at = grown.length - used;
      this.#buffer = grown;
    }
    this.#at -= length;
  }
}
