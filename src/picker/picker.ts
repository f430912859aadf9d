/**
 * The endpoint picker for the gateway, in process: a director per InferencePool with the pool's own configuration; pools with the same
 * one share their scraping (design rule 4). Network, clock and chance come from outside.
 */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { JsonScan } from '../llm/scan.ts';
import { replaceModel } from '../llm/splice.ts';
import type { Log } from '../telemetry/log.ts';
import { parseConfig } from './config/parse.ts';
import { drops, type Decision } from './decision.ts';
import { createDirector, type Director } from './director.ts';
import type { KvEventSource } from './kvevents/events.ts';
import { cacheReports } from './kvevents/reports.ts';
import { createScraper, type Scrape, type Scraper } from './metrics/scraper.ts';
import { metricsSourceOf } from './metrics/source.ts';
import type { DirectorObserver } from './observer.ts';
import { realTimers, type Render } from './ports.ts';
import { promptApiOf, type PromptApi } from './prefix/prompthasher.ts';
import type { InferenceRequest, PickerEndpoint, Renderable } from './request.ts';
import type { ScheduledRequest } from './running.ts';
import { EndpointStore } from './store.ts';
import type { PickExplanation } from './trace.ts';

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
  readonly observer?: DirectorObserver;
  /** Where precise prefix scorers hear of caches, and how model servers are asked for token ids; undefined: not at all. */
  readonly kvEvents?: KvEventSource;
  readonly render?: Render;
}

export interface Picker {
  /**
   * The endpoints of all pools, by `namespace/name` of the InferencePool: these are scraped. `configs`: texts of EndpointPickerConfigs;
   * pools that have none get the default. A pool whose configuration changed decides anew from the next request on, and also on those
   * that are queued; what is known of its endpoints is kept. A configuration that cannot be used is logged, and the former one stays.
   */
  update(pools: ReadonlyMap<string, readonly PickerEndpoint[]>, configs?: ReadonlyMap<string, string>): void;
  /** Objectives and rewrites of all namespaces, from now on. */
  applyObjects(objectives: readonly InferenceObjective[], rewrites: readonly InferenceModelRewrite[]): void;
  /**
   * Decides where a request to a pool goes, among `candidates`. `settle` is called once: before this returns, unless flow control
   * queues the request or a model server is asked for token ids. It gets the endpoints to try, best first, none when the request is dropped. The request counts as running
   * until `completed` of what is returned was called; `cancel` takes it out of the queue.
   */
  pick<E extends PickerEndpoint>(
    pool: string,
    candidates: readonly E[],
    request: PickRequest,
    settle: (endpoints: readonly E[], decision: Decision) => void,
  ): Picking;
  /** What a pool would decide on a request now, and why; undefined for pools that `update` was not told of. */
  explain(pool: string, request: PickRequest): PickExplanation | undefined;
  stop(): void;
}

/** One request in the picker's care. */
export type Picking = Pick<ScheduledRequest, 'cancel' | 'responseHeaders' | 'completed'>;

/** Endpoints beyond the best are for connection failures. */
const alternatives = 2;
/** An idle pool is scraped at a tenth of the pace, which must not make it look saturated: stale is what missed four of these. */
const intervalsUntilStale = 3;

interface Pool {
  readonly key: string;
  readonly store: EndpointStore;
  config: string;
  director: Director;
  /** What the director was told of last. */
  endpoints: readonly PickerEndpoint[];
}

export function createPicker(options: PickerOptions): Picker {
  const { scrape, log, random = Math.random, now = () => performance.now(), intervalMs = 100 } = options;
  const { kvEvents, render } = options;
  const observer = { ...cacheReports(log), ...options.observer };
  const pools = new Map<string, Pool>();
  /** By the text of the configuration, which says where metrics are and what they are called. */
  const scrapers = new Map<string, Scraper>();
  let objectives: readonly InferenceObjective[] = [];
  let rewrites: readonly InferenceModelRewrite[] = [];

  const directorOf = (key: string, config: string, store: EndpointStore): Director => {
    const [namespace = '', name = ''] = key.split('/');
    const director = createDirector({
      config: parsed(config),
      pool: { namespace, name },
      clock: now,
      random,
      timers: realTimers,
      observer,
      log,
      kvEvents,
      render,
      store,
      alternatives,
      metricsIntervalMs: intervalMs * intervalsUntilStale,
    });
    director.applyObjects(objectives, rewrites);
    return director;
  };
  const open = (key: string, config: string): Pool => {
    const store = new EndpointStore();
    const pool: Pool = { key, store, config, director: directorOf(key, config, store), endpoints: [] };
    pools.set(key, pool);
    return pool;
  };
  const configure = (pool: Pool, config: string): void => {
    if (pool.config === config) return;
    const former = pool.director;
    pool.director = directorOf(pool.key, config, pool.store);
    pool.config = config;
    pool.director.update(pool.endpoints);
    log.info({ pool: pool.key }, 'the configuration of the endpoint picker has changed');
    // What it drops from its queue finds the new one.
    former.stop();
  };
  const tell = (pool: Pool, endpoints: readonly PickerEndpoint[]): void => {
    // A route table hands in the same array again and again until the pool changes.
    if (pool.endpoints === endpoints) return;
    pool.endpoints = endpoints;
    pool.director.update(endpoints);
  };
  const scraperOf = (config: string): Scraper => {
    const existing = scrapers.get(config);
    if (existing !== undefined) return existing;
    const scraper = createScraper({
      scrape,
      source: metricsSourceOf(parsed(config)),
      record: (key, metrics) => {
        for (const pool of pools.values()) if (pool.config === config) pool.director.recordMetrics(key, metrics);
      },
      now,
      intervalMs,
      log,
    });
    scrapers.set(config, scraper);
    return scraper;
  };
  const scrapeAll = (): void => {
    const byConfig = Map.groupBy(pools.values(), ({ config }) => config);
    for (const [config, scraper] of scrapers) {
      if (byConfig.has(config)) continue;
      scraper.stop();
      scrapers.delete(config);
    }
    for (const [config, members] of byConfig) scraperOf(config).update(members.flatMap(({ endpoints }) => endpoints));
  };

  return {
    update(wanted, configs) {
      for (const [key, pool] of pools) {
        if (wanted.has(key)) continue;
        pools.delete(key);
        pool.director.stop();
      }
      for (const [key, endpoints] of wanted) {
        const config = configs?.get(key) ?? '';
        try {
          const pool = pools.get(key) ?? open(key, config);
          configure(pool, config);
          tell(pool, endpoints);
        } catch (error) {
          log.error({ pool: key, err: error }, 'the configuration of the endpoint picker cannot be used');
        }
      }
      scrapeAll();
    },
    applyObjects(newObjectives, newRewrites) {
      objectives = newObjectives;
      rewrites = newRewrites;
      for (const { director } of pools.values()) director.applyObjects(objectives, rewrites);
    },
    pick(key, candidates, request, settle) {
      const pool = pools.get(key) ?? open(key, '');
      tell(pool, candidates);
      scrapers.get(pool.config)?.touch();
      const picking = new Pending(pool, candidates, request, settle);
      picking.schedule();
      return picking;
    },
    explain(key, request) {
      const director = pools.get(key)?.director;
      return director?.explain(inferenceRequest(director, request));
    },
    stop() {
      for (const scraper of scrapers.values()) scraper.stop();
      scrapers.clear();
      const all = [...pools.values()];
      pools.clear();
      for (const { director } of all) director.stop();
    },
  };
}

function parsed(config: string): ReturnType<typeof parseConfig> {
  return config === '' ? parseConfig() : parseConfig(config);
}

/** A request that is decided on, perhaps later, and perhaps by another director than it came to. */
class Pending<E extends PickerEndpoint> implements Picking {
  readonly #pool: Pool;
  readonly #candidates: readonly E[];
  readonly #request: PickRequest;
  readonly #settle: (endpoints: readonly E[], decision: Decision) => void;
  #scheduled: ScheduledRequest | undefined;
  #over = false;

  constructor(
    pool: Pool,
    candidates: readonly E[],
    request: PickRequest,
    settle: (endpoints: readonly E[], decision: Decision) => void,
  ) {
    this.#pool = pool;
    this.#candidates = candidates;
    this.#request = request;
    this.#settle = settle;
  }

  schedule(): void {
    const { director } = this.#pool;
    this.#scheduled = director.schedule(inferenceRequest(director, this.#request), (decision) => {
      if (this.#over) return;
      if (decision === drops.stopped && this.#pool.director !== director) this.schedule();
      else if (decision.type === 'drop') this.#settle([], decision);
      else {
        const targets = decision.targets.flatMap(
          ({ key }) => this.#candidates.find((candidate) => candidate.key === key) ?? [],
        );
        this.#settle(targets, decision);
      }
    });
  }

  cancel(): void {
    this.#over = true;
    this.#scheduled?.cancel();
  }

  responseHeaders(status: number, served?: string): readonly (readonly [name: string, value: string])[] {
    return this.#scheduled?.responseHeaders(status, served) ?? [];
  }

  completed(): void {
    this.#scheduled?.completed();
  }
}

function inferenceRequest(director: Director, request: PickRequest): InferenceRequest {
  const body = request.scannedBody?.();
  const api = body === undefined ? undefined : promptApiOf(body.path);
  const hasher = body === undefined || api === undefined ? undefined : director.promptHasher(api, body.scan);
  if (body !== undefined) hasher?.push(body.bytes);
  return {
    id: '',
    header: (name) => request.header(name),
    incomingModel: request.model ?? '',
    opaque: true,
    streaming: false,
    bodyBytes: body?.bytes.length ?? 0,
    prompt: hasher?.finish(),
    renderable: director.rendersPrompts ? renderableOf(body, api, request.model) : undefined,
  };
}

function renderableOf(
  body: ReturnType<NonNullable<PickRequest['scannedBody']>>,
  api: PromptApi | undefined,
  incomingModel: string | undefined,
): Renderable | undefined {
  if (body === undefined || (api !== 'chat-completions' && api !== 'completions')) return undefined;
  return {
    api,
    body: (model) => (model === incomingModel ? body.bytes : replaceModel(body.bytes, body.scan, model)),
  };
}
