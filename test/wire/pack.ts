/** Packs values as msgpack, in the widest form of each: no more than tests need. */
export function pack(value: unknown): Buffer {
  if (value === null || value === undefined) return Buffer.from([0xc0]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
    const bytes = Buffer.from([value < 0 ? 0xd3 : 0xcf, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), 1);
    return bytes;
  }
  if (typeof value === 'number') {
    const bytes = Buffer.from([0xcb, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') return Buffer.concat([head(0xdb, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(0xc6, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, value.length), ...value.map(pack)]);
  throw new Error(`cannot pack ${typeof value}`);
}

function head(tag: number, length: number): Buffer {
  const bytes = Buffer.from([tag, 0, 0, 0, 0]);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
