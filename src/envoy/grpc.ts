/**
 * gRPC over HTTP/2 on the wire, for both ends: message framing, status codes, and the `grpc-timeout` and `grpc-message` header
 * encodings (grpc/doc/PROTOCOL-HTTP2.md).
 */

export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** A call that ends with a status other than OK. */
export class GrpcError extends Error {
  override name = 'GrpcError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Messages above this size are refused unless a server or client is told otherwise (the gRPC default). */
export const defaultMaxMessageBytes = 4 * 1024 * 1024;

const prefixBytes = 5;

/** Puts the 5-byte prefix (not compressed, big-endian length) before a message. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

export interface FrameReader {
  /** Takes the next bytes of the stream and returns the messages they complete. Throws GrpcError. */
  push(chunk: Uint8Array): Buffer[];
  /** Bytes of an unfinished message that are held. */
  pendingBytes(): number;
}

/**
 * Splits a stream of DATA frames into messages. A message over `maxMessageBytes` is RESOURCE_EXHAUSTED as soon as its prefix
 * is read, so never more than that is buffered; a compressed message is UNIMPLEMENTED (no encoding is offered).
 */
export function createFrameReader(maxMessageBytes: number): FrameReader {
  let chunks: Uint8Array[] = [];
  let held = 0;
  let wanted = prefixBytes;
  let inMessage = false;

  const take = (bytes: number): Buffer => {
    const [only] = chunks;
    const all =
      only !== undefined && chunks.length === 1
        ? Buffer.from(only.buffer, only.byteOffset, only.length)
        : Buffer.concat(chunks, held);
    chunks = held > bytes ? [all.subarray(bytes)] : [];
    held -= bytes;
    return all.subarray(0, bytes);
  };

  const readPrefix = (prefix: Buffer): void => {
    if (prefix[0] !== 0) throw new GrpcError(GrpcStatus.UNIMPLEMENTED, 'compressed messages are not supported');
    const length = prefix.readUInt32BE(1);
    if (length > maxMessageBytes) {
      throw new GrpcError(
        GrpcStatus.RESOURCE_EXHAUSTED,
        `message of ${String(length)} bytes is larger than the limit of ${String(maxMessageBytes)}`,
      );
    }
    wanted = length;
    inMessage = true;
  };

  return {
    push(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      const messages: Buffer[] = [];
      while (held >= wanted) {
        const part = take(wanted);
        if (!inMessage) {
          readPrefix(part);
        } else {
          messages.push(part);
          inMessage = false;
          wanted = prefixBytes;
        }
      }
      return messages;
    },
    pendingBytes: () => held + (inMessage ? prefixBytes : 0),
  };
}

const timeoutUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header (`100m`, `2S`); undefined when it is malformed. */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const unit = timeoutUnits[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** A `grpc-timeout` value of whole milliseconds, at most eight digits as the protocol allows. */
export function formatGrpcTimeout(ms: number): string {
  return `${String(Math.min(99_999_999, Math.max(1, Math.ceil(ms))))}m`;
}

/** Percent-encodes everything but printable ASCII, and `%`, as `grpc-message` requires. */
export function encodeGrpcMessage(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Decodes a `grpc-message`; text that is not valid percent-encoding is returned as it is. */
export function decodeGrpcMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
