/** Asks every endpoint for its metrics again and again. One that hangs or fails waits for itself only. */
import type { Log } from '../../telemetry/log.ts';
import type { PickerEndpoint } from '../request.ts';
import type { EndpointMetrics } from './engines.ts';

/** Reads a metrics page; must end when the signal does, and refuse pages beyond its own bound. */
export type Scrape = (url: string, signal: AbortSignal) => Promise<string>;

export interface ScraperOptions {
  readonly scrape: Scrape;
  /** Where an endpoint's metrics are, and how its page is read. */
  readonly source: MetricsSource;
  /** Takes what was found of an endpoint that is still wanted. */
  readonly record: (key: string, metrics: EndpointMetrics) => void;
  /** A scrape failed. */
  readonly failed?: (key: string, reason: string) => void;
  /** A page did not tell the queue, the running requests or the KV cache usage; what it told was recorded. */
  readonly incomplete?: (key: string) => void;
  readonly now: () => number;
  /** Time between two scrapes of an endpoint while its picker is in use. */
  readonly intervalMs: number;
  readonly log: Log;
}

export interface MetricsSource {
  url(endpoint: PickerEndpoint): string;
  read(endpoint: PickerEndpoint, page: string): EndpointMetrics;
}

export interface Scraper {
  /** Scrapes exactly these endpoints from now on. */
  update(endpoints: Iterable<PickerEndpoint>): void;
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
  endpoint: PickerEndpoint;
  busy: boolean;
  failures: number;
  nextTick: number;
}

export function createScraper(options: ScraperOptions): Scraper {
  const { scrape, source, record, failed, incomplete, now, intervalMs, log } = options;
  const targets = new Map<string, Target>();
  const stopped = new AbortController();
  let active = 0;
  let tick = 0;
  let touchedMs = now();

  const fail = (target: Target, reason: string): void => {
    target.failures += 1;
    target.nextTick = tick + Math.min(maxBackoffTicks, 2 ** (target.failures - 1));
    failed?.(target.key, reason);
    if (target.failures === 1) log.debug({ endpoint: target.key, reason }, 'metrics scrape failed');
  };

  const scrapeOne = async (target: Target): Promise<void> => {
    target.busy = true;
    active += 1;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const text = await endedBy(
        scrape(source.url(target.endpoint), AbortSignal.any([stopped.signal, timeout])),
        timeout,
      );
      if (text.length > maxMetricsBytes) fail(target, `more than ${maxMetricsBytes} bytes`);
      else {
        target.failures = 0;
        if (targets.get(target.key) !== target) return;
        const found = source.read(target.endpoint, text);
        record(target.key, found);
        if (found.waiting === undefined || found.running === undefined || found.kvUsage === undefined)
          incomplete?.(target.key);
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
    update(endpoints) {
      const wanted = new Map<string, PickerEndpoint>();
      for (const endpoint of endpoints) wanted.set(endpoint.key, endpoint);
      for (const key of targets.keys()) if (!wanted.has(key)) targets.delete(key);
      for (const [key, endpoint] of wanted) {
        const known = targets.get(key);
        if (known === undefined) targets.set(key, { key, endpoint, busy: false, failures: 0, nextTick: 0 });
        else known.endpoint = endpoint;
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
