import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

/** Where the log of one run of a container is kept: `<podDir>/logs/<container>/<run>.log`. */
export function logPath(podDir: string, container: string, run: number): string {
  return join(podDir, 'logs', container, `${String(run)}.log`);
}

/** The older half of a log that has been rotated. */
export const rotatedPath = (path: string): string => `${path}.1`;

/**
 * The log of one container run, being written: each line behind the RFC 3339 time at which it was read. Never larger than
 * twice `maxBytes`: a full file becomes the older half, and the older half before it is dropped.
 */
export interface ContainerLog {
  readonly path: string;
  /** Copies a stream's lines until its end; the stream is read no faster than the disk takes it. */
  copy(stream: Readable): Promise<void>;
  close(): Promise<void>;
  /** Counts what was written and closed. */
  readonly version: number;
  /** Counts rotations: a reader of an older generation holds the older half. */
  readonly generation: number;
  readonly closed: boolean;
  /** Resolves when `version` is no longer the one given, or when `signal` aborts. */
  changed(version: number, signal: AbortSignal): Promise<void>;
}

/** The logs being written now, by path: for `kubectl logs -f`. */
export type LiveLogs = Map<string, ContainerLog>;

const defaultMaxBytes = 10 * 1024 * 1024;
/** A longer line is broken, so that a program that never ends its line cannot fill the memory. */
const maxLineBytes = 64 * 1024;
const newline = 0x0a;

export async function openContainerLog(
  path: string,
  live: LiveLogs,
  options: { maxBytes?: number } = {},
): Promise<ContainerLog> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(rotatedPath(path), { force: true });
  const log = new FileLog(path, await open(path, 'w', 0o600), live, options.maxBytes ?? defaultMaxBytes);
  live.set(path, log);
  return log;
}

class FileLog implements ContainerLog {
  readonly path: string;
  version = 0;
  generation = 0;
  closed = false;
  readonly #live: LiveLogs;
  readonly #maxBytes: number;
  readonly #waiting = new Set<() => void>();
  #file: FileHandle;
  #size = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, file: FileHandle, live: LiveLogs, maxBytes: number) {
    this.path = path;
    this.#file = file;
    this.#live = live;
    this.#maxBytes = maxBytes;
  }

  async copy(stream: Readable): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const { lines, remainder } = splitLines(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
        rest = remainder;
        if (lines.length > 0) await this.#append(lines);
      }
    } catch {
      // The stream was destroyed with its process; what was read is kept.
    }
    if (rest.length > 0) await this.#append([rest]);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#writing;
    await this.#file.close();
    this.#live.delete(this.path);
    this.#announce();
  }

  async changed(version: number, signal: AbortSignal): Promise<void> {
    if (this.version !== version || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  /** Both output streams write here: one whole write after the other. */
  #append(lines: readonly Buffer[]): Promise<void> {
    const time = Buffer.from(`${new Date().toISOString()} `);
    const end = Buffer.from('\n');
    const bytes = Buffer.concat(lines.flatMap((line) => [time, line, end]));
    this.#writing = this.#writing.then(async () => {
      if (this.#size > 0 && this.#size + bytes.length > this.#maxBytes) await this.#rotate();
      await this.#file.write(bytes);
      this.#size += bytes.length;
      this.#announce();
    });
    return this.#writing;
  }

  async #rotate(): Promise<void> {
    await this.#file.close();
    await rename(this.path, rotatedPath(this.path));
    this.#file = await open(this.path, 'w', 0o600);
    this.#size = 0;
    this.generation++;
  }

  #announce(): void {
    this.version++;
    for (const wake of this.#waiting) wake();
  }
}

function splitLines(bytes: Buffer): { lines: Buffer[]; remainder: Buffer } {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  for (; bytes.length - start > maxLineBytes; start += maxLineBytes) {
    lines.push(bytes.subarray(start, start + maxLineBytes));
  }
  return { lines, remainder: bytes.subarray(start) };
}
