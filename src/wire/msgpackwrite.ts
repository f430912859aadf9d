/** Encodes values as msgpack: what KV events are made of. Whole numbers become integers, byte arrays binaries, plain objects maps. */
export function encodeMsgpack(value: unknown): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: unknown, parts: Uint8Array[]): void {
  if (value === null || value === undefined) parts.push(Buffer.from([0xc0]));
  else if (typeof value === 'boolean') parts.push(Buffer.from([value ? 0xc3 : 0xc2]));
  else if (typeof value === 'number') parts.push(number(value));
  else if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    parts.push(head(0xdb, bytes.length), bytes);
  } else if (value instanceof Uint8Array) parts.push(head(0xc6, value.length), value);
  else if (Array.isArray(value)) {
    parts.push(head(0xdd, value.length));
    for (const item of value) write(item, parts);
  } else if (typeof value === 'object') {
    const entries = Object.entries(value);
    parts.push(head(0xdf, entries.length));
    for (const [key, item] of entries) {
      write(key, parts);
      write(item, parts);
    }
  } else throw new Error(`msgpack has no ${typeof value}`);
}

function number(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 0x80) return Buffer.from([value]);
  const bytes = Buffer.alloc(9);
  if (!Number.isSafeInteger(value)) {
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(value, 1);
  } else if (value >= 0 && value <= 0xffffffff) {
    bytes[0] = 0xce;
    bytes.writeUInt32BE(value, 1);
    return bytes.subarray(0, 5);
  } else {
    bytes[0] = value < 0 ? 0xd3 : 0xcf;
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), 1);
  }
  return bytes;
}

function head(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = tag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
