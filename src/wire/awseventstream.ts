import { crc32 } from 'node:zlib';

/** AWS event stream frames (application/vnd.amazon.eventstream), as Bedrock's streaming answers use them. */

const stringHeaderType = 7;

/** One frame: prelude with lengths and its CRC, string headers, payload, CRC of it all. */
export function eventStreamFrame(headers: Readonly<Record<string, string>>, payload: Uint8Array): Buffer {
  const encoded = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const nameBytes = Buffer.from(name);
      const valueBytes = Buffer.from(value);
      const lengths = Buffer.from([stringHeaderType, valueBytes.length >> 8, valueBytes.length & 0xff]);
      return Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, lengths, valueBytes]);
    }),
  );
  const total = 16 + encoded.length + payload.length;
  const out = Buffer.alloc(total);
  out.writeUInt32BE(total, 0);
  out.writeUInt32BE(encoded.length, 4);
  out.writeUInt32BE(crc32(out.subarray(0, 8)), 8);
  out.set(encoded, 12);
  out.set(payload, 12 + encoded.length);
  out.writeUInt32BE(crc32(out.subarray(0, total - 4)), total - 4);
  return out;
}
