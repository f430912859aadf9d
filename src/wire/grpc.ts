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

/** Takes the messages of a stream as they arrive. */
export interface MessageSink {
  /** A whole message. */
  message(message: Buffer): void;
  /**
   * Bytes of a message of which `left` more are to come. Whoever answers true at its beginning gets its further bytes here too, until
   * nothing is left, and no `message`; else it is held until it is whole.
   */
  partial?(bytes: Buffer, left: number): boolean;
}

export interface MessageReader {
  /** Takes the next bytes of the stream. Throws GrpcError. */
  push(chunk: Uint8Array): void;
  /** Bytes of an unfinished message that are held. */
  pendingBytes(): number;
}

/**
 * Splits a stream of DATA frames into messages. A message over `maxMessageBytes` is RESOURCE_EXHAUSTED as soon as its prefix
 * is read, so never more than that is buffered; a compressed message is UNIMPLEMENTED (no encoding is offered).
 */
export function createMessageReader(maxMessageBytes: number, sink: MessageSink): MessageReader {
  /** Of an unfinished prefix or message. */
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** Length of the message whose prefix has been read; undefined: a prefix comes next. */
  let length: number | undefined;
  /** Bytes that the sink still has to get of a message that it takes in parts. */
  let left = 0;

  const lengthOf = (prefix: Buffer): number => {
    if (prefix[0] !== 0) throw new GrpcError(GrpcStatus.UNIMPLEMENTED, 'compressed messages are not supported');
    const found = prefix.readUInt32BE(1);
    if (found > maxMessageBytes) {
      throw new GrpcError(
        GrpcStatus.RESOURCE_EXHAUSTED,
        `message of ${String(found)} bytes is larger than the limit of ${String(maxMessageBytes)}`,
      );
    }
    return found;
  };
  const pushPart = (bytes: Buffer): void => {
    left -= bytes.length;
    sink.partial?.(bytes, left);
  };

  return {
    push(chunk) {
      let rest = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      for (;;) {
        if (left > 0) {
          const taken = Math.min(left, rest.length);
          if (taken > 0) pushPart(rest.subarray(0, taken));
          rest = rest.subarray(taken);
          if (left > 0) return;
        }
        const wanted = length ?? prefixBytes;
        if (heldBytes + rest.length < wanted) break;
        const taken = wanted - heldBytes;
        const part = held.length === 0 ? rest.subarray(0, taken) : Buffer.concat([...held, rest.subarray(0, taken)]);
        rest = rest.subarray(taken);
        if (heldBytes > 0) {
          held = [];
          heldBytes = 0;
        }
        if (length === undefined) {
          length = lengthOf(part);
        } else {
          length = undefined;
          sink.message(part);
        }
      }
      if (rest.length === 0) return;
      // Only of a message's very beginning can its kind be seen.
      if (length !== undefined && heldBytes === 0 && sink.partial?.(rest, length - rest.length) === true) {
        left = length - rest.length;
        length = undefined;
        return;
      }
      held.push(rest);
      heldBytes += rest.length;
    },
    pendingBytes: () => left + heldBytes + (length === undefined ? 0 : prefixBytes),
  };
}

export interface FrameReader {
  /** Takes the next bytes of the stream and returns the messages they complete. Throws GrpcError. */
  push(chunk: Uint8Array): Buffer[];
  /** Bytes of an unfinished message that are held. */
  pendingBytes(): number;
}

/** As `createMessageReader`, for who wants the messages of a chunk as a list. */
export function createFrameReader(maxMessageBytes: number): FrameReader {
  let messages: Buffer[] = [];
  const reader = createMessageReader(maxMessageBytes, { message: (message) => void messages.push(message) });
  return {
    push(chunk) {
      messages = [];
      reader.push(chunk);
      return messages;
    },
    pendingBytes: () => reader.pendingBytes(),
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
