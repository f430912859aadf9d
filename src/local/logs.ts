import { open, type FileHandle } from 'node:fs/promises';
import type { ContainerStatus } from 'kubernetes-types/core/v1.js';
import type { Pod } from '../kinds/core/pod.ts';
import { KubeError } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import { logPath, rotatedPath, type ContainerLog, type LiveLogs } from './containerlog.ts';
import { runOf } from './podstatus.ts';

/** What `GET .../pods/NAME/log` asks for. */
export interface PodLogRequest {
  namespace: string;
  pod: string;
  container?: string;
  follow: boolean;
  previous: boolean;
  tailLines?: number;
  sinceSeconds?: number;
  sinceTime?: string;
  timestamps: boolean;
  limitBytes?: number;
  signal: AbortSignal;
}

export interface PodLogSource {
  /** Rejects with a KubeError that has the code and text of Kubernetes. */
  read(request: PodLogRequest): Promise<AsyncIterable<Uint8Array>>;
}

export function createPodLogSource(options: {
  pods: Informer<Pod>;
  /** Where the node keeps the files of a Pod, by uid. */
  podDir: (uid: string) => string;
  live: LiveLogs;
}): PodLogSource {
  const read = async (request: PodLogRequest): Promise<AsyncIterable<Uint8Array>> => {
    const pod = options.pods.get({ namespace: request.namespace, name: request.pod });
    if (pod === undefined) throw new KubeError(404, 'NotFound', `pods "${request.pod}" not found`);
    const container = containerOf(pod, request.container);
    const run = runToRead(pod, container, request.previous);
    const path = logPath(options.podDir(pod.metadata.uid ?? ''), container, run);
    const cursor = await LogCursor.open(path, options.live.get(path));
    if (cursor === undefined) {
      throw new KubeError(404, 'NotFound', `the log of container "${container}" in pod "${request.pod}" is gone`);
    }
    return limited(lines(cursor, request), request.limitBytes);
  };
  return { read };
}

function badRequest(message: string): KubeError {
  return new KubeError(400, 'BadRequest', message);
}

/** The container meant: the one named, else the only one (validateContainer in pkg/registry/core/pod/strategy.go). */
function containerOf(pod: Pod, name: string | undefined): string {
  const containers = pod.spec.containers.map((container) => container.name);
  const initContainers = (pod.spec.initContainers ?? []).map((container) => container.name);
  if (name !== undefined && name !== '') {
    if (containers.includes(name) || initContainers.includes(name)) return name;
    throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only;
  const init = initContainers.length === 0 ? '' : ` or one of the init containers: [${initContainers.join(' ')}]`;
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${containers.join(' ')}]${init}`,
  );
}

/** Which run's log to read, as kubelet's validateContainerLogStatus decides it. */
function runToRead(pod: Pod, container: string, previous: boolean): number {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status: ContainerStatus | undefined = statuses.find((candidate) => candidate.name === container);
  const last = runOf(status?.lastState?.terminated?.containerID);
  if (previous) {
    if (last !== undefined) return last;
    throw badRequest(`previous terminated container "${container}" in pod "${pod.metadata.name}" not found`);
  }
  const { state } = status ?? {};
  const current = state?.running === undefined ? runOf(state?.terminated?.containerID) : runOf(status?.containerID);
  const run = current ?? last;
  if (run !== undefined) return run;
  const why = state?.waiting?.reason;
  throw badRequest(
    `container "${container}" in pod "${pod.metadata.name}" is waiting to start${why === undefined ? ' - no logs yet' : `: ${why}`}`,
  );
}

const chunkBytes = 64 * 1024;

/** Reads the complete lines of a log from its beginning, across rotations, as far as it has been written. */
class LogCursor {
  readonly live: ContainerLog | undefined;
  readonly #path: string;
  readonly #files: FileHandle[];
  #generation: number;
  #rest: Buffer = Buffer.alloc(0);

  static async open(path: string, live: ContainerLog | undefined): Promise<LogCursor | undefined> {
    const generation = live?.generation ?? 0;
    const files = [await openOrNothing(rotatedPath(path)), await openOrNothing(path)];
    const found = files.filter((file) => file !== undefined);
    return found.length === 0 ? undefined : new LogCursor(path, live, generation, found);
  }

  private constructor(path: string, live: ContainerLog | undefined, generation: number, files: FileHandle[]) {
    this.#path = path;
    this.live = live;
    this.#generation = generation;
    this.#files = files;
  }

  /** Lines with their time and without their end, up to what is on disk now. */
  async *read(): AsyncGenerator<Buffer> {
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0]) {
      yield* this.#readFile(file);
      if (this.#files.length === 1 && !(await this.#openNext())) return;
      this.#files.shift();
      await file.close();
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.splice(0)) await file.close();
  }

  async *#readFile(file: FileHandle): AsyncGenerator<Buffer> {
    const chunk = Buffer.alloc(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      const bytes = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
        yield bytes.subarray(start, end);
        start = end + 1;
      }
      this.#rest = bytes.subarray(start);
    }
  }

  /** After a rotation the file in hand is the older half, and a new one has been begun at the path. */
  async #openNext(): Promise<boolean> {
    if (this.live === undefined || this.live.generation === this.#generation) return false;
    this.#generation = this.live.generation;
    const next = await openOrNothing(this.#path);
    if (next !== undefined) this.#files.push(next);
    return next !== undefined;
  }
}

async function openOrNothing(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function* lines(cursor: LogCursor, request: PodLogRequest): AsyncGenerator<Buffer> {
  const since = sinceMs(request);
  const shape = (line: Buffer): Buffer => {
    const start = request.timestamps ? 0 : line.indexOf(0x20) + 1;
    return Buffer.concat([line.subarray(start), newline]);
  };
  const wanted = (line: Buffer): boolean =>
    since === undefined || Date.parse(line.toString('latin1', 0, line.indexOf(0x20))) >= since;
  try {
    let version = cursor.live?.version ?? 0;
    if (request.tailLines === undefined) {
      for await (const line of cursor.read()) if (wanted(line)) yield shape(line);
    } else {
      for (const line of await lastLines(cursor.read(), request.tailLines, wanted)) yield shape(line);
    }
    const { live } = cursor;
    while (request.follow && live !== undefined && !request.signal.aborted) {
      const { closed } = live;
      if (!closed) await live.changed(version, request.signal);
      version = live.version;
      for await (const line of cursor.read()) if (wanted(line)) yield shape(line);
      if (closed) return;
    }
  } finally {
    await cursor.close();
  }
}

const newline = Buffer.from('\n');

function sinceMs(request: PodLogRequest): number | undefined {
  if (request.sinceSeconds !== undefined) return Date.now() - request.sinceSeconds * 1000;
  return request.sinceTime === undefined ? undefined : Date.parse(request.sinceTime);
}

/** A log is at most two files of bounded size, so reading it all to find its end is bounded too. */
async function lastLines(
  all: AsyncIterable<Buffer>,
  count: number,
  wanted: (line: Buffer) => boolean,
): Promise<Buffer[]> {
  let kept: Buffer[] = [];
  for await (const line of all) {
    if (!wanted(line)) continue;
    // A copy, so that a line kept does not keep the whole chunk it was read with.
    kept.push(Buffer.from(line));
    if (kept.length > 2 * count + 1024) kept = count === 0 ? [] : kept.slice(-count);
  }
  return count === 0 ? [] : kept.slice(-count);
}

async function* limited(chunks: AsyncIterable<Buffer>, limitBytes: number | undefined): AsyncGenerator<Uint8Array> {
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  for await (const chunk of chunks) {
    yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
