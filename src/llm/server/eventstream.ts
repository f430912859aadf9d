import type { ServerResponse } from 'node:http';
import type { AnswerHead, AnswerShape, Usage } from './answers.ts';

/** Where the text of an answer goes. */
export interface AnswerSink {
  head(headers: Readonly<Record<string, string | number>>): void;
  write(text: string): void;
  end(text: string): void;
}

/** A client that does not read its answer is cut off when this much is waiting for it. */
const maxUnreadBytes = 8 * 1024 * 1024;

export function responseSink(response: ServerResponse): AnswerSink {
  return {
    head: (headers) => void response.writeHead(200, { ...headers }),
    write(text) {
      response.write(text);
      if (response.writableLength > maxUnreadBytes) response.destroy();
    },
    end: (text) => void response.end(text),
  };
}

export interface EventStream {
  /** One event for each piece of text. */
  write(pieces: readonly string[]): void;
  close(finishReason: string, usage: Usage | undefined): void;
}

/** Server-sent events; the head goes out with the first token, so that a client can tell waiting from answering. */
export function createEventStream(sink: AnswerSink, head: AnswerHead, shape: AnswerShape): EventStream {
  let opened = false;
  const send = (...events: unknown[]): string => {
    const all = opened ? events : [shape.opening(head), ...events];
    if (!opened) sink.head({ 'content-type': 'text/event-stream; charset=utf-8' });
    opened = true;
    return all.flatMap((event) => (event === undefined ? [] : `data: ${JSON.stringify(event)}\n\n`)).join('');
  };
  return {
    write(pieces) {
      sink.write(send(...pieces.map((piece) => shape.chunk(head, piece))));
    },
    close(finishReason, usage) {
      const last = usage === undefined ? undefined : shape.usage(head, usage);
      sink.end(`${send(shape.closing(head, finishReason), last)}data: [DONE]\n\n`);
    },
  };
}

/** The answer in one piece. */
export function sendWhole(sink: AnswerSink, answer: unknown): void {
  const text = JSON.stringify(answer);
  sink.head({ 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  sink.end(text);
}
