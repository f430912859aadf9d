import { FieldReader, ProtobufError, type BackwardWriter } from './protobuf.ts';

/** google.protobuf.Struct, in which Envoy carries metadata and attributes, as plain values. */

export type StructValue = null | number | string | boolean | StructObject | readonly StructValue[];

export interface StructObject {
  readonly [key: string]: StructValue;
}

/** Deeper values are refused: metadata has no use for them, and the reader recurses. */
const maxDepth = 32;

/** Struct { map<string, Value> fields = 1 }. @throws ProtobufError */
export function readStruct(message: Buffer, depth = 0): StructObject {
  if (depth > maxDepth) throw new ProtobufError(`a Struct nested deeper than ${String(maxDepth)} levels`);
  const fields = new Map<string, StructValue>();
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number !== 1) continue;
    const { key, value } = readMapEntry(reader.message());
    fields.set(key, readValue(value, depth + 1));
  }
  return Object.fromEntries(fields);
}

/** An entry of a map with string keys and message values: { key = 1, value = 2 }. */
export function readMapEntry(message: Buffer): { key: string; value: Buffer } {
  let key = '';
  let value: Buffer = Buffer.alloc(0);
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 1) key = reader.text();
    else if (reader.number === 2) value = reader.message();
  }
  return { key, value };
}

/** Value { oneof: null = 1, number = 2, string = 3, bool = 4, struct = 5, list = 6 } */
function readValue(message: Buffer, depth: number): StructValue {
  let value: StructValue = null;
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.number === 2) value = reader.double;
    else if (reader.number === 3) value = reader.text();
    else if (reader.number === 4) value = reader.integer !== 0;
    else if (reader.number === 5) value = readStruct(reader.message(), depth + 1);
    else if (reader.number === 6) value = readList(reader.message(), depth + 1);
    else if (reader.number === 1) value = null;
  }
  return value;
}

function readList(message: Buffer, depth: number): StructValue[] {
  if (depth > maxDepth) throw new ProtobufError(`a list nested deeper than ${String(maxDepth)} levels`);
  const values: StructValue[] = [];
  const reader = new FieldReader(message);
  while (reader.next()) if (reader.number === 1) values.push(readValue(reader.message(), depth + 1));
  return values;
}

/** Writes the fields of a Struct; the caller ends the message. */
export function writeStruct(writer: BackwardWriter, struct: StructObject): void {
  for (const [key, value] of Object.entries(struct).toReversed()) {
    const entry = writer.written;
    const end = writer.written;
    writeValue(writer, value);
    writer.nested(2, end);
    writer.text(1, key);
    writer.nested(1, entry);
  }
}

function writeValue(writer: BackwardWriter, value: StructValue): void {
  const end = writer.written;
  if (value === null) writer.integer(1, 0);
  else if (typeof value === 'number') writer.double(2, value);
  else if (typeof value === 'string') writer.text(3, value);
  else if (typeof value === 'boolean') writer.integer(4, value ? 1 : 0);
  else if (isList(value)) {
    for (const item of value.toReversed()) {
      const itemEnd = writer.written;
      writeValue(writer, item);
      writer.nested(1, itemEnd);
    }
    writer.nested(6, end);
  } else {
    writeStruct(writer, value);
    writer.nested(5, end);
  }
}

export function isStructObject(value: StructValue | undefined): value is StructObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: StructObject | readonly StructValue[]): value is readonly StructValue[] {
  return Array.isArray(value);
}
