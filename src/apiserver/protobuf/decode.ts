import { FieldReader, ProtobufError } from '../../wire/protobuf.ts';
import { isObject, type JsonObject } from '../json.ts';
import { badRequest } from '../status.ts';
import { messageNamed, messageOfKind, type Message } from './messages.ts';
import { decodeValue, emptyValue, isZero, type DecodeMessage } from './values.ts';

/**
 * Bodies in Kubernetes' protobuf encoding, which `kubectl create` and client-go's typed clients send for built-in kinds.
 * Answers are always JSON, which those clients accept. Fields that a newer client knows and this server does not are skipped,
 * as kube-apiserver does.
 */
export function decodeProtobuf(body: Uint8Array): JsonObject {
  try {
    return decodeEnvelope(Buffer.from(body.buffer, body.byteOffset, body.length));
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`the body is not valid Kubernetes protobuf: ${error.message}`);
  }
}

const magic = Buffer.from('k8s\0');

/** `k8s\0`, then runtime.Unknown {1: typeMeta {1: apiVersion, 2: kind}, 2: raw}. */
function decodeEnvelope(body: Buffer): JsonObject {
  if (!magic.equals(body.subarray(0, magic.length))) throw new ProtobufError('it does not begin with "k8s"');
  const unknown = new FieldReader(body.subarray(magic.length));
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  while (unknown.next()) {
    if (unknown.number === 2) raw = unknown.message();
    if (unknown.number !== 1) continue;
    const typeMeta = new FieldReader(unknown.message());
    while (typeMeta.next()) {
      if (typeMeta.number === 1) apiVersion = typeMeta.text();
      if (typeMeta.number === 2) kind = typeMeta.text();
    }
  }
  return { apiVersion, kind, ...decodeMessage(messageOfKind(apiVersion, kind), raw) };
}

/** Deeper than any type of Kubernetes nests, schemas in CustomResourceDefinitions included; bounds the stack. */
const maxDepth = 200;

function decodeMessage(message: Message, bytes: Buffer, depth = 0): JsonObject {
  if (depth > maxDepth) throw new ProtobufError(`messages are nested more than ${String(maxDepth)} deep`);
  const below: DecodeMessage = (name, nested) => decodeMessage(messageNamed(name), nested, depth + 1);
  const result: JsonObject = {};
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    const field = message.get(reader.number);
    if (field === undefined) continue;
    const { name, type } = field;
    if (field.form === 'inline') Object.assign(result, below(type, reader.message()));
    else if (field.form === 'list') listIn(result, name).push(decodeValue(type, reader, below));
    else if (field.form === 'map') setEntry(mapIn(result, name), type, reader.message(), below);
    else {
      const value = decodeValue(type, reader, below);
      if (!field.omitEmpty || !isZero(value)) result[name] = value;
    }
  }
  return result;
}

function listIn(result: JsonObject, name: string): unknown[] {
  const found = result[name];
  if (Array.isArray(found)) return found;
  const list: unknown[] = [];
  result[name] = list;
  return list;
}

function mapIn(result: JsonObject, name: string): JsonObject {
  const found = result[name];
  if (isObject(found)) return found;
  const map: JsonObject = {};
  result[name] = map;
  return map;
}

/** Map entries are messages {1: key, 2: value}. A key is any string, so it is defined rather than assigned: think of `__proto__`. */
function setEntry(map: JsonObject, type: string, entry: Buffer, below: DecodeMessage): void {
  const reader = new FieldReader(entry);
  let key = '';
  let value = emptyValue(type, below);
  while (reader.next()) {
    if (reader.number === 1) key = reader.text();
    if (reader.number === 2) value = decodeValue(type, reader, below);
  }
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}
