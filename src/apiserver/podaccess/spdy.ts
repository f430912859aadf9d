import type { EventEmitter } from 'node:events';
import { createDeflate, createInflate, constants } from 'node:zlib';
import { spdyDictionary } from './spdydictionary.ts';

/**
 * The server's side of a SPDY/3.1 session, as far as Kubernetes' port forwarding uses it: streams that the client opens, data both
 * ways, pings. There is no flow control, as its peers have none.
 */
export interface SpdySession {
  /** Bytes from the client. */
  receive(bytes: Buffer): void;
  /** Ends all streams. */
  close(): void;
}

export interface SpdyStream {
  readonly headers: ReadonlyMap<string, string>;
  write(data: Buffer): void;
  /** Nothing more will be written. */
  end(): void;
  reset(): void;
  /** Set by whoever takes the stream, while `onStream` runs. */
  onData: (data: Buffer) => void;
  /** The client writes no more (`end`), or the stream is over (`reset`). */
  onEnd: (how: 'end' | 'reset') => void;
}

export interface SpdyOptions {
  send: (bytes: Buffer) => void;
  /** A new stream; refused when it throws. */
  onStream: (stream: SpdyStream) => void;
  /** The client broke the protocol: the session is over. */
  onError: (message: string) => void;
}

const frames = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const flagFin = 1;
const maxFrameBytes = 1024 * 1024;
const maxStreams = 256;
const maxHeaderBytes = 64 * 1024;

export function createSpdySession({ send, onStream, onError }: SpdyOptions): SpdySession {
  const streams = new Map<number, SpdyStream>();
  const headers = createHeaderCodec();
  let pending: Buffer = Buffer.alloc(0);
  // Header blocks are read one after the other, and what follows a block in the bytes waits for it.
  let work = Promise.resolve();
  let closed = false;

  const fail = (message: string) => {
    if (closed) return;
    close();
    onError(message);
  };
  const close = () => {
    closed = true;
    for (const stream of streams.values()) stream.onEnd('reset');
    streams.clear();
    headers.close();
  };

  const open = async (payload: Buffer, flags: number) => {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const block = await headers.decode(payload.subarray(10));
    if (closed) return;
    if (streams.size >= maxStreams) {
      send(control(frames.rstStream, words(id, 3)));
      return;
    }
    const halves = { ours: true, theirs: (flags & flagFin) === 0 };
    const release = () => {
      if (!halves.ours && !halves.theirs) streams.delete(id);
    };
    const stream: SpdyStream & { finished: () => void } = {
      headers: block,
      write: (data) => {
        if (!halves.ours || closed) return;
        for (let at = 0; at < data.length; at += 32_768) send(dataFrame(id, 0, data.subarray(at, at + 32_768)));
      },
      end: () => {
        if (!halves.ours || closed) return;
        halves.ours = false;
        send(dataFrame(id, flagFin, Buffer.alloc(0)));
        release();
      },
      reset: () => {
        if (!streams.delete(id) || closed) return;
        send(control(frames.rstStream, words(id, 5)));
      },
      finished: () => {
        halves.theirs = false;
        release();
      },
      onData: () => undefined,
      onEnd: () => undefined,
    };
    const reply = await headers.encode();
    if (closed) return;
    try {
      onStream(stream);
    } catch {
      send(control(frames.rstStream, words(id, 3)));
      return;
    }
    streams.set(id, stream);
    finishers.set(stream, stream.finished);
    send(control(frames.synReply, Buffer.concat([words(id), reply])));
  };
  const finishers = new WeakMap<SpdyStream, () => void>();

  const onControl = async (type: number, flags: number, payload: Buffer) => {
    if (type === frames.synStream && payload.length >= 10) await open(payload, flags);
    else if (type === frames.rstStream && payload.length >= 8) {
      const id = payload.readUInt32BE(0) & 0x7fffffff;
      const stream = streams.get(id);
      streams.delete(id);
      stream?.onEnd('reset');
    } else if (type === frames.ping) send(control(frames.ping, payload));
  };
  const onFrame = async (frame: Buffer) => {
    const flags = frame.readUInt8(4);
    const payload = frame.subarray(8);
    const first = frame.readUInt32BE(0);
    if (first >= 0x80000000) {
      await onControl(first & 0xffff, flags, payload);
      return;
    }
    const stream = streams.get(first);
    if (stream === undefined) return;
    if (payload.length > 0) stream.onData(payload);
    if ((flags & flagFin) === 0) return;
    finishers.get(stream)?.();
    stream.onEnd('end');
  };

  return {
    close,
    receive(bytes) {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      while (pending.length >= 8 && !closed) {
        const length = 8 + (pending.readUInt32BE(4) & 0xffffff);
        if (length > maxFrameBytes) {
          fail(`a frame of ${length} bytes is too large`);
          return;
        }
        if (pending.length < length) return;
        const frame = pending.subarray(0, length);
        pending = pending.subarray(length);
        work = work
          .then(async () => (closed ? undefined : onFrame(frame)))
          .catch((error: unknown) => {
            fail(error instanceof Error ? error.message : String(error));
          });
      }
    },
  };
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

function control(type: number, payload: Buffer): Buffer {
  return Buffer.concat([words(0x80030000 + type, payload.length), payload]);
}

function dataFrame(id: number, flags: number, payload: Buffer): Buffer {
  return Buffer.concat([words(id, flags * 0x1000000 + payload.length), payload]);
}

/** One compression context per direction for all header blocks of a session. */
function createHeaderCodec() {
  const inflate = createInflate({ dictionary: spdyDictionary });
  const deflate = createDeflate({ dictionary: spdyDictionary });
  const run = (stream: typeof inflate | typeof deflate, input: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const collect = (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxHeaderBytes) done(new Error('a header block is too large'));
      };
      const done = (error?: Error | null) => {
        stream.off('data', collect);
        stream.off('error', done);
        if (error) reject(error);
        else resolve(Buffer.concat(chunks));
      };
      stream.on('data', collect);
      stream.once('error', done);
      stream.write(input, () => {
        stream.flush(constants.Z_SYNC_FLUSH, () => {
          done();
        });
      });
    });
  // Errors that come while nothing is being run must not end the process.
  for (const stream of [inflate, deflate] as EventEmitter[]) stream.on('error', () => undefined);
  return {
    decode: async (block: Buffer) => parseHeaders(await run(inflate, block)),
    /** A block without headers. */
    encode: () => run(deflate, words(0)),
    close: () => {
      inflate.destroy();
      deflate.destroy();
    },
  };
}

function parseHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = block.readUInt32BE(at);
    const value = block.toString('latin1', at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  const count = block.readUInt32BE(0);
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}
