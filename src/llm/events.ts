/** Server-sent events (HTML standard 9.2) as their bytes arrive, split anywhere: also inside a character or a line break. */

export interface ServerSentEvent {
  /** Its `event` field; '' without one. */
  readonly name: string;
  /** Its `data` lines. */
  readonly data: string;
}

/** A longer event is none that a model server sends. */
const maxEventBytes = 16 * 1024 * 1024;
const none = Buffer.alloc(0);

export class EventReader {
  #rest: Buffer = none;

  /** The events that have come whole. @throws Error for one that is too long */
  push(chunk: Buffer): ServerSentEvent[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const events: ServerSentEvent[] = [];
    for (let end = endOfEvent(bytes); end !== undefined; end = endOfEvent(bytes)) {
      const event = parseEvent(bytes.toString('utf8', 0, end.at));
      if (event !== undefined) events.push(event);
      bytes = bytes.subarray(end.next);
    }
    if (bytes.length > maxEventBytes) throw new Error(`an event is longer than ${maxEventBytes} bytes`);
    this.#rest = bytes;
    return events;
  }

  /** At the end of the stream: the last event may lack its blank line. */
  end(): ServerSentEvent[] {
    const event = parseEvent(this.#rest.toString());
    this.#rest = none;
    return event === undefined ? [] : [event];
  }
}

const lf = 0x0a;
const cr = 0x0d;

/** Where the first event ends and the next begins; a last CR waits, as a LF may follow it. */
function endOfEvent(bytes: Buffer): { at: number; next: number } | undefined {
  let lineStart = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte !== lf && byte !== cr) continue;
    if (byte === cr && at + 1 === bytes.length) return undefined;
    const next = byte === cr && bytes[at + 1] === lf ? at + 2 : at + 1;
    if (at === lineStart) return { at, next };
    lineStart = next;
    at = next - 1;
  }
  return undefined;
}

function parseEvent(text: string): ServerSentEvent | undefined {
  let name = '';
  const data: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { name, data: data.join('\n') };
}
