import type { ServerResponse } from 'node:http';

/** Sending bytes no faster than the client reads them. Pieces are shared between clients, so waiting ones cost next to nothing. */

/** One write of this size becomes one system call. */
const chunkBytes = 64 * 1024;
/**
 * What one watcher is sent at a time fits into one TLS record with its HTTP framing: a connection keeps buffers as large as its largest
 * write for as long as it lives, and a watcher's lives long.
 */
const watchChunkBytes = 16_000;
/** A list that has not been read after this time is cut off. */
const listDeadlineMs = 300_000;

/** Answers with the pieces, one after the other. */
export function sendAll(response: ServerResponse, pieces: readonly Buffer[]): void {
  let next = 0;
  const pump = (): void => {
    while (next < pieces.length) {
      const [chunk, after] = chunkFrom(pieces, next, chunkBytes, joinOf);
      next = after;
      if (!response.write(chunk)) {
        response.once('drain', pump);
        return;
      }
    }
    response.end();
  };
  const deadline = setTimeout(() => response.destroy(), listDeadlineMs);
  response.once('close', () => {
    clearTimeout(deadline);
  });
  pump();
}

/** Pieces from an index on as one chunk, and the index after it. A large piece is not copied. */
function chunkFrom(pieces: readonly Buffer[], start: number, maxBytes: number, join: typeof joinOf): [Buffer, number] {
  let end = start;
  let size = 0;
  do {
    size += pieces[end]?.length ?? 0;
    end += 1;
  } while (end < pieces.length && size + (pieces[end]?.length ?? 0) <= maxBytes);
  return [join(pieces.slice(start, end)), end];
}

function joinOf(pieces: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0), ...others] = pieces;
  return others.length === 0 ? first : Buffer.concat(pieces);
}

/** By the first line, which is no longer held once all watchers have been sent it. */
const joinedLines = new WeakMap<Buffer, { lines: readonly Buffer[]; joined: Buffer }>();

/** Watchers that are sent the same lines share one copy of them. */
function joinShared(lines: readonly Buffer[]): Buffer {
  const [first] = lines;
  const known = first === undefined ? undefined : joinedLines.get(first);
  if (known?.lines.length === lines.length && known.lines.every((line, index) => line === lines[index])) {
    return known.joined;
  }
  const joined = joinOf(lines);
  if (first !== undefined && lines.length > 1) joinedLines.set(first, { lines, joined });
  return joined;
}

/** The lines of one watch: first those of `initial`, made as the client reads them, then those of what happens. */
export interface Delivery {
  /** Sends the line it makes, if any. A line that cannot be made ends the watch: a gap would go unnoticed. */
  attempt(make: () => Buffer | undefined): void;
  /** Ends the answer after what has been sent so far. */
  end(): void;
}

export interface DeliveryLimits {
  /** Bytes of events that may wait for the client. */
  maxWaitingBytes: number;
  /** Told when a client reads too slowly; it is then cut off. */
  onOverflow: () => void;
  onError: (error: unknown) => void;
}

/** After its end, a client that does not take the last bytes is disconnected. */
const endGraceMs = 10_000;

export function startDelivery(response: ServerResponse, initial: Iterator<Buffer>, limits: DeliveryLimits): Delivery {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let writing = false;
  let ended = false;
  let scheduled = false;

  const nextInitial = (): Buffer | undefined => {
    const lines: Buffer[] = [];
    for (let size = 0; size < watchChunkBytes;) {
      const next = initial.next();
      if (next.done === true) break;
      lines.push(next.value);
      size += next.value.length;
    }
    return lines.length === 0 ? undefined : Buffer.concat(lines);
  };
  const nextWaiting = (): Buffer | undefined => {
    if (waiting.length === 0) return undefined;
    const [chunk, after] = chunkFrom(waiting, 0, watchChunkBytes, joinShared);
    waiting = after === waiting.length ? [] : waiting.slice(after);
    waitingBytes -= chunk.length;
    return chunk;
  };
  const fail = (error: unknown): void => {
    limits.onError(error);
    response.destroy();
  };
  const write = (): void => {
    if (writing || response.destroyed || response.writableEnded) return;
    const chunk = nextInitial() ?? nextWaiting();
    if (chunk !== undefined) {
      writing = true;
      response.write(chunk, written);
    } else if (ended) response.end();
  };
  const pump = (): void => {
    scheduled = false;
    try {
      write();
    } catch (error) {
      fail(error);
    }
  };
  // One after the other: node:http would join what waits in it for each watcher anew.
  const written = (): void => {
    writing = false;
    pump();
  };
  // Events of one transaction leave together.
  const schedule = (): void => {
    if (scheduled || writing) return;
    scheduled = true;
    process.nextTick(pump);
  };
  const end = (): void => {
    if (ended) return;
    ended = true;
    const grace = setTimeout(() => response.destroy(), endGraceMs);
    response.once('close', () => {
      clearTimeout(grace);
    });
    schedule();
  };
  const send = (line: Buffer): void => {
    waiting.push(line);
    waitingBytes += line.length;
    if (waitingBytes <= limits.maxWaitingBytes) {
      schedule();
      return;
    }
    // What node:http holds already still goes out, whole lines only, and then the end.
    waiting = [];
    limits.onOverflow();
    end();
  };
  pump();

  return {
    attempt(make) {
      if (ended || response.destroyed) return;
      try {
        const line = make();
        if (line !== undefined) send(line);
      } catch (error) {
        fail(error);
      }
    },
    end,
  };
}
