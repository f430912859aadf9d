/**
 * The few pieces of the protobuf wire format that Headgate's own small messages need: varints and length-delimited fields.
 * Unknown fields are skipped, as the format asks; malformed bytes throw a ProtobufError.
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

/** Reads the fields of a message in order; fixed-width fields are skipped, groups are refused. */
export function readFields(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  while (at < message.length) {
    const [tag, afterTag] = readVarint(message, at);
    const number = Math.floor(tag / 8);
    if (number === 0) throw new ProtobufError('field number 0');
    at = afterTag;
    switch (tag % 8) {
      case wireVarint: {
        const [value, next] = readVarint(message, at);
        fields.push({ number, value });
        at = next;
        break;
      }
      case wireBytes: {
        const [length, start] = readVarint(message, at);
        at = skip(message, start, length);
        fields.push({ number, value: message.subarray(start, at) });
        break;
      }
      case wireFixed64:
        at = skip(message, at, 8);
        break;
      case wireFixed32:
        at = skip(message, at, 4);
        break;
      default:
        throw new ProtobufError(`wire type ${String(tag % 8)} of field ${String(number)} is not supported`);
    }
  }
  return fields;
}

/** The last occurrence of a string field, '' when absent (proto3 default). */
export function stringField(fields: readonly Field[], number: number): string {
  const field = fields.findLast((candidate) => candidate.number === number);
  if (field === undefined) return '';
  if (typeof field.value === 'number') throw new ProtobufError(`field ${String(number)} is not a string`);
  try {
    return utf8.decode(field.value);
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
  const bytes: number[] = [];
  for (const { number, value } of fields) {
    if (typeof value === 'number') {
      writeVarint(bytes, number * 8 + wireVarint);
      writeVarint(bytes, value);
    } else {
      writeVarint(bytes, number * 8 + wireBytes);
      writeVarint(bytes, value.length);
      for (const byte of value) bytes.push(byte);
    }
  }
  return Uint8Array.from(bytes);
}

function readVarint(bytes: Uint8Array, start: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  // Ten bytes hold 64 bits. Bits above 2^53 lose precision here, which no field we read relies on.
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw new ProtobufError('truncated varint');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at + 1];
    scale *= 128;
  }
  throw new ProtobufError('varint longer than 10 bytes');
}

function writeVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

function skip(message: Uint8Array, at: number, length: number): number {
  const end = at + length;
  if (end > message.length) throw new ProtobufError('field runs past the end of the message');
  return end;
}
