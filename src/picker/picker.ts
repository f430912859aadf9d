/**
 * The endpoint picker for the gateway, in process: a director per InferencePool over shared scraping (design rule 4). Network, clock and
 * chance come from outside.
 */
import type { JsonScan } from '../llm/scan.ts';
import type { Log } from '../telemetry/log.ts';
import type { PickerConfig } from './config/config.ts';
import { parseConfig } from './config/parse.ts';
import { createDirector, type Director } from './director.ts';
import { createScraper, type Scrape } from './metrics/scraper.ts';
import { metricsSourceOf } from './metrics/source.ts';
import type { DirectorObserver } from './observer.ts';
import { realTimers } from './ports.ts';
import { promptApiOf, type PromptHashes } from './prefix/prompthasher.ts';
import type { PickerEndpoint } from './request.ts';

/** What the gateway knows of a request when it asks for endpoints. */
export interface PickRequest {
  readonly model: string | undefined;
  header(name: string): string | undefined;
  /** The body where the gateway has read and scanned it whole: prompts are hashed from it. */
  scannedBody?(): { readonly path: string; readonly bytes: Buffer; readonly scan: JsonScan } | undefined;
}

export interface PickerOptions {
  readonly scrape: Scrape;
  readonly log: Log;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** Time between two scrapes of an endpoint. */
  readonly intervalMs?: number;
  /** For every pool. */
  readonly config?: PickerConfig;
  readonly observer?: DirectorObserver;
}

export interface Picker {
  /** The endpoints of all pools, by `namespace/name` of the InferencePool: these are scraped. */
  update(pools: ReadonlyMap<string, readonly PickerEndpoint[]>): void;
  /** The endpoints to try, best first; empty only when there is no candidate. Does not wait for anything. */
  pick<E extends PickerEndpoint>(pool: string, candidates: readonly E[], request: PickRequest): readonly E[];
  /** A request was sent to the endpoint with this key. */
  started(key: string): void;
  /** It was answered, or given up. */
  finished(key: string): void;
  stop(): void;
}

/** Endpoints beyond the best are for connection failures. */
const alternatives = 2;

export function createPicker(options: PickerOptions): Picker {
  const { scrape, log, random = Math.random, now = () => performance.now(), intervalMs = 100 } = options;
  const { config = parseConfig(), observer = {} } = options;
  const directors = new Map<string, Director>();
  /** Endpoints that each pool's director was told of last. */
  const known = new Map<string, readonly PickerEndpoint[]>();
  const scraper = createScraper({
    scrape,
    source: metricsSourceOf(config),
    record: (key, metrics) => {
      for (const director of directors.values()) director.recordMetrics(key, metrics);
    },
    now,
    intervalMs,
    log,
  });

  const directorOf = (pool: string): Director => {
    const existing = directors.get(pool);
    if (existing !== undefined) return existing;
    const [namespace = '', name = ''] = pool.split('/');
    const director = createDirector({
      config,
      pool: { namespace, name },
      clock: now,
      random,
      timers: realTimers,
      observer,
      log,
      alternatives,
      metricsIntervalMs: intervalMs,
    });
    directors.set(pool, director);
    return director;
  };
  const tell = (pool: string, endpoints: readonly PickerEndpoint[]): Director => {
    const director = directorOf(pool);
    // A route table hands in the same array again and again until the pool changes.
    if (known.get(pool) !== endpoints) {
      known.set(pool, endpoints);
      director.update(endpoints);
    }
    return director;
  };

  return {
    update(pools) {
      for (const [pool, director] of directors) {
        if (pools.has(pool)) continue;
        director.stop();
        directors.delete(pool);
        known.delete(pool);
      }
      for (const [pool, endpoints] of pools) tell(pool, endpoints);
      scraper.update([...pools.values()].flat());
    },
    pick(pool, candidates, request) {
      scraper.touch();
      const director = tell(pool, candidates);
      const { prompt, bodyBytes } = hashPrompt(director, request);
      let picked: readonly (typeof candidates)[number][] = [];
      const scheduled = director.schedule(
        {
          id: '',
          header: (name) => request.header(name),
          incomingModel: request.model ?? '',
          opaque: true,
          streaming: false,
          bodyBytes,
          prompt,
        },
        (decision) => {
          if (decision.type === 'drop') return;
          picked = decision.targets.flatMap(({ key }) => candidates.find((candidate) => candidate.key === key) ?? []);
        },
      );
      // The gateway says itself where the request went, which after a failure is not where it was meant to.
      scheduled.completed();
      return picked;
    },
    started(key) {
      for (const director of directors.values()) director.countInFlight(key, 1);
    },
    finished(key) {
      for (const director of directors.values()) director.countInFlight(key, -1);
    },
    stop() {
      scraper.stop();
      for (const director of directors.values()) director.stop();
    },
  };
}

function hashPrompt(director: Director, request: PickRequest): { prompt: PromptHashes | undefined; bodyBytes: number } {
  const body = request.scannedBody?.();
  const api = body === undefined ? undefined : promptApiOf(body.path);
  const hasher = body === undefined || api === undefined ? undefined : director.promptHasher(api, body.scan);
  if (body !== undefined) hasher?.push(body.bytes);
  return { prompt: hasher?.finish(), bodyBytes: body?.bytes.length ?? 0 };
}
