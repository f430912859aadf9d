import type { ServerResponse } from 'node:http';
import type { Trouble } from './failures.ts';

/** Where the text of an answer goes: to the client, or as a trouble has it. */
export interface Delivery {
  head(headers: Readonly<Record<string, string | number>>): void;
  write(text: string): void;
  end(text: string): void;
}

/** A client that does not read its answer is cut off when this much is waiting for it. */
const maxUnreadBytes = 8 * 1024 * 1024;

export function createDelivery(response: ServerResponse, trouble: Trouble | undefined): Delivery {
  if (trouble === 'stream_cut') return cutShort(response);
  if (trouble === 'slow_drain') return trickle(response);
  return {
    head: (headers) => void response.writeHead(200, { ...headers }),
    write(text) {
      response.write(text);
      if (response.writableLength > maxUnreadBytes) response.destroy();
    },
    end: (text) => void response.end(text),
  };
}

/** The connection breaks in the middle: of a stream's second piece, or of an answer in one piece. */
function cutShort(response: ServerResponse): Delivery {
  let pieces = 0;
  const break_ = (text: string): void => {
    response.write(text.slice(0, Math.ceil(text.length / 2)), () => response.destroy());
  };
  return {
    head: (headers) => void response.writeHead(200, { ...headers }),
    write(text) {
      pieces += 1;
      if (pieces === 1) response.write(text);
      else if (pieces === 2) break_(text);
    },
    end(text) {
      if (pieces < 2) break_(text);
    },
  };
}

const trickleBytes = 16;
const trickleMs = 50;

/** A few bytes at a time, long after they are there. */
function trickle(response: ServerResponse): Delivery {
  let waiting = Buffer.alloc(0);
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    timer = undefined;
    const piece = waiting.subarray(0, trickleBytes);
    waiting = waiting.subarray(trickleBytes);
    if (waiting.length === 0 && ended) response.end(piece);
    else {
      if (piece.length > 0) response.write(piece);
      if (waiting.length > 0) timer = setTimeout(next, trickleMs);
    }
  };
  const add = (text: string): void => {
    waiting = Buffer.concat([waiting, Buffer.from(text)]);
    timer ??= setTimeout(next, trickleMs);
  };
  response.on('close', () => clearTimeout(timer));
  return {
    head: (headers) => void response.writeHead(200, { ...headers }),
    write: add,
    end(text) {
      ended = true;
      add(text);
    },
  };
}
