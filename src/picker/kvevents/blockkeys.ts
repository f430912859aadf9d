import xxhash from 'xxhash-wasm';

const hashes = await xxhash();

/** Names a block of tokens together with all before it. */
export interface BlockKey {
  readonly low: number;
  readonly high: number;
}

/** The parent of a prompt's first block: prompts of different models and adapters share nothing. */
export function firstKey(model: string): BlockKey {
  return split(hashes.h64(model));
}

/** What is hashed: a block's tokens and its parent. */
let words = new Uint32Array(0);
let bytes = new Uint8Array(0);

/** The key of the `count` tokens from `from` on, after `parent`. */
export function nextKey(parent: BlockKey, tokens: ArrayLike<number>, from: number, count: number): BlockKey {
  if (words.length !== count + 2) {
    words = new Uint32Array(count + 2);
    bytes = new Uint8Array(words.buffer);
  }
  for (let at = 0; at < count; at += 1) words[at] = tokens[from + at] ?? 0;
  words[count] = parent.low;
  words[count + 1] = parent.high;
  return split(hashes.h64Raw(bytes));
}

function split(hash: bigint): BlockKey {
  return { low: Number(hash & 0xffffffffn), high: Number(hash >> 32n) };
}
