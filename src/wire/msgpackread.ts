/** Decodes one msgpack value: what KV events are made of. Integers beyond 2^53 become bigints; extensions are refused. */

const maxDepth = 16;

/** @throws Error when the bytes end early or are no msgpack */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  return new Decoder(bytes).value(0);
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): unknown {
    if (depth > maxDepth) throw new Error('msgpack nested too deeply');
    const tag = this.#unsigned(1);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.#array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#unsigned(2 ** (tag - 0xc4)));
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(2 ** (tag - 0xcc));
      case 0xcf:
        return safe(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return safe(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(2 ** (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(tag === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(tag === 0xde ? 2 : 4), depth);
      default:
        throw new Error(`msgpack type 0x${tag.toString(16)} is not supported`);
    }
  }

  #array(length: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let at = 0; at < length; at += 1) items.push(this.value(depth + 1));
    return items;
  }

  #map(length: number, depth: number): Map<unknown, unknown> {
    const items = new Map<unknown, unknown>();
    for (let at = 0; at < length; at += 1) items.set(this.value(depth + 1), this.value(depth + 1));
    return items;
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  #unsigned(size: number): number {
    const start = this.#skip(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  /** Moves on; returns where it was. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new Error('msgpack ends early');
    this.#at = start + length;
    return start;
  }
}

function safe(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
