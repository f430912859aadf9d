import type { ServerResponse } from 'node:http';
import { responseSink, type AnswerSink } from '../llm/server/eventstream.ts';
import type { Trouble } from './failures.ts';

/** The client gets the answer, or what a trouble makes of it. */
export function createDelivery(response: ServerResponse, trouble: Trouble | undefined): AnswerSink {
  if (trouble === 'stream_cut') return cutShort(response);
  if (trouble === 'slow_drain') return trickle(response);
  return responseSink(response);
}

/** The connection breaks in the middle: of a stream's second piece, or of an answer in one piece. */
function cutShort(response: ServerResponse): AnswerSink {
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
function trickle(response: ServerResponse): AnswerSink {
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
