import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../telemetry/log.ts';

/**
 * Asks model servers for the name of their model (airunway.md 4.1.7), in the background: a server that is slow, silent or
 * talks nonsense holds nobody up.
 */
export interface ModelProbe {
  /**
   * The model of the deployment's server as far as it is known. Another URL, or another generation of the deployment, has the
   * server asked anew; until it answers, the name is the one from before. `onChange` is called when the name is another one.
   */
  modelOf(deployment: string, server: { url: string; generation: number }, onChange: () => void): string | undefined;
  /** Asks no more, and forgets what is known. */
  forget(deployment: string): void;
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

interface Asked {
  url: string;
  generation: number;
  model: string | undefined;
  onChange: () => void;
  gone: AbortController;
}

export function createModelProbe(log: Log, limits: ProbeLimits = defaultLimits): ModelProbe {
  const deployments = new Map<string, Asked>();
  const works = new Set<Promise<void>>();
  const places = createPlaces(limits.concurrency);

  const know = (asked: Asked, model: string | undefined): void => {
    if (asked.model === model) return;
    asked.model = model;
    asked.onChange();
  };

  /** Asks until there is an answer. What another server said is kept only until this one has failed once. */
  const follow = async (asked: Asked, sameServer: boolean, { signal }: AbortController): Promise<void> => {
    const { url } = asked;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const found = await places.use(signal, () => askModel(url, limits, signal));
      if (signal.aborted) return;
      if (typeof found === 'string') {
        know(asked, found);
        return;
      }
      log.debug({ url, why: found.why }, 'model server does not tell its model');
      if (!sameServer) know(asked, undefined);
      const wait = limits.retryMs[Math.min(attempt, limits.retryMs.length - 1)] ?? 0;
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };

  const ask = (asked: Asked, sameServer: boolean): void => {
    // In a turn of its own: nobody is told of a change while it is being asked for the name.
    const work = Promise.resolve()
      .then(() => follow(asked, sameServer, asked.gone))
      .finally(() => works.delete(work));
    works.add(work);
  };

  const forget = (deployment: string): void => {
    deployments.get(deployment)?.gone.abort();
    deployments.delete(deployment);
  };

  return {
    modelOf: (deployment, { url, generation }, onChange) => {
      const known = deployments.get(deployment);
      if (known === undefined) {
        const asked = { url, generation, model: undefined, onChange, gone: new AbortController() };
        deployments.set(deployment, asked);
        ask(asked, true);
        return undefined;
      }
      known.onChange = onChange;
      if (known.url !== url || known.generation !== generation) {
        const sameServer = known.url === url;
        known.gone.abort();
        Object.assign(known, { url, generation, gone: new AbortController() });
        ask(known, sameServer);
      }
      return known.model;
    },
    forget,
    stop: async () => {
      for (const deployment of deployments.keys()) forget(deployment);
      await Promise.all(works);
    },
  };
}

/** At most so many at the same time; the others wait for their turn. */
function createPlaces(concurrency: number) {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  return {
    use: async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | { why: string }> => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        // Who has left the queue meanwhile takes up no time.
        return signal.aborted ? { why: 'no longer asked' } : await work();
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
