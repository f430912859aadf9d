/**
 * What `precise-prefix-cache-scorer` knows: the blocks that endpoints say they hold (epp.md 5.6). Blocks are keyed by their tokens and all
 * before them; engines' own hashes are only names by which later events refer to blocks, so that no hash seed has to agree.
 */
import type { Parameters } from '../config/parameters.ts';
import type { Cycle, Plugin, PluginContext, SchedulingResult } from '../plugin.ts';
import { BlockIndex } from '../prefix/blockindex.ts';
import type { EndpointStore } from '../store.ts';
import { readBatch, type EngineHash, type KvBatch, type KvEvent, type KvMessage } from './events.ts';
import { firstKey, nextKey, type BlockKey } from './blockkeys.ts';

interface Settings {
  readonly blockTokens: number;
  readonly gpuWeight: number;
  readonly cpuWeight: number;
  readonly topic: string;
  readonly bindUrl: string;
  readonly discoversPods: boolean;
  readonly podPort: number;
  readonly speculativeMs: number;
}

/** Blocks that events can name, of one endpoint and of all: about 130 bytes each. Beyond it the endpoint's oldest is forgotten. */
const maxNamedPerEndpoint = 512 * 1024;
const maxNamed = 2 * 1024 * 1024;
const maxPairs = 4 * 1024 * 1024;

export function createPrecisePrefix(
  name: string,
  parameters: Parameters,
  { store, clock, kvEvents, observer }: PluginContext,
): Required<Pick<Plugin, 'produce' | 'matches' | 'indexSize' | 'preRequest' | 'forget' | 'endpointsChanged' | 'stop'>> {
  const settings = readSettings(name, parameters);
  const { blockTokens, gpuWeight, cpuWeight, speculativeMs } = settings;
  const gpu = new BlockIndex(maxPairs);
  const cpu = new BlockIndex(maxPairs);
  /** Blocks of prompts on their way. */
  const speculative = new BlockIndex(maxPairs);
  const expiring: { atMs: number; slot: number; keys: readonly BlockKey[] }[] = [];
  const named = new Map<number, Map<EngineHash, BlockKey>>();
  let namedInAll = 0;
  /** The number of the last message, by slot. */
  const sequences = new Map<number, number>();
  /** Slots of the endpoints by the URL at which their events are heard. */
  let slotsByUrl: ReadonlyMap<string, number> = new Map();
  const matches = { matched: new Float64Array(store.capacity), totalBlocks: 0, blockTokens };
  let runs = new Int32Array(store.capacity);
  let keys: BlockKey[] = [];

  const namesOf = (slot: number): Map<EngineHash, BlockKey> => {
    const known = named.get(slot);
    if (known !== undefined) return known;
    const names = new Map<EngineHash, BlockKey>();
    named.set(slot, names);
    return names;
  };
  const tierOf = (medium: string): BlockIndex => (medium === 'cpu' ? cpu : gpu);
  const forget = (slot: number): void => {
    for (const index of [gpu, cpu, speculative]) index.clear(slot);
    namedInAll -= named.get(slot)?.size ?? 0;
    named.delete(slot);
  };
  const remember = (slot: number, names: Map<EngineHash, BlockKey>, hash: EngineHash, key: BlockKey): void => {
    if (!names.has(hash)) {
      namedInAll += 1;
      const [oldest] = names;
      if (oldest !== undefined && (names.size >= maxNamedPerEndpoint || namedInAll > maxNamed)) {
        unname(names, oldest[0]);
        for (const index of [gpu, cpu]) index.remove(slot, oldest[1].low, oldest[1].high);
      }
    }
    names.set(hash, key);
  };
  const unname = (names: Map<EngineHash, BlockKey>, hash: EngineHash): void => {
    if (names.delete(hash)) namedInAll -= 1;
  };

  const apply = (slot: number, model: string, event: KvEvent): void => {
    if (event.type === 'cleared') {
      forget(slot);
      return;
    }
    const names = namesOf(slot);
    const tier = tierOf(event.medium);
    if (event.type === 'removed') {
      for (const hash of event.hashes) {
        const key = names.get(hash);
        if (key === undefined) continue;
        tier.remove(slot, key.low, key.high);
        if (!gpu.has(slot, key.low, key.high) && !cpu.has(slot, key.low, key.high)) unname(names, hash);
      }
      return;
    }
    // Keys are made of this scorer's blocks: others cannot be compared with prompts.
    if (event.blockSize !== blockTokens) return;
    let key = event.parent === undefined ? firstKey(event.lora ?? model) : names.get(event.parent);
    if (key === undefined) return;
    for (const [at, hash] of event.hashes.entries()) {
      if ((at + 1) * blockTokens > event.tokens.length) return;
      key = nextKey(key, event.tokens, at * blockTokens, blockTokens);
      remember(slot, names, hash, key);
      tier.add(slot, key.low, key.high, maxNamedPerEndpoint);
    }
  };

  /** Whose events these are: the endpoint that is connected to, else the one that the topic names by address, pod or name. */
  const slotOf = (pod: string, from: string | undefined, rank = 0): number | undefined => {
    const known = (from === undefined ? undefined : slotsByUrl.get(from)) ?? store.find(pod);
    if (known !== undefined) return known;
    const ranks = Array.from(store.ready).filter((slot) => {
      const endpoint = store.endpoints[slot];
      return endpoint !== undefined && [endpoint.address, endpoint.podName, endpoint.name].includes(pod);
    });
    return ranks[rank] ?? ranks[0];
  };
  const onMessage = ({ topic, from, sequence, payload }: KvMessage): void => {
    const [, pod = '', ...model] = topic.split('@');
    let batch: KvBatch;
    try {
      batch = readBatch(payload);
    } catch (error) {
      observer.kvEventsRefused?.(topic, error instanceof Error ? error.message : String(error));
      return;
    }
    const slot = slotOf(pod, from, batch.rank);
    if (slot === undefined) return;
    if (sequence !== undefined) {
      const last = sequences.get(slot);
      // A publisher that begins anew has an empty cache. After a gap, what is known stays: blocks that it has lost are few.
      if (last !== undefined && sequence <= last) forget(slot);
      else if (last !== undefined && sequence > last + 1) observer.kvEventsMissed?.(topic, sequence - last - 1);
      sequences.set(slot, sequence);
    }
    for (const event of batch.events) apply(slot, model.join('@'), event);
  };

  const subscription = kvEvents?.subscribe(settings.topic, onMessage);
  if (settings.bindUrl !== '') subscription?.bind(settings.bindUrl);

  const expire = (nowMs: number): void => {
    for (let first = expiring[0]; first !== undefined && first.atMs <= nowMs; first = expiring[0]) {
      expiring.shift();
      for (const { low, high } of first.keys) speculative.remove(first.slot, low, high);
    }
  };

  return {
    matches,
    produce({ request, targetModel, nowMs }: Cycle) {
      if (matches.matched.length < store.capacity) {
        matches.matched = new Float64Array(store.capacity);
        runs = new Int32Array(store.capacity);
      } else {
        matches.matched.fill(0);
        runs.fill(0);
      }
      expire(nowMs);
      keys = [];
      const { tokens } = request;
      matches.totalBlocks = tokens === undefined ? 0 : Math.floor(tokens.length / blockTokens);
      if (tokens === undefined) return;
      let key = firstKey(targetModel);
      let going = true;
      for (let at = 0; at < matches.totalBlocks; at += 1) {
        key = nextKey(key, tokens, at * blockTokens, blockTokens);
        keys.push(key);
        if (!going) continue;
        going = false;
        const extend = (slot: number, weight: number): void => {
          // Only those that hold every block before it.
          if (runs[slot] !== at) return;
          runs[slot] = at + 1;
          matches.matched[slot] = (matches.matched[slot] ?? 0) + weight;
          going = true;
        };
        gpu.visit(key.low, key.high, extend, gpuWeight);
        speculative.visit(key.low, key.high, extend, gpuWeight);
        cpu.visit(key.low, key.high, extend, cpuWeight);
      }
    },
    preRequest(_: Cycle, { primary }: SchedulingResult) {
      if (speculativeMs === 0 || keys.length === 0) return;
      const [slot] = primary.picked;
      for (const { low, high } of keys) speculative.add(slot, low, high, maxNamedPerEndpoint);
      expiring.push({ atMs: clock() + speculativeMs, slot, keys });
    },
    endpointsChanged() {
      if (!settings.discoversPods) return;
      slotsByUrl = publishers(store, settings.podPort);
      subscription?.connect([...slotsByUrl.keys()]);
    },
    forget(slot) {
      forget(slot);
      sequences.delete(slot);
    },
    indexSize: () => gpu.size + cpu.size,
    stop() {
      subscription?.close();
    },
  };
}

/** Where pods publish: data-parallel ranks, which share an address, on ports that follow one another as theirs do. */
function publishers(store: EndpointStore, podPort: number): Map<string, number> {
  const byAddress = Map.groupBy(store.ready, (slot) => store.endpoints[slot]?.address ?? '');
  const urls = new Map<string, number>();
  for (const [address, slots] of byAddress) {
    const host = address.includes(':') ? `[${address}]` : address;
    const ranks = slots.toSorted((a, b) => (store.endpoints[a]?.port ?? 0) - (store.endpoints[b]?.port ?? 0));
    for (const [rank, slot] of ranks.entries()) urls.set(`tcp://${host}:${podPort + rank}`, slot);
  }
  return urls;
}

function readSettings(name: string, parameters: Parameters): Settings {
  const processor = parameters.map('tokenProcessorConfig');
  const blockSize = processor.count('blockSize', 16, 1);
  const blockTokens = processor.count('blockSizeTokens', blockSize, 1);
  // Engines' hashes are taken from their events, so that seeds need not agree.
  processor.ignore('hashSeed');
  processor.done();
  const weights = readIndexer(name, parameters.map('indexerConfig'));
  const events = parameters.map('kvEventsConfig');
  const topic = events.text('topicFilter', 'kv@');
  const bindUrl = events.text('zmqEndpoint', '');
  if (bindUrl !== '' && !bindUrl.startsWith('tcp://')) {
    events.fail('zmqEndpoint', 'an address to listen on such as tcp://*:5557 expected', bindUrl);
  }
  events.oneOf('engineType', ['vllm'], 'vllm');
  // Events are applied as they come, on one thread.
  events.ignore('concurrency');
  const discoversPods = events.flag('discoverPods', true);
  const discovery = events.map('podDiscoveryConfig');
  // The pool's endpoints are the pods.
  discovery.ignore('podLabelSelector', 'podNamespace');
  const podPort = discovery.number('socketPort', 5557, { min: 1, max: 65_535, integer: true });
  discovery.done();
  events.done();
  const speculates = parameters.flag('speculativeIndexing', false);
  const ttlMs = parameters.duration('speculativeTTL', 2_000);
  return { blockTokens, ...weights, topic, bindUrl, discoversPods, podPort, speculativeMs: speculates ? ttlMs : 0 };
}

function readIndexer(name: string, indexer: Parameters): { gpuWeight: number; cpuWeight: number } {
  const store = indexer.map('kvBlockIndexConfig');
  if (store.has('redisConfig')) {
    store.fail('redisConfig', `not supported: "${name}" keeps its index in memory; inMemoryConfig expected`, '...');
  }
  // Sizes bound memory upstream; the index here has a fixed bound (docs/picker.md).
  store.ignore('inMemoryConfig', 'costAwareMemoryConfig', 'enableMetrics');
  store.done();
  let [gpuWeight, cpuWeight] = [1, 0.8];
  for (const backend of indexer.maps('kvCacheBackendConfigs')) {
    const tier = backend.oneOf('name', ['gpu', 'cpu'], 'gpu');
    const weight = backend.number('weight', tier === 'gpu' ? gpuWeight : cpuWeight, { min: 0 });
    if (tier === 'gpu') gpuWeight = weight;
    else cpuWeight = weight;
    backend.done();
  }
  indexer.done();
  return { gpuWeight, cpuWeight };
}
