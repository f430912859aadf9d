/**
 * One InferencePool and the whole life of its requests. The pool owns what is known of its endpoints, the director that decides and the
 * scraper that looks after them; only `update` changes which endpoints there are, so that a request which knows fewer of them makes
 * nothing forgotten. The gateway and the ext_proc server use the same pool and tell it the same things.
 */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { Usage } from '../llm/usage.ts';
import type { PickerConfig } from './config/config.ts';
import { drops, type Decision } from './decision.ts';
import { createDirector, type Director, type DirectorOptions } from './director.ts';
import { createScraper, type MetricsSource, type ScraperOptions } from './metrics/scraper.ts';
import type { InferenceRequest, PickerEndpoint } from './request.ts';
import type { ScheduledRequest } from './running.ts';
import { EndpointStore } from './store.ts';

export interface PoolOptions extends Omit<DirectorOptions, 'store' | 'config' | 'metricsIntervalMs'> {
  readonly log: NonNullable<DirectorOptions['log']>;
  /** Where the metrics of endpoints are and what they are called, by configuration. */
  readonly sourceOf: (config: PickerConfig) => MetricsSource;
  readonly scraping: Pick<ScraperOptions, 'scrape' | 'failed' | 'incomplete' | 'intervalMs'>;
  /** How old metrics may be before an endpoint counts as unknown; default: the time between two scrapes. */
  readonly staleAfterMs?: number;
}

/** Says what a request is to a director that has to decide on it: another one has other plugins, which want to know other things. */
export type Describe = (director: Pick<Director, 'promptHasher' | 'rendersPrompts'>) => InferenceRequest;

export interface Pool extends Pick<
  Director,
  'applyObjects' | 'anyEndpoint' | 'promptHasher' | 'rendersPrompts' | 'report' | 'stats'
> {
  /** The ready endpoints, from now on; what is known of those that stay is kept. They are scraped. */
  update(endpoints: readonly PickerEndpoint[]): void;
  /**
   * Decides by another configuration from the next request on, and also on those that are queued. What is known of endpoints stays.
   * @throws ConfigError when the plugins of the configuration do not fit together; the former one stays
   */
  configure(config: PickerConfig): void;
  /**
   * Decides on a request. `settle` is called once, unless the request is cancelled before: at once, unless flow control queues it or a
   * model server is asked for token ids. A dispatched request counts as running until it was `completed` or cancelled.
   */
  schedule(describe: Describe, settle: (decision: Decision) => void): ScheduledRequest;
  /** What would be decided now, and why. */
  explain(describe: Describe): ReturnType<Director['explain']>;
  stop(): void;
}

/** @throws ConfigError when the plugins of the configuration do not fit together */
export function createPool(config: PickerConfig, options: PoolOptions): Pool {
  return new OwnedPool(config, options);
}

class OwnedPool implements Pool {
  readonly #options: PoolOptions;
  readonly #store = new EndpointStore();
  #director: Director;
  #scraper: ReturnType<typeof createScraper>;
  #endpoints: readonly PickerEndpoint[] = [];
  #objectives: readonly InferenceObjective[] = [];
  #rewrites: readonly InferenceModelRewrite[] = [];

  constructor(config: PickerConfig, options: PoolOptions) {
    this.#options = options;
    this.#director = this.#createDirector(config);
    this.#scraper = this.#createScraper(config);
  }

  #createDirector(config: PickerConfig): Director {
    const { scraping, staleAfterMs = scraping.intervalMs } = this.#options;
    return createDirector({ ...this.#options, config, store: this.#store, metricsIntervalMs: staleAfterMs });
  }

  #createScraper(config: PickerConfig): ReturnType<typeof createScraper> {
    const { scraping, sourceOf, clock, log } = this.#options;
    return createScraper({
      ...scraping,
      source: sourceOf(config),
      record: (key, metrics) => {
        this.#director.recordMetrics(key, metrics);
      },
      now: clock,
      log,
    });
  }

  update(endpoints: readonly PickerEndpoint[]): void {
    // A route table hands in the same array again and again until the pool changes.
    if (this.#endpoints === endpoints) return;
    this.#endpoints = endpoints;
    this.#director.update(endpoints);
    this.#scraper.update(endpoints);
  }

  configure(config: PickerConfig): void {
    const director = this.#createDirector(config);
    const scraper = this.#createScraper(config);
    const former = { director: this.#director, scraper: this.#scraper };
    this.#director = director;
    this.#scraper = scraper;
    director.applyObjects(this.#objectives, this.#rewrites);
    director.update(this.#endpoints);
    scraper.update(this.#endpoints);
    former.scraper.stop();
    // What it drops from its queue finds the new one.
    former.director.stop();
  }

  applyObjects(objectives: readonly InferenceObjective[], rewrites: readonly InferenceModelRewrite[]): void {
    this.#objectives = objectives;
    this.#rewrites = rewrites;
    this.#director.applyObjects(objectives, rewrites);
  }

  schedule(describe: Describe, settle: (decision: Decision) => void): ScheduledRequest {
    this.#scraper.touch();
    const request = new PoolRequest(() => this.#director, describe, settle);
    request.schedule();
    return request;
  }

  explain(describe: Describe): ReturnType<Director['explain']> {
    return this.#director.explain(describe(this.#director));
  }

  anyEndpoint(subset?: readonly string[]): PickerEndpoint | undefined {
    return this.#director.anyEndpoint(subset);
  }

  promptHasher(...args: Parameters<Director['promptHasher']>): ReturnType<Director['promptHasher']> {
    return this.#director.promptHasher(...args);
  }

  get rendersPrompts(): boolean {
    return this.#director.rendersPrompts;
  }

  get report(): Director['report'] {
    return this.#director.report;
  }

  stats(): ReturnType<Director['stats']> {
    return this.#director.stats();
  }

  stop(): void {
    this.#scraper.stop();
    this.#director.stop();
  }
}

/** A request that is decided on, perhaps later, and perhaps by another director than it came to. */
class PoolRequest implements ScheduledRequest {
  readonly #directorOfPool: () => Director;
  readonly #describe: Describe;
  readonly #settle: (decision: Decision) => void;
  #scheduled: ScheduledRequest | undefined;
  #over = false;

  constructor(directorOfPool: () => Director, describe: Describe, settle: (decision: Decision) => void) {
    this.#directorOfPool = directorOfPool;
    this.#describe = describe;
    this.#settle = settle;
  }

  schedule(): void {
    const director = this.#directorOfPool();
    this.#scheduled = director.schedule(this.#describe(director), (decision) => {
      if (this.#over) return;
      if (decision === drops.stopped && this.#directorOfPool() !== director) this.schedule();
      else this.#settle(decision);
    });
  }

  cancel(): void {
    this.#over = true;
    this.#scheduled?.cancel();
  }

  responseHeaders(status: number, served?: string): readonly (readonly [name: string, value: string])[] {
    return this.#scheduled?.responseHeaders(status, served) ?? [];
  }

  responseChunk(bytes: number): void {
    this.#scheduled?.responseChunk(bytes);
  }

  usage(usage: Usage): void {
    this.#scheduled?.usage(usage);
  }

  completed(): void {
    this.#scheduled?.completed();
  }
}
