/**
 * A ZMQ SUB socket that connects: ZMTP 3.0 over TCP with the NULL mechanism (rfc.zeromq.org/spec/23), as much of it as reading vLLM's KV
 * events takes. Binding is not supported: publishers that dial a central subscriber need a broker.
 */
import { connect, type Socket } from 'node:net';
import type { Log } from '../../telemetry/log.ts';
import type { KvEventSource, KvMessage } from './events.ts';

const reconnectMs = 5_000;
const maxFrameBytes = 16 * 1024 * 1024;
const greetingBytes = 64;

const greeting = Buffer.alloc(greetingBytes);
greeting[0] = 0xff;
greeting[9] = 0x7f;
greeting[10] = 3;
greeting.write('NULL', 12, 'latin1');

/** A READY command that says we are a SUB socket. */
const ready = commandFrame(
  Buffer.concat([Buffer.from('\u0005READY\u000bSocket-Type', 'latin1'), Buffer.from([0, 0, 0, 3]), Buffer.from('SUB')]),
);

function commandFrame(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x04, body.length]), body]);
}

export function createZmqSource(log: Log): KvEventSource {
  return {
    subscribe(topic, onMessage) {
      const peers = new Map<string, { close(): void }>();
      return {
        connect(urls) {
          for (const [url, peer] of peers) {
            if (urls.includes(url)) continue;
            peer.close();
            peers.delete(url);
          }
          for (const url of urls) if (!peers.has(url)) peers.set(url, openPeer(url, topic, onMessage, log));
        },
        bind(url) {
          log.error({ url }, 'cannot take KV events: binding a ZMQ endpoint is not supported, discoverPods is');
        },
        close() {
          for (const peer of peers.values()) peer.close();
          peers.clear();
        },
      };
    },
  };
}

/** Stays connected to one publisher until it is closed. */
function openPeer(url: string, topic: string, onMessage: (message: KvMessage) => void, log: Log): { close(): void } {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  let socket: Socket | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const open = (): void => {
    const reader = new FrameReader((frames) => {
      const [name, , payload] = frames;
      if (name !== undefined && payload !== undefined) onMessage({ topic: name.toString(), from: host, payload });
    });
    const opened = connect({ host, port: Number(port) });
    socket = opened;
    opened.setKeepAlive(true, 30_000);
    opened.write(greeting);
    let subscribed = false;
    opened.on('data', (chunk) => {
      try {
        reader.push(chunk);
      } catch (error) {
        opened.destroy(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (subscribed || !reader.greeted) return;
      subscribed = true;
      const filter = Buffer.from(`\u0001${topic}`);
      opened.write(Buffer.concat([ready, Buffer.from([0x00, filter.length]), filter]));
    });
    opened.on('error', (error) => {
      log.debug({ url, reason: error.message }, 'KV events connection failed');
    });
    opened.on('close', () => {
      if (closed) return;
      retry = setTimeout(open, reconnectMs);
      retry.unref();
    });
  };
  open();
  return {
    close() {
      closed = true;
      clearTimeout(retry);
      socket?.destroy();
    },
  };
}

/** Cuts a ZMTP stream into messages of frames; commands are passed over. */
export class FrameReader {
  /** The peer's greeting was read. */
  greeted = false;
  readonly #onMessage: (frames: readonly Buffer[]) => void;
  #pending: Buffer[] = [];
  #size = 0;
  #frames: Buffer[] = [];

  constructor(onMessage: (frames: readonly Buffer[]) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws Error when the peer does not speak ZMTP 3 without security, or sends too much */
  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#size += chunk.length;
    if (!this.greeted && !this.#readGreeting()) return;
    while (this.#readFrame());
  }

  #readGreeting(): boolean {
    if (this.#size < greetingBytes) return false;
    const bytes = this.#take(greetingBytes);
    const mechanism = bytes.toString('latin1', 12, 32).replaceAll('\0', '');
    if (bytes[0] !== 0xff || (bytes[9] ?? 0) !== 0x7f || (bytes[10] ?? 0) < 3 || mechanism !== 'NULL') {
      throw new Error('the peer does not speak ZMTP 3 with the NULL mechanism');
    }
    this.greeted = true;
    return true;
  }

  #readFrame(): boolean {
    if (this.#size < 2) return false;
    const head = this.#peek(Math.min(9, this.#size));
    const flags = head[0] ?? 0;
    const isLong = (flags & 0x02) !== 0;
    if (isLong && head.length < 9) return false;
    const length = isLong ? Number(head.readBigUInt64BE(1)) : (head[1] ?? 0);
    const headBytes = isLong ? 9 : 2;
    if (length > maxFrameBytes) throw new Error(`a frame of ${length} bytes is more than ${maxFrameBytes}`);
    if (this.#size < headBytes + length) return false;
    const body = this.#take(headBytes + length).subarray(headBytes);
    if ((flags & 0x04) !== 0) return true;
    this.#frames.push(body);
    if (this.#frames.length > 16) throw new Error('more than 16 frames in a message');
    if ((flags & 0x01) !== 0) return true;
    const frames = this.#frames;
    this.#frames = [];
    this.#onMessage(frames);
    return true;
  }

  #peek(length: number): Buffer {
    const [first] = this.#pending;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const whole = Buffer.concat(this.#pending, this.#size);
    this.#pending = [whole];
    return whole.subarray(0, length);
  }

  #take(length: number): Buffer {
    const taken = this.#peek(length);
    const rest = this.#pending[0]?.subarray(length);
    this.#pending.shift();
    if (rest !== undefined && rest.length > 0) this.#pending.unshift(rest);
    this.#size -= length;
    return taken;
  }
}
