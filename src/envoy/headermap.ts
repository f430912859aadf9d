import { FieldReader, type BackwardWriter } from '../wire/protobuf.ts';

/** Headers as the other side sees them: names are lower-case, pseudo headers (`:path`) included. */
export interface HeaderView {
  /** Value of a header by its lower-case name; of repeated ones the first. */
  get(name: string): string | undefined;
  entries(): Iterable<readonly [name: string, value: string]>;
}

/**
 * envoy.config.core.v3.HeaderMap { repeated HeaderValue { key = 1, value = 2, raw_value = 3 } headers = 1 }. Current proxies send
 * `raw_value`, older ones `value`. Few of a request's headers are ever asked for, so they are decoded when they are.
 */
export class WireHeaders implements HeaderView {
  readonly #message: Buffer;

  /** @param message kept, not copied */
  constructor(message: Buffer) {
    this.#message = message;
  }

  get(name: string): string | undefined {
    const reader = new FieldReader(this.#message);
    while (reader.next()) {
      if (reader.number !== 1) continue;
      const header = reader.message();
      if (hasKey(header, name)) return valueOf(header);
    }
    return undefined;
  }

  *entries(): Generator<readonly [name: string, value: string]> {
    const reader = new FieldReader(this.#message);
    while (reader.next()) {
      if (reader.number !== 1) continue;
      const header = reader.message();
      yield [keyOf(header), valueOf(header)];
    }
  }
}

/** True when the header's key is `name`; the key comes first in every writer's output, but need not. */
function hasKey(header: Buffer, name: string): boolean {
  const length = header[1];
  if (header[0] === 0x0a && length !== undefined && length < 0x80) {
    if (length !== name.length) return false;
    for (let at = 0; at < length; at += 1) if (header[at + 2] !== name.charCodeAt(at)) return false;
    return header.length >= length + 2;
  }
  return keyOf(header) === name;
}

function keyOf(header: Buffer): string {
  const reader = new FieldReader(header);
  let key = '';
  while (reader.next()) if (reader.number === 1) key = reader.message().toString('latin1');
  return key;
}

function valueOf(header: Buffer): string {
  const reader = new FieldReader(header);
  let value = '';
  let raw: string | undefined;
  while (reader.next()) {
    if (reader.number === 2) value = reader.message().toString();
    else if (reader.number === 3 && reader.message().length > 0) raw = reader.bytes.toString();
  }
  return raw ?? value;
}

/** Headers from pairs, for the side that sends them. */
export function headerView(pairs: Iterable<readonly [name: string, value: string]>): HeaderView {
  const list = [...pairs];
  return {
    get: (name) => list.find(([key]) => key === name)?.[1],
    entries: () => list,
  };
}

/** Writes a HeaderMap's fields; the caller ends the message. */
export function writeHeaderMap(writer: BackwardWriter, headers: HeaderView): void {
  for (const [name, value] of [...headers.entries()].toReversed()) writeHeader(writer, 1, name, value);
}

/** A HeaderValue as field `number`, with its value in `raw_value`. */
export function writeHeader(writer: BackwardWriter, number: number, name: string, value: string): void {
  const end = writer.written;
  writer.text(3, value);
  writer.text(1, name);
  writer.nested(number, end);
}

/** Key and value of a HeaderValue. */
export function readHeader(header: Buffer): { name: string; value: string } {
  return { name: keyOf(header).toLowerCase(), value: valueOf(header) };
}
