/**
 * The KV cache of the simulated model: blocks of prompt tokens, each known by the hash of itself and all before it, so
 * that prompts with the same beginning share blocks. Blocks of running requests are held; the others stay until room is
 * needed, and then the least recently used goes first.
 */
export interface PrefixCache {
  /**
   * Looks up a prompt's blocks, takes those there are and stores those missing as far as there is room. `release` lets go of
   * them when the request ends.
   */
  acquire(salt: string, tokens: readonly string[]): { cachedTokens: number; release: () => void };
  /** Blocks held by running requests as a fraction of all, 0..1. */
  usage(): number;
}

interface Block {
  holders: number;
}

/** @param capacity blocks in all  @param blockSize tokens in a block */
export function createPrefixCache(capacity: number, blockSize: number): PrefixCache {
  /** In order of last use: a Map keeps the order of insertion. */
  const blocks = new Map<number, Block>();
  let held = 0;

  const touch = (hash: number, block: Block): void => {
    blocks.delete(hash);
    blocks.set(hash, block);
  };
  const makeRoom = (): boolean => {
    if (blocks.size < capacity) return true;
    if (held >= capacity) return false;
    for (const [hash, block] of blocks) {
      if (block.holders > 0) continue;
      blocks.delete(hash);
      return true;
    }
    return false;
  };
  const hold = (hash: number, block: Block): void => {
    if (block.holders === 0) held++;
    block.holders++;
    touch(hash, block);
  };

  return {
    acquire(salt, tokens) {
      const hashes = blockHashes(salt, tokens, blockSize);
      const taken: number[] = [];
      let cachedBlocks = 0;
      let hit = true;
      for (const hash of hashes) {
        const known = blocks.get(hash);
        hit &&= known !== undefined;
        if (hit) cachedBlocks++;
        if (known === undefined && !makeRoom()) break;
        hold(hash, known ?? { holders: 0 });
        taken.push(hash);
      }
      let released = false;
      return {
        cachedTokens: cachedBlocks * blockSize,
        release() {
          if (released) return;
          released = true;
          // The last block first: of one prompt, the end is less likely to be shared and should go first.
          for (const hash of taken.toReversed()) {
            const block = blocks.get(hash);
            if (block === undefined) continue;
            block.holders--;
            if (block.holders === 0) held--;
            touch(hash, block);
          }
        },
      };
    },
    usage: () => (capacity === 0 ? 0 : held / capacity),
  };
}

/** Chained hashes of the whole blocks of a prompt; the incomplete last block has none, as in vLLM. */
function blockHashes(salt: string, tokens: readonly string[], blockSize: number): number[] {
  const hashes: number[] = [];
  let previous = hash53(salt, 0);
  for (let end = blockSize; end <= tokens.length; end += blockSize) {
    previous = hash53(tokens.slice(end - blockSize, end).join('\u0000'), previous);
    hashes.push(previous);
  }
  return hashes;
}

/** Two multiplicative 32-bit hashes side by side, as one 53-bit number: enough that a collision never decides a test. */
function hash53(text: string, seed: number): number {
  let low = 0x811c9dc5 ^ (seed % 0x100000000);
  let high = 0x41c6ce57 ^ Math.floor(seed / 0x100000000);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5f356495);
    high ^= high >>> 15;
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b);
  high = Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ low;
  return ((high >>> 0) % 0x200000) * 0x100000000 + (low >>> 0);
}
