import { FieldReader, ProtobufError } from '../../wire/protobuf.ts';
import { isObject, type JsonObject } from '../json.ts';

/** The JSON of single protobuf values, as Kubernetes' own types are marshalled. */

/** Decodes a nested message by its name. */
export type DecodeMessage = (name: string, bytes: Buffer) => JsonObject;

const schemaProps = 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** The current field of a reader as the JSON of a type: one of these words, or a message. */
export function decodeValue(type: string, reader: FieldReader, decodeMessage: DecodeMessage): unknown {
  switch (type) {
    case 'string':
      return reader.text();
    case 'bytes':
      return reader.message().toString('base64');
    case 'int':
      return reader.signed();
    case 'bool':
      return reader.signed() !== 0;
    case 'double':
      if (reader.varint || reader.delimited) throw new ProtobufError(`field ${String(reader.number)} is not a double`);
      return reader.double;
    default:
      return decodeNested(type, reader.message(), decodeMessage);
  }
}

/** The JSON of a value that is not on the wire, as in a map entry. */
export function emptyValue(type: string, decodeMessage: DecodeMessage): unknown {
  if (type === 'string' || type === 'bytes') return '';
  if (type === 'int' || type === 'double') return 0;
  return type === 'bool' ? false : decodeNested(type, Buffer.alloc(0), decodeMessage);
}

function decodeNested(type: string, bytes: Buffer, decodeMessage: DecodeMessage): unknown {
  switch (type) {
    case 'quantity':
      return textAt(bytes, 1) ?? '0';
    case 'items':
      return textsAt(bytes, 1);
    case 'json':
      return parseJson(textAt(bytes, 1));
    case 'time':
    case 'microtime':
      return timeOf(bytes, type === 'microtime');
    case 'intOrString':
      return intOrString(bytes);
    case 'schemaOrArray': {
      const schemas = messagesAt(bytes, 2).map((one) => decodeMessage(schemaProps, one));
      return schemas.length > 0 ? schemas : schemaAt(bytes, 1, decodeMessage);
    }
    case 'schemaOrBool':
      return schemaAt(bytes, 2, decodeMessage) ?? integerAt(bytes, 1) !== 0;
    case 'schemaOrStrings': {
      const names = textsAt(bytes, 2);
      return names.length > 0 ? names : schemaAt(bytes, 1, decodeMessage);
    }
    default:
      return decodeMessage(type, bytes);
  }
}

function schemaAt(bytes: Buffer, number: number, decodeMessage: DecodeMessage): JsonObject | null {
  const schema = messagesAt(bytes, number).at(-1);
  return schema === undefined ? null : decodeMessage(schemaProps, schema);
}

/** {1: 0 for an integer and 1 for a string, 2: the integer, 3: the string} */
function intOrString(bytes: Buffer): number | string {
  return integerAt(bytes, 1) === 0 ? integerAt(bytes, 2) : (textAt(bytes, 3) ?? '');
}

/** 9999-12-31T23:59:59Z, the last that RFC 3339 can say; the first is 0001-01-01, Go's zero time, which JSON leaves out. */
const lastSecond = 253_402_300_799;
const zeroSecond = -62_135_596_800;

/** {1: seconds, 2: nanoseconds}; null for the zero time. */
function timeOf(bytes: Buffer, withFraction: boolean): string | null {
  const seconds = integerAt(bytes, 1);
  if (bytes.length === 0 || seconds <= zeroSecond || seconds > lastSecond) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (!withFraction) return `${text}Z`;
  return `${text}.${String(Math.floor(integerAt(bytes, 2) / 1000)).padStart(6, '0')}Z`;
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined || text === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    throw new ProtobufError('a raw value is not JSON');
  }
}

function messagesAt(bytes: Buffer, number: number): Buffer[] {
  const reader = new FieldReader(bytes);
  const found: Buffer[] = [];
  while (reader.next()) if (reader.number === number) found.push(reader.message());
  return found;
}

function textsAt(bytes: Buffer, number: number): string[] {
  const reader = new FieldReader(bytes);
  const found: string[] = [];
  while (reader.next()) if (reader.number === number) found.push(reader.text());
  return found;
}

function textAt(bytes: Buffer, number: number): string | undefined {
  return textsAt(bytes, number).at(-1);
}

function integerAt(bytes: Buffer, number: number): number {
  const reader = new FieldReader(bytes);
  let value = 0;
  while (reader.next()) if (reader.number === number) value = reader.signed();
  return value;
}

/** What encoding/json calls empty, and a message without a field. */
export function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false || value === null;
}
