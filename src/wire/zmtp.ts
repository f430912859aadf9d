/**
 * The wire format of ZMQ: ZMTP 3.0 over TCP with the NULL mechanism (rfc.zeromq.org/spec/23), as much of it as publishing and hearing KV
 * events takes. Both ends send the greeting, then READY, then messages of frames.
 */

/** Longest frame, and longest message, that is accepted. */
const maxMessageBytes = 16 * 1024 * 1024;
const maxFrames = 16;
const greetingBytes = 64;

const more = 0x01;
const long = 0x02;
const command = 0x04;

/** What either end sends first. */
export const greeting = Buffer.alloc(greetingBytes);
greeting[0] = 0xff;
greeting[9] = 0x7f;
greeting[10] = 3;
greeting.write('NULL', 12, 'latin1');

/** The command that says what kind of socket we are. */
export function readyCommand(socketType: 'PUB' | 'SUB' | 'ROUTER'): Buffer {
  const type = Buffer.from(socketType);
  const body = Buffer.from(`\u0005READY\u000bSocket-Type\0\0\0${String.fromCharCode(type.length)}`, 'latin1');
  return Buffer.concat([Buffer.from([command, body.length + type.length]), body, type]);
}

/** One message of these frames. */
export function messageOf(frames: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [at, frame] of frames.entries()) {
    const flags = at < frames.length - 1 ? more : 0;
    if (frame.length <= 255) parts.push(Buffer.from([flags, frame.length]));
    else {
      const head = Buffer.alloc(9);
      head[0] = flags | long;
      head.writeBigUInt64BE(BigInt(frame.length), 1);
      parts.push(head);
    }
    parts.push(frame);
  }
  return Buffer.concat(parts);
}

/** A SUB socket asks for messages whose first frame begins with `topic`. */
export function subscribeMessage(topic: string): Buffer {
  return messageOf([Buffer.from(`\u0001${topic}`)]);
}

/** Cuts a ZMTP stream into messages of frames. */
export class FrameReader {
  /** The peer's greeting was read. */
  greeted = false;
  readonly #onMessage: (frames: readonly Buffer[]) => void;
  readonly #onCommand: (body: Buffer) => void;
  #pending: Buffer[] = [];
  #size = 0;
  #frames: Buffer[] = [];
  #messageBytes = 0;

  /** @param onCommand commands of the peer, READY among them; passed over by default */
  constructor(
    onMessage: (frames: readonly Buffer[]) => void,
    onCommand: (body: Buffer) => void = (): undefined => undefined,
  ) {
    this.#onMessage = onMessage;
    this.#onCommand = onCommand;
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
    const isLong = (flags & long) !== 0;
    if (isLong && head.length < 9) return false;
    const length = isLong ? Number(head.readBigUInt64BE(1)) : (head[1] ?? 0);
    const headBytes = isLong ? 9 : 2;
    if (this.#messageBytes + length > maxMessageBytes) {
      throw new Error(`a message of ${this.#messageBytes + length} bytes is more than ${maxMessageBytes}`);
    }
    if (this.#size < headBytes + length) return false;
    const body = this.#take(headBytes + length).subarray(headBytes);
    if ((flags & command) !== 0) {
      this.#onCommand(body);
      return true;
    }
    this.#frames.push(body);
    this.#messageBytes += length;
    if (this.#frames.length > maxFrames) throw new Error(`more than ${maxFrames} frames in a message`);
    if ((flags & more) !== 0) return true;
    const frames = this.#frames;
    this.#frames = [];
    this.#messageBytes = 0;
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
