import { readFileSync } from 'node:fs';
import { badRequest } from '../status.ts';

/**
 * What the protobuf messages of Kubernetes' own kinds look like. `messages.json` is made by tools/protobuf-messages from the
 * descriptors that Kubernetes publishes (Apache-2.0); it is read when the first protobuf body comes.
 */

/** The fields of a message by number. */
export type Message = ReadonlyMap<number, MessageField>;

export interface MessageField {
  /** The name in JSON. */
  name: string;
  /** A word of values.ts or the name of a message. */
  type: string;
  /** `inline`: its fields are those of the message it is in. */
  form: 'one' | 'list' | 'map' | 'inline';
  /** JSON leaves the zero value out. */
  omitEmpty: boolean;
}

interface Table {
  /** Message of `<apiVersion> <kind>`. */
  kinds: Readonly<Record<string, string>>;
  messages: Readonly<Record<string, Readonly<Record<string, readonly [name: string, type: string]>>>>;
}

let table: Table | undefined;
const parsed = new Map<string, Message>();

function loadTable(): Table {
  // The file is generated and checked in CI, so its shape is known.
  table ??= JSON.parse(readFileSync(new URL('messages.json', import.meta.url), 'utf8')) as Table;
  return table;
}

export function messageOfKind(apiVersion: string, kind: string): Message {
  // DeleteOptions are the same whatever they are sent to, custom resources included.
  const name = loadTable().kinds[kind === 'DeleteOptions' ? 'v1 DeleteOptions' : `${apiVersion} ${kind}`];
  if (name === undefined) throw badRequest(`protobuf bodies of ${apiVersion} ${kind} are not supported: send JSON`);
  return messageNamed(name);
}

export function messageNamed(name: string): Message {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const fields = loadTable().messages[name];
  if (fields === undefined) throw new Error(`messages.json has no message ${name}`);
  const message = new Map(Object.entries(fields).map(([number, field]) => [Number(number), parseField(field)]));
  parsed.set(name, message);
  return message;
}

/** `[]` before a type is a list, `{}` a map; `^` after it means inlined, `?` left out of JSON when zero. */
function parseField([name, written]: readonly [string, string]): MessageField {
  const [, prefix, type = '', flag] = /^(\[\]|\{\})?(.*?)([?^])?$/.exec(written) ?? [];
  const form = flag === '^' ? 'inline' : prefix === '[]' ? 'list' : prefix === '{}' ? 'map' : 'one';
  return { name, type, form, omitEmpty: flag === '?' };
}
