/**
 * A pool whose endpoints come, go, hang and lie while 1,000 requests/s are decided by the clock. A few seconds here;
 * `HEADGATE_CHAOS_SECONDS=600` makes it long. `HEADGATE_CHAOS_SEED` repeats a run's choices.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/picker/config/parse.ts';
import { createDirector, type Director } from '../../src/picker/director.ts';
import type { ScheduledRequest } from '../../src/picker/running.ts';
import { createHttpScrape } from '../../src/picker/metrics/httpscrape.ts';
import { createScraper } from '../../src/picker/metrics/scraper.ts';
import { metricsSourceOf } from '../../src/picker/metrics/source.ts';
import { realTimers, type Timers } from '../../src/picker/ports.ts';
import { EndpointStore } from '../../src/picker/store.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { behaviours, startModelServer, type ModelServer } from './chaosfleet.ts';

const seconds = Number(process.env['HEADGATE_CHAOS_SECONDS'] ?? 4);
const seed = Number(process.env['HEADGATE_CHAOS_SEED'] ?? 1);
const fleetSize = 100;
const requestsPerSecond = 1_000;
/** The director hears of a change so much later at most, as over a busy watch. */
const newsLagMs = 300;
const goneLimitMs = 1_000;
/** Servers that are replaced or change their ways per step of 20 ms. */
const changesPerStep = 2;
const flowLimit = 1_000;
const pickerIndexLimit = 4 * 1024 * 1024;

const configs = {
  'default profile': '',
  'every kind of plugin, flow control': `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins:
- {type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: prefix-cache-scorer, parameters: {lruCapacityPerServer: 500}}
- {type: lora-affinity-scorer}
- {type: no-hit-lru-scorer}
- {type: session-affinity-scorer}
- {type: active-request-scorer}
- {type: concurrency-detector, parameters: {maxConcurrency: 4}}
- {type: round-robin-fairness-policy}
- {type: weighted-random-picker}
saturationDetector: {pluginRef: concurrency-detector}
flowControl: {defaultRequestTTL: 500ms, defaultPriorityBand: {fairnessPolicyRef: round-robin-fairness-policy}}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer}
  - {pluginRef: kv-cache-utilization-scorer}
  - {pluginRef: prefix-cache-scorer}
  - {pluginRef: lora-affinity-scorer}
  - {pluginRef: no-hit-lru-scorer}
  - {pluginRef: session-affinity-scorer}
  - {pluginRef: active-request-scorer}
  - {pluginRef: weighted-random-picker}
`,
};

describe(`a pool in chaos for ${seconds} s, seed ${seed}`, () => {
  it.each(Object.entries(configs))(
    '%s',
    async (_, text) => {
      const faults: unknown[] = [];
      const onFault = (error: unknown): void => void faults.push(error);
      process.on('unhandledRejection', onFault);
      process.on('uncaughtException', onFault);
      const chaos = await startChaos(text, createRandom(seed));
      try {
        const steps = await chaos.run(seconds * 1_000);
        const { asked, settled, dispatched, pickedGone, replaced } = chaos.counts;
        expect(asked).toBeGreaterThan(seconds * requestsPerSecond * 0.99);
        expect(pickedGone).toEqual([]);
        expect(replaced).toBeGreaterThan(Math.min(200, steps / 4));
        // Queues keep up, and few are shed.
        expect(settled).toBeGreaterThan(asked * 0.9);
        expect(dispatched).toBeGreaterThan(settled * 0.9);

        const during = chaos.director.stats();
        expect(during.readyEndpoints).toBeLessThanOrEqual(fleetSize);
        // Slots of those that went are used again, however many have come.
        expect(chaos.store.capacity).toBeLessThanOrEqual(256);
        expect(during.prefixIndexSize).toBeLessThanOrEqual(pickerIndexLimit);
        expect(Number.isFinite(during.saturation)).toBe(true);

        await chaos.quiesce();
        expect(chaos.counts.settled).toBe(chaos.counts.asked);
        expect(chaos.store.inFlight.every((count) => count === 0)).toBe(true);
        chaos.director.update([]);
        const after = chaos.director.stats();
        expect(after).toMatchObject({ readyEndpoints: 0, prefixIndexSize: 0 });
        expect(after.queues.every(({ requests, bytes }) => requests === 0 && bytes === 0)).toBe(true);
        expect(after.queues.length).toBeLessThanOrEqual(flowLimit);
      } finally {
        await chaos.stop();
        process.off('unhandledRejection', onFault);
        process.off('uncaughtException', onFault);
      }
      expect(faults).toEqual([]);
      expect(chaos.timersOpen()).toBe(0);
    },
    seconds * 1_000 + 60_000,
  );
});

interface Chaos {
  readonly director: Director;
  readonly store: EndpointStore;
  readonly counts: {
    asked: number;
    settled: number;
    dispatched: number;
    replaced: number;
    pickedGone: string[];
  };
  readonly timersOpen: () => number;
  /** Returns how many steps were taken. */
  run(forMs: number): Promise<number>;
  /** Ends all requests; resolves when nothing is queued. */
  quiesce(): Promise<void>;
  /** Stops everything and sees that nothing scrapes or stays connected. */
  stop(): Promise<void>;
}

async function startChaos(text: string, random: Random): Promise<Chaos> {
  const config = text === '' ? parseConfig() : parseConfig(text);
  const log = createLog({ level: 'silent' });
  const now = (): number => performance.now();
  const { timers, open } = countedTimers();
  const store = new EndpointStore();
  const director = createDirector({
    config,
    pool: { namespace: 'ns', name: 'pool' },
    clock: now,
    random: () => random.next(),
    timers,
    observer: {},
    store,
    log,
    metricsIntervalMs: 50,
  });
  const http = createHttpScrape();
  const scraper = createScraper({
    scrape: (url, signal) => http.scrape(url, signal),
    source: metricsSourceOf(config),
    record: (key, metrics) => {
      director.recordMetrics(key, metrics);
    },
    now,
    intervalMs: 50,
    log,
  });
  const counts: Chaos['counts'] = { asked: 0, settled: 0, dispatched: 0, replaced: 0, pickedGone: [] };
  const fleet = new Map<string, ModelServer>();
  const goneSince = new Map<string, number>();
  const news: { atMs: number; keys: readonly string[] }[] = [];
  const running: { endMs: number; scheduled: ScheduledRequest; isSettled: () => boolean }[] = [];
  const closing = new Set<Promise<void>>();

  const start = async (): Promise<void> => {
    const server = await startModelServer(random.pick(behaviours), () => random.next());
    fleet.set(server.endpoint.key, server);
    goneSince.delete(server.endpoint.key);
  };
  const remove = (server: ModelServer): void => {
    fleet.delete(server.endpoint.key);
    goneSince.set(server.endpoint.key, now());
    const closed = server.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  const known = new Map<string, ModelServer['endpoint']>();
  const tell = (keys: readonly string[]): void => {
    const endpoints = keys.flatMap((key) => known.get(key) ?? []);
    director.update(endpoints);
    scraper.update(endpoints);
  };
  const publish = (): void => {
    known.clear();
    for (const [key, { endpoint }] of fleet) known.set(key, endpoint);
    const last = news.at(-1)?.atMs ?? 0;
    news.push({ atMs: Math.max(last, now() + random.next() * newsLagMs), keys: [...fleet.keys()] });
  };
  const change = async (): Promise<void> => {
    for (let at = 0; at < changesPerStep; at += 1) {
      const [first, ...others] = fleet.values();
      const dice = random.next();
      if (first === undefined || (dice < 0.5 && fleet.size < fleetSize)) await start();
      else if (dice < 0.8) random.pick([first, ...others]).behaviour = random.pick(behaviours);
      else {
        remove(random.pick([first, ...others]));
        counts.replaced += 1;
      }
    }
    publish();
  };
  const ask = (): void => {
    counts.asked += 1;
    const hasher = director.promptHasher('chat-completions');
    const group = Math.floor(random.next() * 50);
    const prompt = `group ${group} `.repeat(40) + String(random.next());
    hasher?.push(Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: prompt }] })));
    const header = (name: string): string | undefined =>
      name === 'x-gateway-inference-fairness-id'
        ? // Most come from five tenants; some invent an id each time.
          group < 40
          ? `tenant-${group % 5}`
          : `invented-${counts.asked}`
        : undefined;
    const request = { id: '', header, incomingModel: 'm', streaming: false, bodyBytes: 600, prompt: hasher?.finish() };
    let over = false;
    const scheduled = director.schedule(request, (decision) => {
      if (over) throw new Error('settled twice');
      over = true;
      counts.settled += 1;
      if (decision.type === 'drop') return;
      counts.dispatched += 1;
      for (const { key } of decision.targets) {
        const gone = goneSince.get(key);
        if (gone !== undefined && now() - gone > goneLimitMs) counts.pickedGone.push(key);
      }
    });
    running.push({ endMs: now() + random.next() * 100, scheduled, isSettled: () => over });
  };
  const endDue = (nowMs: number): void => {
    for (let at = running.length - 1; at >= 0; at -= 1) {
      const item = running[at];
      if (item === undefined || item.endMs > nowMs) continue;
      running[at] = running.at(-1) ?? item;
      running.pop();
      const dice = random.next();
      // Clients give up, above all those that still wait in the queue.
      if (dice < 0.1 || !item.isSettled()) item.scheduled.cancel();
      else {
        const elsewhere = [...fleet.keys()][Math.floor(random.next() * fleet.size)];
        item.scheduled.responseHeaders(200, dice < 0.2 ? elsewhere : undefined);
        item.scheduled.responseChunk(100);
        item.scheduled.completed();
        // What comes after the end must do nothing.
        item.scheduled.completed();
      }
    }
  };

  for (let at = 0; at < fleetSize; at += 1) await start();
  publish();
  tell([...fleet.keys()]);

  return {
    director,
    store,
    counts,
    timersOpen: open,
    async run(forMs) {
      const startedMs = now();
      let steps = 0;
      for (let elapsed = 0; elapsed < forMs; elapsed = now() - startedMs) {
        steps += 1;
        await change();
        while (news[0] !== undefined && news[0].atMs <= now()) tell(news.shift()?.keys ?? []);
        // By the clock: a slow machine asks for more at a time, never for fewer.
        while (counts.asked < ((now() - startedMs) / 1_000) * requestsPerSecond) ask();
        endDue(now());
        await delay(20);
      }
      while (counts.asked < (forMs / 1_000) * requestsPerSecond) ask();
      return steps;
    },
    async quiesce() {
      while (running.length > 0) {
        endDue(Infinity);
        await delay(1);
      }
      while (director.stats().queues.some(({ requests }) => requests > 0)) await delay(5);
    },
    async stop() {
      scraper.stop();
      director.stop();
      await http.close();
      const servers = [...fleet.values()];
      const before = servers.reduce((sum, server) => sum + server.scrapes(), 0);
      while (servers.some((server) => server.connections() > 0)) await delay(5);
      await delay(120);
      const after = servers.reduce((sum, server) => sum + server.scrapes(), 0);
      await Promise.all([...closing, ...servers.map((server) => server.close())]);
      expect(after - before).toBeLessThanOrEqual(0);
    },
  };
}

function countedTimers(): { timers: Timers; open: () => number } {
  const pending = new Set<object>();
  return {
    open: () => pending.size,
    timers: {
      after(delayMs, callback) {
        const timer = {};
        pending.add(timer);
        const cancel = realTimers.after(delayMs, () => {
          pending.delete(timer);
          callback();
        });
        return () => {
          pending.delete(timer);
          cancel();
        };
      },
    },
  };
}
