/** Asks every endpoint for its metrics again and again. One that hangs or fails waits for itself only. */
import type { Log } from '../telemetry/log.ts';
import { parseMetrics } from './parse.ts';
import type { EndpointStore } from './store.ts';

/** Reads a metrics page; must end when the signal does, and refuse pages beyond its own bound. */
export type Scrape = (url: string, signal: AbortSignal) => Promise<string>;

export interface ScraperOptions {
  readonly scrape: Scrape;
  readonly store: EndpointStore;
  readonly now: () => number;
  /** Time between two scrapes of an endpoint while its picker is in use. */
  readonly intervalMs: number;
  readonly log: Log;
}

export interface Scraper {
  /** Scrapes exactly these endpoints (`address:port`) from now on. */
  update(keys: ReadonlySet<string>): void;
  /** The picker is in use: scrape at full pace. */
  touch(): void;
  stop(): void;
}

export const maxMetricsBytes = 256 * 1024;
const timeoutMs = 1_000;
const maxConcurrent = 64;
/** Without requests for so long, one tick in `idleTicks` scrapes. */
const idleAfterMs = 5_000;
const idleTicks = 10;
/** A failing endpoint is asked again after 1, 2, 4 ... ticks, at most so many. */
const maxBackoffTicks = 32;

interface Target {
  readonly key: string;
  readonly url: string;
  busy: boolean;
  failures: number;
  nextTick: number;
}

export function createScraper({ scrape, store, now, intervalMs, log }: ScraperOptions): Scraper {
  const targets = new Map<string, Target>();
  const stopped = new AbortController();
  let active = 0;
  let tick = 0;
  let touchedMs = now();

  const fail = (target: Target, reason: string): void => {
    target.failures += 1;
    target.nextTick = tick + Math.min(maxBackoffTicks, 2 ** (target.failures - 1));
    if (target.failures === 1) log.debug({ endpoint: target.key, reason }, 'metrics scrape failed');
  };

  const scrapeOne = async (target: Target): Promise<void> => {
    target.busy = true;
    active += 1;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const text = await endedBy(scrape(target.url, AbortSignal.any([stopped.signal, timeout])), timeout);
      if (text.length > maxMetricsBytes) fail(target, `more than ${maxMetricsBytes} bytes`);
      else {
        target.failures = 0;
        if (targets.get(target.key) === target) store.record(target.key, parseMetrics(text), now());
      }
    } catch (error) {
      if (!stopped.signal.aborted) fail(target, error instanceof Error ? error.message : String(error));
    } finally {
      target.busy = false;
      active -= 1;
    }
  };

  const onTick = (): void => {
    tick += 1;
    if (now() - touchedMs > idleAfterMs && tick % idleTicks !== 0) return;
    const due = Array.from(targets.values()).filter((target) => !target.busy && target.nextTick <= tick);
    for (const target of due) {
      if (active >= maxConcurrent) break;
      // Moved to the end, so that everyone gets a turn when there are more endpoints than scrapes at a time.
      targets.delete(target.key);
      targets.set(target.key, target);
      void scrapeOne(target);
    }
  };
  const timer = setInterval(onTick, intervalMs);
  timer.unref();

  return {
    update(keys) {
      for (const key of targets.keys()) if (!keys.has(key)) targets.delete(key);
      for (const key of keys) {
        if (targets.has(key)) continue;
        targets.set(key, { key, url: `http://${key}/metrics`, busy: false, failures: 0, nextTick: 0 });
      }
    },
    touch() {
      touchedMs = now();
    },
    stop() {
      clearInterval(timer);
      stopped.abort();
      targets.clear();
    },
  };
}

/** The result, or an error when the signal comes first, even if the scrape does not heed it. */
async function endedBy<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(new Error(`no answer within ${timeoutMs} ms`));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([result, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
