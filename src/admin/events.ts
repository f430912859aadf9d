import type { ServerResponse } from 'node:http';

/** Something that goes on, told to whoever listens. */
export interface EventSource {
  /** Of the events. */
  readonly name: string;
  /** Returns how to stop. */
  subscribe(listener: (value: unknown) => void): () => void;
}

/** Bytes that wait for a client that reads slowly; beyond them events are left out and counted. */
const maxWaitingBytes = 1024 * 1024;
/** A silent connection is cut by what stands between; a comment shows that it lives. */
const heartbeatMs = 15_000;

/** Server-sent events, until the client leaves or the server closes. A client that reads too slowly gets `dropped` with a count instead of what it missed. */
export function streamEvents(source: EventSource, response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.flushHeaders();
  let dropped = 0;
  const stop = source.subscribe((value) => {
    if (response.writableLength > maxWaitingBytes) {
      dropped += 1;
      return;
    }
    if (dropped > 0) response.write(eventText('dropped', { count: dropped }));
    dropped = 0;
    response.write(eventText(source.name, value));
  });
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) response.write(':\n\n');
  }, heartbeatMs);
  heartbeat.unref();
  response.on('close', () => {
    clearInterval(heartbeat);
    stop();
  });
}

function eventText(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
}
