import { readFileSync } from 'node:fs';
import { ProtobufError, readFields, type Field } from '../../wire/protobuf.ts';
import { isObject, type JsonObject } from '../json.ts';
import { badRequest } from '../status.ts';

/**
 * Bodies in Kubernetes' protobuf encoding, which `kubectl create` and client-go's typed clients send for built-in kinds.
 * Answers are always JSON, which those clients accept. `messages.json` has, per message and field number, the JSON name and
 * type of each field of k8s.io/api v0.32 (Apache-2.0): `[]` a list, `{}` a map, `^` inlined into its parent, `?` left out of
 * JSON when it is the zero value.
 */
export function decodeProtobuf(body: Uint8Array): JsonObject {
  try {
    return decodeEnvelope(body);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`the body is not valid Kubernetes protobuf: ${error.message}`);
  }
}

type Message = Readonly<Record<string, readonly [name: string, type: string]>>;

let messages: Readonly<Record<string, Message>> | undefined;

function messageOf(name: string): Message {
  messages ??= JSON.parse(readFileSync(new URL('messages.json', import.meta.url), 'utf8')) as Record<string, Message>;
  const message = messages[name];
  if (message === undefined) throw badRequest(`protobuf bodies of ${name} are not supported: send JSON`);
  return message;
}

/** `k8s\0`, then runtime.Unknown {typeMeta {apiVersion, kind}, raw}. */
const magic = Buffer.from('k8s\0');

function decodeEnvelope(body: Uint8Array): JsonObject {
  if (!magic.equals(body.subarray(0, magic.length))) throw new ProtobufError('it does not begin with "k8s"');
  const unknown = readFields(body.subarray(magic.length));
  const typeMeta = readFields(bytesOf(unknown.find(({ number }) => number === 1)));
  const apiVersion = textOf(typeMeta.find(({ number }) => number === 1));
  const kind = textOf(typeMeta.find(({ number }) => number === 2));
  const group = apiVersion.includes('/') ? apiVersion.replace('/', '.') : `core.${apiVersion}`;
  const raw = bytesOf(unknown.find(({ number }) => number === 2));
  const name = kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : `${group}.${kind}`;
  return { apiVersion, kind, ...decodeMessage(messageOf(name), raw) };
}

function decodeMessage(message: Message, bytes: Uint8Array): JsonObject {
  const result: JsonObject = {};
  for (const field of readFields(bytes)) {
    const known = message[String(field.number)];
    if (known === undefined) throw new ProtobufError(`unknown field number ${field.number}: send JSON`);
    const [name, flagged] = known;
    const type = flagged.replace(/[?^]$/, '');
    if (flagged.endsWith('^')) Object.assign(result, decodeMessage(messageOf(type), bytesOf(field)));
    else if (type.startsWith('[]')) listIn(result, name).push(decodeValue(type.slice(2), field));
    else if (type.startsWith('{}')) addEntry(result, name, type.slice(2), field);
    else {
      const value = decodeValue(type, field);
      if (!flagged.endsWith('?') || !isZero(value)) result[name] = value;
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

function addEntry(result: JsonObject, name: string, type: string, field: Field): void {
  const entry = readFields(bytesOf(field));
  const value = entry.find(({ number }) => number === 2);
  const key = textOf(entry.find(({ number }) => number === 1));
  const found = result[name];
  const map = isObject(found) ? found : {};
  result[name] = { ...map, [key]: value === undefined ? '' : decodeValue(type, value) };
}

function decodeValue(type: string, field: Field): unknown {
  switch (type) {
    case 'string':
      return textOf(field);
    case 'bytes':
      return Buffer.from(bytesOf(field)).toString('base64');
    case 'int':
      return integerOf(field);
    case 'bool':
      return integerOf(field) !== 0;
    case 'quantity':
      return textOf(readFields(bytesOf(field)).find(({ number }) => number === 1));
    case 'items':
      return readFields(bytesOf(field)).map((item) => textOf(item));
    case 'time':
    case 'microtime':
      return timeOf(readFields(bytesOf(field)), type === 'microtime');
    case 'intOrString': {
      const parts = readFields(bytesOf(field));
      const part = (number: number) => parts.find((one) => one.number === number);
      return integerOf(part(1)) === 0 ? integerOf(part(2)) : textOf(part(3));
    }
    default:
      return decodeMessage(messageOf(type), bytesOf(field));
  }
}

/** null for the zero time, which JSON leaves out. */
function timeOf(fields: readonly Field[], withFraction: boolean): string | null {
  const seconds = integerOf(fields.find(({ number }) => number === 1));
  const nanos = integerOf(fields.find(({ number }) => number === 2));
  if (fields.length === 0 || seconds > 253_402_300_799) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return withFraction ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return (
    value === '' ||
    value === 0 ||
    value === false ||
    value === null ||
    (isObject(value) && Object.keys(value).length === 0)
  );
}

function bytesOf(field: Field | undefined): Uint8Array {
  if (field === undefined) return new Uint8Array();
  if (typeof field.value === 'number') throw new ProtobufError(`field ${field.number} is not length-delimited`);
  return field.value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function textOf(field: Field | undefined): string {
  try {
    return utf8.decode(bytesOf(field));
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    throw new ProtobufError('a string is not valid UTF-8');
  }
}

function integerOf(field: Field | undefined): number {
  if (field === undefined) return 0;
  if (typeof field.value !== 'number') throw new ProtobufError(`field ${field.number} is not an integer`);
  // Negative numbers are 64-bit two's complement, whose low bits are lost on the way here.
  if (field.value > Number.MAX_SAFE_INTEGER)
    throw new ProtobufError(`field ${field.number} is negative or too large: send JSON`);
  return field.value;
}
