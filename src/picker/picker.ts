/**
 * The endpoint picker as a library: the gateway asks it in process, an ext_proc server can ask it for Envoy (design rule 4). Network,
 * clock and chance come from outside.
 */
import type { Log } from '../telemetry/log.ts';
import { createScheduler, type WeightedScorer } from './scheduler.ts';
import { kvCacheUtilizationScorer, queueScorer, type PickRequest } from './scorers.ts';
import { createScraper, type Scrape } from './scraper.ts';
import { EndpointStore } from './store.ts';

export interface PickerEndpoint {
  /** `address:port`, IPv6 in brackets. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
}

export interface PickerOptions {
  readonly scrape: Scrape;
  readonly log: Log;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** Time between two scrapes of an endpoint. Local counts cover what happens in between. */
  readonly intervalMs?: number;
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

/** Alternatives beyond the best are for connection failures. */
const maxPicked = 3;
/** Older metrics are not believed (epp.md 6.5: --metrics-staleness-threshold). */
const staleAfterMs = 2_000;

const defaultScorers: readonly WeightedScorer[] = [
  { scorer: queueScorer, weight: 1 },
  { scorer: kvCacheUtilizationScorer, weight: 1 },
];

interface CandidateSlots {
  readonly version: number;
  readonly slots: Int32Array;
}

export function createPicker(options: PickerOptions): Picker {
  const { scrape, log, random = Math.random, now = () => performance.now(), intervalMs = 100 } = options;
  const store = new EndpointStore();
  const scheduler = createScheduler(defaultScorers, random);
  const scraper = createScraper({ scrape, store, now, intervalMs, log });
  const best = new Int32Array(maxPicked);
  // A route table hands in the same array again and again until the pool changes.
  const slotsOf = new WeakMap<readonly PickerEndpoint[], CandidateSlots>();

  const findSlots = (candidates: readonly PickerEndpoint[]): Int32Array => {
    const known = slotsOf.get(candidates);
    if (known !== undefined && known.version === store.version) return known.slots;
    const slots = Int32Array.from(candidates, ({ key }) => store.slot(key));
    slotsOf.set(candidates, { version: store.version, slots });
    return slots;
  };

  return {
    update(pools) {
      const keys = new Set<string>();
      for (const endpoints of pools.values()) for (const { key } of endpoints) keys.add(key);
      store.keepOnly(keys);
      for (const key of keys) store.slot(key);
      scraper.update(keys);
    },
    pick(_pool, candidates, request) {
      scraper.touch();
      const slots = findSlots(candidates);
      const freshAfterMs = now() - staleAfterMs;
      const count = scheduler.schedule({ store, slots, count: slots.length, freshAfterMs }, request, best);
      const picked: (typeof candidates)[number][] = [];
      for (let rank = 0; rank < count; rank += 1) {
        const endpoint = candidates[best[rank] ?? 0];
        if (endpoint !== undefined) picked.push(endpoint);
      }
      return picked;
    },
    started(key) {
      store.addInFlight(key, 1);
    },
    finished(key) {
      store.addInFlight(key, -1);
    },
    stop() {
      scraper.stop();
    },
  };
}
