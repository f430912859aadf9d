/**
 * `approx-prefix-cache-producer`: guesses what endpoints have cached from where prompts went before (epp.md 5.5). Also kept by a
 * `prefix-cache-scorer` that has parameters of its own, as up to v1.5.
 */
import type { Parameters } from '../config/parameters.ts';
import type { Cycle, Plugin, PluginContext, PluginFactory, SchedulingResult } from '../plugin.ts';
import type { EndpointStore } from '../store.ts';
import { BlockIndex } from './blockindex.ts';
import { scopeOf } from './prompthasher.ts';

/** Estimate used where tokens are not known. */
const bytesPerToken = 4;
/** Pairs of block and endpoint over the whole pool: 32 bytes each, and up to 32 in the table of pairs and 64 in that of blocks. */
const maxPairs = 4 * 1024 * 1024;

export const approxPrefixCacheProducer: PluginFactory = {
  types: ['approx-prefix-cache-producer'],
  create: (name, parameters, context) => ({
    type: 'approx-prefix-cache-producer',
    name,
    ...createApproximatePrefix(parameters, context),
  }),
};

interface BlockSize {
  /** In bytes of the prompt. */
  readonly bytes: number;
  /** hashBlockSize is of v1.0.1, which had no autoTune and dropped the incomplete last block. */
  readonly v1: boolean;
}

/** hashBlockSize (characters), blockSize (characters), blockSizeTokens (tokens): the first that is set wins. */
function readBlockSize(parameters: Parameters): BlockSize {
  const v1 = parameters.has('hashBlockSize');
  const hashBlockSize = parameters.count('hashBlockSize', 0, 1);
  const blockSize = parameters.count('blockSize', 0);
  const tokens = parameters.count('blockSizeTokens', 16, 1);
  return { bytes: hashBlockSize || blockSize || tokens * bytesPerToken, v1 };
}

export function createApproximatePrefix(
  parameters: Parameters,
  { store, observer }: PluginContext,
): Required<Pick<Plugin, 'produce' | 'matches' | 'hashing' | 'indexSize' | 'preRequest' | 'forget'>> {
  const size = readBlockSize(parameters);
  const autoTune = parameters.flag('autoTune', !size.v1);
  const maxBlocks = parameters.count('maxPrefixBlocksToMatch', 256, 1);
  const maxTokens = parameters.count('maxPrefixTokensToMatch', 0);
  const lruCapacity = parameters.count('lruCapacityPerServer', 31_250, 1);
  const index = new BlockIndex(maxPairs);
  const matches = {
    matched: new Float64Array(store.capacity),
    totalBlocks: 0,
    blockTokens: size.bytes / bytesPerToken,
  };
  let scopeLow = 0;
  let scopeHigh = 0;
  let scopeModel: string | undefined;
  let scopeSalt: string | undefined;

  const blockBytes = (): number => {
    const tokens = autoTune ? (store.cacheBlockSize[store.ready[0] ?? 0] ?? 0) : 0;
    return tokens > 0 ? tokens * bytesPerToken : size.bytes;
  };
  const enterScope = (model: string, salt: string): void => {
    if (model === scopeModel && salt === scopeSalt) return;
    [scopeLow, scopeHigh] = scopeOf(model, salt);
    scopeModel = model;
    scopeSalt = salt;
  };
  const capacityOf = (store: EndpointStore, slot: number): number => {
    const blocks = autoTune ? (store.cacheBlocks[slot] ?? 0) : 0;
    return blocks > 0 ? blocks : lruCapacity;
  };
  const remember = ({ store, request }: Cycle, slot: number): void => {
    const { prompt } = request;
    if (prompt === undefined) return;
    const { words, blocks } = prompt;
    const capacity = capacityOf(store, slot);
    // The last first: a prompt's end is less likely to be shared and should be forgotten first.
    for (let at = Math.min(blocks, capacity) * 2 - 2; at >= 0; at -= 2) {
      index.add(slot, (words[at] ?? 0) ^ scopeLow, (words[at + 1] ?? 0) ^ scopeHigh, capacity);
    }
  };

  return {
    matches,
    hashing() {
      const bytes = blockBytes();
      const blocks = maxTokens === 0 ? maxBlocks : Math.max(1, Math.floor((maxTokens * bytesPerToken) / bytes));
      return { blockBytes: bytes, maxBlocks: blocks, partialTail: !size.v1 };
    },
    produce({ request, targetModel }) {
      if (matches.matched.length < store.capacity) matches.matched = new Float64Array(store.capacity);
      else matches.matched.fill(0);
      const { prompt } = request;
      matches.totalBlocks = prompt?.blocks ?? 0;
      if (prompt === undefined) return;
      matches.blockTokens = prompt.blockBytes / bytesPerToken;
      enterScope(targetModel, prompt.cacheSalt);
      index.countMatches(prompt.words, prompt.blocks, scopeLow, scopeHigh, matches.matched);
    },
    preRequest(cycle: Cycle, { primary, prefill }: SchedulingResult) {
      const [target] = primary.picked;
      const bytes = cycle.request.prompt?.blockBytes ?? 0;
      if (matches.totalBlocks > 0) observer.prefix?.(matches.matched[target] ?? 0, matches.totalBlocks, bytes);
      remember(cycle, target);
      if (prefill !== undefined) remember(cycle, prefill.picked[0]);
    },
    forget(slot) {
      index.clear(slot);
    },
    indexSize: () => index.size,
  };
}
