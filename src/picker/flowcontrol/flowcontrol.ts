/**
 * Holds requests while the pool is saturated and lets them go by priority, fairness and order (epp.md 6.4). One item per cycle; a cycle
 * runs on arrival and then every millisecond while anything waits.
 */
import type { FlowControlSpec } from '../config/config.ts';
import { drops, type Drop } from '../decision.ts';
import type { DirectorObserver, FlowLabels, FlowOutcome } from '../observer.ts';
import type { FairnessPolicy, OrderingPolicy, Plugin } from '../plugin.ts';
import type { MonotonicClock, Timers } from '../ports.ts';
import type { InferenceRequest } from '../request.ts';
import { Heap, type Ranked } from './heap.ts';

export interface FlowControlOptions {
  readonly spec: FlowControlSpec;
  readonly find: (name: string) => Plugin | undefined;
  readonly saturation: () => number;
  readonly clock: MonotonicClock;
  readonly timers: Timers;
  readonly observer: DirectorObserver;
}

export interface Waiting {
  readonly request: InferenceRequest;
  readonly labels: FlowLabels;
  /** Called once: without a reason to go on, with one to give up. May be called before `enqueue` returns. */
  settle(drop: Drop | undefined): void;
}

export interface FlowControl {
  /** Returns a function that takes the request out again because its client is gone. */
  enqueue(waiting: Waiting): () => void;
  queues(): readonly { fairnessId: string; priority: number; requests: number; bytes: number }[];
  /** Evicts everything. */
  stop(): void;
}

interface Item extends Ranked {
  readonly waiting: Waiting;
  readonly bytes: number;
  readonly enqueuedMs: number;
  readonly deadlineMs: number;
  settled: boolean;
}

interface Flow {
  readonly id: string;
  readonly items: Heap<Item>;
  requests: number;
  bytes: number;
  emptySinceMs: number;
}

interface Band {
  readonly priority: number;
  readonly dynamic: boolean;
  readonly maxBytes: number;
  readonly maxRequests: number;
  readonly fairness: FairnessPolicy;
  readonly ordering: OrderingPolicy;
  /** Sorted by id, as fairness policies want them. */
  flows: Flow[];
  readonly state: { cursor: string };
  requests: number;
  bytes: number;
  emptySinceMs: number;
}

const cycleMs = 1;
const maxCyclesAtOnce = 100;
const sweepMs = 1_000;
const idleFlowMs = 5 * 60_000;
const idleBandMs = 10 * 60_000;
/** Clients choose the ids of flows: of a band that has so many, the empty ones are forgotten when another one comes. */
const maxFlows = 1_000;

export function createFlowControl(options: FlowControlOptions): FlowControl {
  const { spec, find, saturation, clock, timers, observer } = options;
  /** Highest priority first. */
  let bands: Band[] = [];
  let requests = 0;
  let bytes = 0;
  let sequence = 0;
  let stopCycle: (() => void) | undefined;
  let stopSweep: (() => void) | undefined;
  const limit = find(spec.usageLimitPolicyPluginRef)?.usageLimit ?? 1;

  const bandOf = (priority: number): Band => {
    const known = bands.find((band) => band.priority === priority);
    if (known !== undefined) return known;
    const configured = spec.priorityBands.find((band) => band.priority === priority);
    const settings = configured ?? spec.defaultPriorityBand;
    const band: Band = {
      priority,
      dynamic: configured === undefined,
      maxBytes: settings.maxBytes,
      maxRequests: settings.maxRequests,
      fairness: find(settings.fairnessPolicyRef)?.fairness ?? { choose: () => 0 },
      ordering: find(settings.orderingPolicyRef)?.ordering ?? { rank: ({ enqueuedMs }) => enqueuedMs },
      flows: [],
      state: { cursor: '' },
      requests: 0,
      bytes: 0,
      emptySinceMs: clock(),
    };
    bands = [...bands, band].toSorted((one, other) => other.priority - one.priority);
    return band;
  };
  const flowOf = (band: Band, id: string): Flow => {
    const known = band.flows.find((flow) => flow.id === id);
    if (known !== undefined) return known;
    const flow: Flow = { id, items: new Heap(), requests: 0, bytes: 0, emptySinceMs: clock() };
    if (band.flows.length >= maxFlows) band.flows = band.flows.filter(({ requests }) => requests > 0);
    band.flows = [...band.flows, flow].toSorted((one, other) => (one.id < other.id ? -1 : 1));
    return flow;
  };
  const isFull = (band: Band, size: number): boolean =>
    band.requests + 1 > band.maxRequests ||
    band.bytes + size > band.maxBytes ||
    requests + 1 > spec.maxRequests ||
    bytes + size > spec.maxBytes;

  const settle = (item: Item, band: Band, flow: Flow, outcome: FlowOutcome, drop: Drop | undefined): void => {
    if (item.settled) return;
    item.settled = true;
    const nowMs = clock();
    requests -= 1;
    bytes -= item.bytes;
    for (const place of [band, flow]) {
      place.requests -= 1;
      place.bytes -= item.bytes;
      if (place.requests === 0) place.emptySinceMs = nowMs;
    }
    observer.flowSettled?.(item.waiting.labels, item.bytes, outcome, nowMs - item.enqueuedMs);
    item.waiting.settle(drop);
  };
  /** Takes away what was settled while it stood in the heap. */
  const headOf = (flow: Flow): Item | undefined => {
    while (flow.items.peek()?.settled === true) flow.items.pop();
    return flow.items.peek();
  };

  /** Lets at most one request go; false when there is nothing to do or the pool is saturated. */
  const dispatchOne = (): boolean => {
    const startedMs = clock();
    for (const band of bands) {
      if (band.requests === 0) continue;
      // The whole cycle stops: no lower priority may overtake (trap 32).
      if (saturation() >= limit) break;
      const heads: { id: string; rank: number; sequence: number; flow: Flow; item: Item }[] = [];
      for (const flow of band.flows) {
        const item = headOf(flow);
        if (item !== undefined) heads.push({ id: flow.id, rank: item.rank, sequence: item.sequence, flow, item });
      }
      const chosen = heads[band.fairness.choose(heads, band.state)];
      if (chosen === undefined) continue;
      chosen.flow.items.pop();
      settle(chosen.item, band, chosen.flow, 'Dispatched', undefined);
      observer.flowCycle?.(clock() - startedMs);
      return true;
    }
    observer.flowCycle?.(clock() - startedMs);
    return false;
  };
  const keepCycling = (): void => {
    if (requests === 0 || stopCycle !== undefined) return;
    const armedMs = clock();
    stopCycle = timers.after(cycleMs, () => {
      stopCycle = undefined;
      // The timers of a busy process are late: the cycles that were due meanwhile are made up for.
      const due = Math.min(maxCyclesAtOnce, Math.max(1, Math.floor((clock() - armedMs) / cycleMs)));
      let cycles = 0;
      while (cycles < due && dispatchOne()) cycles += 1;
      keepCycling();
    });
  };

  const evict = (drop: Drop, outcome: FlowOutcome, wanted: (item: Item) => boolean): void => {
    for (const band of bands) {
      for (const flow of band.flows) {
        const kept: Item[] = [];
        for (let item = flow.items.pop(); item !== undefined; item = flow.items.pop()) {
          if (item.settled) continue;
          if (wanted(item)) settle(item, band, flow, outcome, drop);
          else kept.push(item);
        }
        for (const item of kept) flow.items.push(item);
      }
    }
  };
  const sweep = (): void => {
    const nowMs = clock();
    evict(drops.expired, 'EvictedTTL', ({ deadlineMs }) => deadlineMs <= nowMs);
    for (const band of bands) {
      band.flows = band.flows.filter((flow) => flow.requests > 0 || nowMs - flow.emptySinceMs < idleFlowMs);
    }
    bands = bands.filter((band) => !band.dynamic || band.requests > 0 || nowMs - band.emptySinceMs < idleBandMs);
  };
  const keepSweeping = (): void => {
    stopSweep ??= timers.after(sweepMs, () => {
      stopSweep = undefined;
      sweep();
      if (bands.length > 0) keepSweeping();
    });
  };

  return {
    enqueue(waiting) {
      const { labels, request } = waiting;
      const startedMs = clock();
      const band = bandOf(labels.priority);
      const size = request.bodyBytes;
      if (isFull(band, size)) {
        observer.flowSettled?.(labels, size, 'RejectedCapacity', 0);
        waiting.settle(drops.overCapacity);
        return () => undefined;
      }
      const flow = flowOf(band, labels.fairnessId);
      const ttl = spec.defaultRequestTtlMs;
      const times = { enqueuedMs: startedMs, deadlineMs: ttl === 0 ? Infinity : startedMs + ttl };
      sequence += 1;
      const rank = band.ordering.rank({ ...times, request });
      const item: Item = { ...times, waiting, bytes: size, rank, sequence, settled: false };
      flow.items.push(item);
      for (const place of [band, flow]) {
        place.requests += 1;
        place.bytes += size;
      }
      requests += 1;
      bytes += size;
      observer.flowEnqueued?.(labels, size, clock() - startedMs);
      keepSweeping();
      // Whoever is first goes, not the one that came just now (epp.md 6.4).
      dispatchOne();
      keepCycling();
      return () => {
        settle(item, band, flow, 'EvictedContextCancelled', drops.cancelled);
      };
    },
    queues: () =>
      bands.flatMap((band) =>
        band.flows.map((flow) => ({
          fairnessId: flow.id,
          priority: band.priority,
          requests: flow.requests,
          bytes: flow.bytes,
        })),
      ),
    stop() {
      stopCycle?.();
      stopSweep?.();
      evict(drops.stopped, 'EvictedOther', () => true);
    },
  };
}
