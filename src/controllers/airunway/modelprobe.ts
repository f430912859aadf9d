import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../telemetry/log.ts';

/**
 * Asks model servers for the name of their model (airunway.md 4.1.7), in the background: a server that is slow, silent or
 * talks nonsense holds nobody up.
 */
export interface ModelProbe {
  /** The model that the server at this URL offered last; undefined while it is not known. Asking starts the probe. */
  modelAt(url: string, onFound: () => void): string | undefined;
  /** Forgets what is known of the servers that are not among these. */
  retain(urls: ReadonlySet<string>): void;
  stop(): Promise<void>;
}

export interface ProbeLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly concurrency: number;
  /** Waits between tries; the last one goes on. */
  readonly retryMs: readonly number[];
}

const defaultLimits: ProbeLimits = {
  timeoutMs: 5_000,
  maxBytes: 1024 * 1024,
  concurrency: 16,
  retryMs: [1_000, 5_000, 30_000, 300_000],
};

interface Server {
  model: string | undefined;
  listeners: Set<() => void>;
  readonly gone: AbortController;
  readonly work: Promise<void>;
}

export function createModelProbe(log: Log, limits: ProbeLimits = defaultLimits): ModelProbe {
  const servers = new Map<string, Server>();
  const places = createPlaces(limits.concurrency);

  const follow = async (url: string, server: () => Server | undefined, signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const found = await places.use(() => askModel(url, limits, signal));
      const known = server();
      if (known === undefined) return;
      if (typeof found === 'string') {
        known.model = found;
        for (const listener of known.listeners) listener();
        return;
      }
      log.debug({ url, why: found.why }, 'model server does not tell its model');
      const wait = limits.retryMs[Math.min(attempt, limits.retryMs.length - 1)] ?? 0;
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };

  const forget = (url: string): void => {
    servers.get(url)?.gone.abort();
    servers.delete(url);
  };

  return {
    modelAt: (url, onFound) => {
      const known = servers.get(url);
      if (known !== undefined) {
        if (known.model === undefined) known.listeners.add(onFound);
        return known.model;
      }
      const gone = new AbortController();
      const work = Promise.resolve().then(() => follow(url, () => servers.get(url), gone.signal));
      servers.set(url, { model: undefined, listeners: new Set([onFound]), gone, work });
      return undefined;
    },
    retain: (urls) => {
      for (const url of servers.keys()) if (!urls.has(url)) forget(url);
    },
    stop: async () => {
      const works = [...servers.values()].map(({ work }) => work);
      for (const url of servers.keys()) forget(url);
      await Promise.all(works);
    },
  };
}

/** At most so many at the same time; the others wait for their turn. */
function createPlaces(concurrency: number): { use<T>(work: () => Promise<T>): Promise<T> } {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  return {
    use: async (work) => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}

/** The first model that the server lists; anything but a good answer says why it is none. */
async function askModel(url: string, limits: ProbeLimits, gone: AbortSignal): Promise<string | { why: string }> {
  const signal = AbortSignal.any([gone, AbortSignal.timeout(limits.timeoutMs)]);
  try {
    const response = await fetch(url, { signal, headers: { accept: 'application/json' } });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { why: `status ${String(response.status)}` };
    }
    const model = firstModel(JSON.parse(await readAtMost(response, limits.maxBytes)));
    return model ?? { why: 'it lists no model' };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

async function readAtMost(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`its answer is longer than ${String(maxBytes)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** `data[0].id` of `/v1/models`. */
function firstModel(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('data' in answer) || !Array.isArray(answer.data))
    return undefined;
  const [first] = answer.data as unknown[];
  if (typeof first !== 'object' || first === null || !('id' in first)) return undefined;
  return typeof first.id === 'string' && first.id !== '' ? first.id : undefined;
}
