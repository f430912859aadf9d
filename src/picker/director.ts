/** The picker of one pool: takes requests, decides where they go, and keeps account of them until they end (epp.md 6.1). */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { Log } from '../telemetry/log.ts';
import type { JsonScan } from '../llm/scan.ts';
import { assemble } from './config/assemble.ts';
import type { PickerConfig } from './config/config.ts';
import { drops, type Decision } from './decision.ts';
import { keep } from './filters/filter.ts';
import { createFlowControl } from './flowcontrol/flowcontrol.ts';
import type { KvEventSource } from './kvevents/events.ts';
import type { EndpointMetrics } from './metrics/engines.ts';
import type { DirectorObserver } from './observer.ts';
import type { Attribute, Cycle, HeaderChanges, Plugin, SchedulingResult } from './plugin.ts';
import type { Chance, MonotonicClock, Render, Timers } from './ports.ts';
import { PromptHasher, type PromptApi } from './prefix/prompthasher.ts';
import { requestHeaders, type InferenceRequest, type PickerEndpoint } from './request.ts';
import { compileRewrites } from './rewrites.ts';
import { Running, type ScheduledRequest } from './running.ts';
import { createScheduler } from './scheduler.ts';
import { EndpointStore } from './store.ts';
import type { PickExplanation } from './trace.ts';
import type { Usage } from '../llm/usage.ts';

export interface DirectorOptions {
  readonly config: PickerConfig;
  readonly pool: { readonly name: string; readonly namespace: string };
  readonly clock: MonotonicClock;
  readonly random: Chance;
  readonly timers: Timers;
  readonly observer: DirectorObserver;
  /** What is known of endpoints, when an earlier director of the pool has found it out; default: nothing. */
  readonly store?: EndpointStore;
  readonly log?: Log;
  /** Targets beyond what the configuration asks for, for retries; 0 by default. */
  readonly alternatives?: number;
  /** Time between two scrapes of an endpoint, 50 by default: stale is what missed several. */
  readonly metricsIntervalMs?: number;
  /** Where the precise prefix scorer hears of caches; undefined: it knows none. */
  readonly kvEvents?: KvEventSource | undefined;
  /** How model servers are asked for token ids; undefined: they are not. */
  readonly render?: Render | undefined;
}

export interface Director {
  /** The ready endpoints of the pool, from now on; what is known of those that stay is kept. */
  update(endpoints: readonly PickerEndpoint[]): void;
  /** What a scrape of an endpoint found; keys that are not in the pool are ignored. */
  recordMetrics(key: string, metrics: EndpointMetrics): void;
  /** Objectives and rewrites of the namespace; those of other pools are ignored. */
  applyObjects(objectives: readonly InferenceObjective[], rewrites: readonly InferenceModelRewrite[]): void;
  /** Hashes a body as it comes in; undefined when no plugin of this configuration wants it. `scan`: when the caller scans the body itself. */
  promptHasher(api: PromptApi, scan?: JsonScan): PromptHasher | undefined;
  /** Requests should say what they can be rendered from (`InferenceRequest.renderable`): token ids are asked for. */
  readonly rendersPrompts: boolean;
  /**
   * Decides on a request. `settle` is called exactly once with the decision: before this returns, unless flow control queues
   * the request or a model server is asked for token ids. A dispatched request counts as running until its `completed` was called.
   */
  schedule(request: InferenceRequest, settle: (decision: Decision) => void): ScheduledRequest;
  /** What `schedule` would decide now, and why. Nothing is accounted for, queued or remembered. */
  explain(request: InferenceRequest): PickExplanation;
  /** A uniformly random endpoint for requests without a body to look at (epp.md 3.4); nothing is accounted for. */
  anyEndpoint(subset?: readonly string[]): PickerEndpoint | undefined;
  /** What plugins tell the proxy of a request that is over; undefined: there are none that do. */
  readonly report: ((usage: Usage) => readonly Attribute[]) | undefined;
  /** What gauges show; computed when asked for. */
  stats(): DirectorStats;
  /** Drops everything that is queued and forgets the rest. */
  stop(): void;
}

export interface DirectorStats {
  readonly readyEndpoints: number;
  /** Averages over endpoints with fresh metrics; 0 when there are none. */
  readonly averageKvCacheUtilization: number;
  readonly averageQueueSize: number;
  readonly averageRunningRequests: number;
  readonly endpoints: readonly {
    readonly endpoint: PickerEndpoint;
    readonly queueSize: number;
    readonly fresh: boolean;
  }[];
  /** Pairs of block and endpoint in the prefix index. */
  readonly prefixIndexSize: number;
  /** 1 and above: saturated. */
  readonly saturation: number;
  readonly queues: readonly {
    readonly fairnessId: string;
    readonly priority: number;
    readonly requests: number;
    readonly bytes: number;
  }[];
}

/** Metrics older than this are not believed when scoring (epp.md 6.5: --metrics-staleness-threshold). */
const staleAfterMs = 2_000;
const defaultFlow = 'default-flow';

/** @throws ConfigError when the plugins of the configuration do not fit together */
export function createDirector(options: DirectorOptions): Director {
  const { config, pool, clock, random, timers, observer, alternatives = 0, metricsIntervalMs = 50 } = options;
  const { store = new EndpointStore() } = options;
  const { kvEvents, render } = options;
  const surroundings = { store, random, clock, observer, alternatives, metricsIntervalMs, kvEvents, render };
  const assembly = assemble(config, surroundings);
  const { plugins, handler, detector } = assembly;
  const scheduler = createScheduler({ profiles: assembly.profiles, handler, observer, clock });
  const producers = plugins.filter(({ produce }) => produce !== undefined);
  const tokenize = plugins.find((plugin) => plugin.tokenize !== undefined)?.tokenize;
  const reporters = plugins.filter(({ report }) => report !== undefined);
  const admitters = plugins.filter(({ admit }) => admit !== undefined);
  const saturation = (): number => detector.saturation(store, clock());
  const flow =
    config.flowControl === undefined
      ? undefined
      : createFlowControl({ spec: config.flowControl, find: assembly.find, saturation, clock, timers, observer });
  let priorities: ReadonlyMap<string, number> = new Map();
  let rewrites = compileRewrites([]);
  let candidates = new Int32Array(16);

  const poolKey = `${pool.namespace}/${pool.name}`;
  const ofThisPool = ({ metadata, spec }: InferenceObjective | InferenceModelRewrite): boolean =>
    (metadata.namespace ?? 'default') === pool.namespace && spec.poolRef.name === pool.name;

  /** Fills `candidates`; returns how many. */
  const findCandidates = (subset: readonly string[] | undefined): number => {
    const { ready } = store;
    if (candidates.length < store.capacity) candidates = new Int32Array(store.capacity);
    candidates.set(ready);
    if (subset === undefined) return ready.length;
    return keep(candidates, ready.length, (slot) => {
      const endpoint = store.endpoints[slot];
      return endpoint !== undefined && (subset.includes(endpoint.key) || subset.includes(endpoint.address));
    });
  };

  const rewriteOf = (request: InferenceRequest): { model: string; rewriteName?: string } =>
    rewrites.rewrite(request.incomingModel, random) ?? {
      model: request.header(requestHeaders.modelRewrite) || request.incomingModel,
    };
  const targetModelOf = (request: InferenceRequest): string => {
    const { model, rewriteName } = rewriteOf(request);
    if (rewriteName !== undefined) observer.rewrote?.(rewriteName, request.incomingModel, model);
    return model;
  };
  const priorityOf = (request: InferenceRequest): number => {
    const objective = request.header(requestHeaders.objective);
    return objective === undefined ? 0 : (priorities.get(objective) ?? 0);
  };
  const cycleOf = (request: InferenceRequest, targetModel: string, priority: number): Cycle => {
    const nowMs = clock();
    return { store, request, targetModel, priority, nowMs, freshAfterMs: nowMs - staleAfterMs };
  };

  const targetsOf = ({ primary }: SchedulingResult): PickerEndpoint[] =>
    primary.picked.flatMap((slot) => {
      const endpoint = store.endpoints[slot];
      return endpoint === undefined ? [] : [handler.handler.target?.(endpoint) ?? endpoint];
    });

  /** Candidates, scheduling and its consequences for an admitted request. */
  const decide = (running: Running): Decision => {
    const { request, targetModel, priority, fairnessId } = running;
    const count = findCandidates(request.subset);
    if (count === 0) return drops.noEndpoints;
    const cycle = cycleOf(request, targetModel, priority);
    for (const producer of producers) producer.produce?.(cycle);
    for (const admitter of admitters) if (admitter.admit?.(cycle, candidates, count) === false) return drops.refused;
    const result = scheduler.schedule(cycle, candidates, count);
    observer.scheduled?.(clock() - cycle.nowMs);
    if (result === undefined) return drops.noTarget;
    const headers = new HeaderList();
    for (const plugin of plugins) plugin.preRequest?.(cycle, result, headers);
    running.begin(result);
    const targets = targetsOf(result);
    const [first, ...others] = targets;
    if (first === undefined) return drops.noTarget;
    const destination = targets.map(({ key }) => key).join(',');
    return {
      type: 'dispatch',
      targets: [first, ...others],
      destination,
      targetModel,
      priority,
      fairnessId,
      setHeaders: headers.changed,
      removeHeaders: headers.removed,
    };
  };

  return {
    update(endpoints) {
      for (const slot of store.update(endpoints)) for (const plugin of plugins) plugin.forget?.(slot);
      for (const plugin of plugins) plugin.endpointsChanged?.();
    },
    recordMetrics(key, metrics) {
      store.record(key, metrics, clock());
    },
    applyObjects(objectives, modelRewrites) {
      priorities = new Map(
        objectives.filter(ofThisPool).map(({ metadata, spec }) => [metadata.name ?? '', spec.priority ?? 0]),
      );
      rewrites = compileRewrites(modelRewrites.filter(ofThisPool));
    },
    promptHasher(api, scan) {
      const hashing = assembly.hashing?.(store);
      return hashing === undefined ? undefined : new PromptHasher(api, hashing, scan);
    },
    rendersPrompts: tokenize !== undefined,
    report: reporters.length === 0 ? undefined : (usage) => reporters.flatMap((plugin) => plugin.report?.(usage) ?? []),
    schedule(request, settle) {
      const priority = priorityOf(request);
      const fairnessId = request.header(requestHeaders.fairnessId) || defaultFlow;
      const isAnonymous = request.incomingModel === '' && request.opaque !== true;
      const targetModel = isAnonymous ? '' : targetModelOf(request);
      const running = new Running({ request, targetModel, priority, fairnessId }, { store, clock, observer, plugins });
      const finish = (decision: Decision): void => {
        running.settled(decision);
        observer.decided?.(running.request, decision, poolKey);
        observer.trace?.(running.request, decision.type === 'drop' ? [] : scheduler.traces, decision);
        settle(decision);
      };
      const admit = (): void => {
        if (flow === undefined) {
          finish(decide(running));
          return;
        }
        const labels = { fairnessId, priority, incomingModel: request.incomingModel, targetModel };
        running.leaveQueue = flow.enqueue({
          request: running.request,
          labels,
          settle: (drop) => {
            finish(drop ?? decide(running));
          },
        });
      };
      if (isAnonymous) {
        finish(drops.noModel);
        return running;
      }
      observer.received?.(request.incomingModel, targetModel, priority);
      if (store.ready.length === 0) finish(drops.noEndpoints);
      else if (flow === undefined && priority < 0 && saturation() >= 1) finish(drops.shed);
      else if (tokenize === undefined || request.tokens !== undefined) admit();
      else {
        let waits = true;
        const cancel = tokenize(request, targetModel, (tokens) => {
          waits = false;
          if (tokens !== undefined) running.request = { ...request, tokens };
          admit();
        });
        const giveUp = (): void => {
          cancel();
          finish(drops.cancelled);
        };
        // It may have gone on at once, into the queue.
        if (waits) running.leaveQueue = giveUp;
      }
      return running;
    },
    explain(request) {
      const { model: targetModel } = rewriteOf(request);
      const priority = priorityOf(request);
      const level = saturation();
      const cycle = cycleOf(request, targetModel, priority);
      const count = findCandidates(request.subset);
      let obstacle: string | undefined = count === 0 ? drops.noEndpoints.message : undefined;
      if (priority < 0 && level >= 1) obstacle ??= drops.shed.message;
      let picked: readonly string[] = [];
      let profiles: PickExplanation['profiles'] = [];
      if (count > 0) {
        for (const producer of producers) producer.produce?.(cycle);
        const admitter = admitters.find(({ admit }) => admit?.(cycle, candidates, count) === false);
        if (admitter !== undefined) obstacle ??= `${drops.refused.message}: ${admitter.name}`;
        const result = scheduler.explain(cycle, candidates, count);
        profiles = scheduler.traces;
        if (result === undefined) obstacle ??= drops.noTarget.message;
        else picked = targetsOf(result).map(({ key }) => key);
      }
      if (flow !== undefined && level >= 1) obstacle ??= 'the pool is saturated: the request would be queued';
      const endpoints = endpointStates(store, cycle.freshAfterMs);
      return { targetModel, priority, saturation: level, obstacle, endpoints, profiles, picked };
    },
    anyEndpoint(subset) {
      const count = findCandidates(subset);
      return count === 0 ? undefined : store.endpoints[candidates[Math.floor(random() * count)] ?? 0];
    },
    stats: () => statsOf(store, clock() - staleAfterMs, plugins, saturation(), flow?.queues() ?? []),
    stop() {
      flow?.stop();
      for (const plugin of plugins) plugin.stop?.();
    },
  };
}

function statsOf(
  { ready, endpoints, updatedMs, waiting, running, kvUsage }: EndpointStore,
  freshAfterMs: number,
  all: readonly Plugin[],
  level: number,
  queues: DirectorStats['queues'],
): DirectorStats {
  const isFresh = (slot: number): boolean => (updatedMs[slot] ?? 0) >= freshAfterMs;
  const fresh = Array.from(ready).filter(isFresh);
  const average = (column: Float64Array): number =>
    fresh.length === 0 ? 0 : fresh.reduce((sum, slot) => sum + (column[slot] ?? 0), 0) / fresh.length;
  return {
    readyEndpoints: ready.length,
    averageKvCacheUtilization: average(kvUsage),
    averageQueueSize: average(waiting),
    averageRunningRequests: average(running),
    endpoints: Array.from(ready).flatMap((slot) => {
      const endpoint = endpoints[slot];
      return endpoint === undefined ? [] : [{ endpoint, queueSize: waiting[slot] ?? 0, fresh: isFresh(slot) }];
    }),
    prefixIndexSize: all.reduce((sum, plugin) => sum + (plugin.indexSize?.() ?? 0), 0),
    saturation: level,
    queues,
  };
}

function endpointStates(store: EndpointStore, freshAfterMs: number): PickExplanation['endpoints'] {
  return Array.from(store.ready).flatMap((slot) => {
    const endpoint = store.endpoints[slot];
    if (endpoint === undefined) return [];
    return {
      key: endpoint.key,
      waiting: store.waiting[slot] ?? 0,
      running: store.running[slot] ?? 0,
      kvUsage: store.kvUsage[slot] ?? 0,
      fresh: (store.updatedMs[slot] ?? 0) >= freshAfterMs,
      inFlight: store.inFlight[slot] ?? 0,
    };
  });
}

class HeaderList implements HeaderChanges {
  readonly changed: [name: string, value: string][] = [];
  readonly removed: string[] = [];

  set(name: string, value: string): void {
    this.changed.push([name, value]);
  }

  remove(name: string): void {
    this.removed.push(name);
  }
}
