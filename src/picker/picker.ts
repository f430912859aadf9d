/**
 * The endpoint picker for the gateway, in process: one pool per InferencePool, with a configuration of its own (design rule 4). Network,
 * clock and chance come from outside.
 */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { JsonScan } from '../llm/scan.ts';
import { replaceModel } from '../llm/splice.ts';
import type { Log } from '../telemetry/log.ts';
import { parseConfig } from './config/parse.ts';
import type { Decision } from './decision.ts';
import type { KvEventSource } from './kvevents/events.ts';
import { cacheReports } from './kvevents/reports.ts';
import type { Scrape } from './metrics/scraper.ts';
import { metricsSourceOf } from './metrics/source.ts';
import type { DirectorObserver } from './observer.ts';
import { createPool, type Describe, type Pool } from './pool.ts';
import { realTimers, type Render } from './ports.ts';
import { promptApiOf, type PromptApi } from './prefix/prompthasher.ts';
import type { InferenceRequest, PickerEndpoint, Renderable } from './request.ts';
import type { ScheduledRequest } from './running.ts';
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
  /** Somebody listens to what requests have used. */
  readonly wantsUsage: boolean;
  /** What a pool would decide on a request now, and why; undefined for pools that `update` was not told of. */
  explain(pool: string, request: PickRequest): PickExplanation | undefined;
  stop(): void;
}

/** One request in the picker's care. */
export type Picking = ScheduledRequest;

/** Endpoints beyond the best are for connection failures. */
const alternatives = 2;
/** An idle pool is scraped at a tenth of the pace, which must not make it look saturated: stale is what missed four of these. */
const intervalsUntilStale = 3;

interface NamedPool {
  readonly pool: Pool;
  /** `update` was told of it; until then it has the endpoints that requests are told of. */
  declared: boolean;
  /** Text of its configuration. */
  config: string;
  endpoints: readonly PickerEndpoint[];
}

export function createPicker(options: PickerOptions): Picker {
  const { scrape, log, random = Math.random, now = () => performance.now(), intervalMs = 100 } = options;
  const { kvEvents, render } = options;
  const observer = { ...cacheReports(log), ...options.observer };
  const pools = new Map<string, NamedPool>();
  let objectives: readonly InferenceObjective[] = [];
  let rewrites: readonly InferenceModelRewrite[] = [];

  const open = (key: string, config: string, endpoints: readonly PickerEndpoint[]): NamedPool => {
    const [namespace = '', name = ''] = key.split('/');
    const pool = createPool(parsed(config), {
      pool: { namespace, name },
      clock: now,
      random,
      timers: realTimers,
      observer,
      log,
      kvEvents,
      render,
      alternatives,
      sourceOf: metricsSourceOf,
      scraping: { scrape, intervalMs },
      staleAfterMs: intervalMs * intervalsUntilStale,
    });
    pool.applyObjects(objectives, rewrites);
    pool.update(endpoints);
    const named = { pool, declared: false, config, endpoints };
    pools.set(key, named);
    return named;
  };
  const configure = (key: string, named: NamedPool, config: string): void => {
    if (named.config === config) return;
    named.pool.configure(parsed(config));
    named.config = config;
    log.info({ pool: key }, 'the configuration of the endpoint picker has changed');
  };

  const tell = (named: NamedPool, endpoints: readonly PickerEndpoint[]): void => {
    named.endpoints = endpoints;
    named.pool.update(endpoints);
  };

  return {
    update(wanted, configs) {
      for (const [key, { pool }] of pools) {
        if (wanted.has(key)) continue;
        pools.delete(key);
        pool.stop();
      }
      for (const [key, endpoints] of wanted) {
        const config = configs?.get(key) ?? '';
        try {
          const named = pools.get(key) ?? open(key, config, endpoints);
          named.declared = true;
          tell(named, endpoints);
          configure(key, named, config);
        } catch (error) {
          log.error({ pool: key, err: error }, 'the configuration of the endpoint picker cannot be used');
        }
      }
    },
    applyObjects(newObjectives, newRewrites) {
      objectives = newObjectives;
      rewrites = newRewrites;
      for (const { pool } of pools.values()) pool.applyObjects(objectives, rewrites);
    },
    pick(key, candidates, request, settle) {
      const named = pools.get(key) ?? open(key, '', candidates);
      if (!named.declared) tell(named, candidates);
      const { pool, endpoints } = named;
      // A request that began under an older table knows other endpoints than the pool has by now.
      const subset = candidates === endpoints ? undefined : candidates.map((candidate) => candidate.key);
      return pool.schedule(
        (director) => inferenceRequest(director, request, subset),
        (decision) => {
          if (decision.type === 'drop') settle([], decision);
          else {
            const targets = decision.targets.flatMap(
              (target) => candidates.find((candidate) => candidate.key === target.key) ?? [],
            );
            settle(targets, decision);
          }
        },
      );
    },
    wantsUsage: observer.completed !== undefined,
    explain(key, request) {
      return pools.get(key)?.pool.explain((director) => inferenceRequest(director, request, undefined));
    },
    stop() {
      const all = [...pools.values()];
      pools.clear();
      for (const { pool } of all) pool.stop();
    },
  };
}

function parsed(config: string): ReturnType<typeof parseConfig> {
  return config === '' ? parseConfig() : parseConfig(config);
}

function inferenceRequest(
  director: Parameters<Describe>[0],
  request: PickRequest,
  subset: readonly string[] | undefined,
): InferenceRequest {
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
    subset,
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
