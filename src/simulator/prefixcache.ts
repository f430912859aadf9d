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

/** Hears what becomes of blocks, as vLLM's KV events tell it. */
export interface BlockEvents {
  /** Blocks that follow one another, after `parent` (undefined: at a prompt's start), with their tokens. */
  stored(hashes: readonly number[], parent: number | undefined, tokens: readonly string[], salt: string): void;
  removed(hashes: readonly number[]): void;
}

export interface PrefixCacheOptions {
  /** Makes the hashes of this cache differ from others'. */
  seed?: string;
  events?: BlockEvents;
}

class Block {
  readonly hash: number;
  holders = 0;
  /** Neighbours among the blocks that nobody holds, in the order in which they were let go of; a block alone is its own. */
  before: Block = this;
  after: Block = this;

  constructor(hash: number) {
    this.hash = hash;
  }
}

/** @param capacity blocks in all  @param blockSize tokens in a block */
export function createPrefixCache(
  capacity: number,
  blockSize: number,
  { seed = '', events }: PrefixCacheOptions = {},
): PrefixCache {
  const blocks = new Map<number, Block>();
  const free = createFreeList();
  let held = 0;

  const hold = (block: Block): void => {
    if (block.holders === 0) {
      held++;
      free.remove(block);
    }
    block.holders++;
  };
  const letGo = (block: Block): void => {
    block.holders--;
    if (block.holders > 0) return;
    held--;
    free.append(block);
  };
  /** A new block where there is room or one that can go; it is nobody's yet. */
  const createBlock = (hash: number): Block | undefined => {
    if (blocks.size >= capacity) {
      const oldest = free.oldest();
      if (oldest === undefined) return undefined;
      free.remove(oldest);
      blocks.delete(oldest.hash);
      events?.removed([oldest.hash]);
    }
    const block = new Block(hash);
    free.append(block);
    blocks.set(hash, block);
    return block;
  };

  /** Tells of the blocks from `from` up to `to`, which are new. */
  const tellStored = (
    hashes: readonly number[],
    from: number,
    to: number,
    tokens: readonly string[],
    salt: string,
  ): void => {
    if (events === undefined || from === to) return;
    events.stored(hashes.slice(from, to), hashes[from - 1], tokens.slice(from * blockSize, to * blockSize), salt);
  };

  return {
    acquire(salt, tokens) {
      const hashes = blockHashes(seed + salt, tokens, blockSize);
      const taken: Block[] = [];
      let cachedBlocks = 0;
      let hit = true;
      /** The first of the new blocks that nobody was told of yet. */
      let firstNew = 0;
      for (const hash of hashes) {
        const known = blocks.get(hash);
        hit &&= known !== undefined;
        if (hit) cachedBlocks++;
        const block = known ?? createBlock(hash);
        if (block === undefined) break;
        if (known !== undefined) {
          tellStored(hashes, firstNew, taken.length, tokens, salt);
          firstNew = taken.length + 1;
        }
        hold(block);
        taken.push(block);
      }
      tellStored(hashes, firstNew, taken.length, tokens, salt);
      let released = false;
      return {
        cachedTokens: cachedBlocks * blockSize,
        release() {
          if (released) return;
          released = true;
          // The last block first: of one prompt, the end is less likely to be shared and should go first.
          for (const block of taken.toReversed()) letGo(block);
        },
      };
    },
    usage: () => (capacity === 0 ? 0 : held / capacity),
  };
}

/** A ring through a block that stands for the list itself: taking one out of the middle costs as little as at its ends. */
function createFreeList() {
  const ends = new Block(NaN);
  return {
    append(block: Block): void {
      block.before = ends.before;
      block.after = ends;
      ends.before.after = block;
      ends.before = block;
    },
    remove(block: Block): void {
      block.before.after = block.after;
      block.after.before = block.before;
    },
    oldest: (): Block | undefined => (ends.after === ends ? undefined : ends.after),
  };
}

/** Chained hashes of the whole blocks of a prompt; the incomplete last block has none, as in vLLM. */
function blockHashes(salt: string, tokens: readonly string[], blockSize: number): number[] {
  const hashes: number[] = [];
  let previous = hash53([salt], 0, 1, 0);
  for (let end = blockSize; end <= tokens.length; end += blockSize) {
    previous = hash53(tokens, end - blockSize, end, previous);
    hashes.push(previous);
  }
  return hashes;
}

/** Two multiplicative 32-bit hashes side by side, as one 53-bit number: enough that a collision never decides a test. */
function hash53(tokens: readonly string[], from: number, to: number, seed: number): number {
  let low = 0x811c9dc5 ^ (seed % 0x100000000);
  let high = 0x41c6ce57 ^ Math.floor(seed / 0x100000000);
  for (let index = from; index < to; index++) {
    const token = tokens[index] ?? '';
    for (let at = 0; at <= token.length; at++) {
      // A zero ends each token, so that "a", "b" is not "ab".
      const code = at < token.length ? token.charCodeAt(at) : 0;
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5f356495);
      high ^= high >>> 15;
    }
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b);
  high = Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ low;
  return ((high >>> 0) % 0x200000) * 0x100000000 + (low >>> 0);
}
