/** A seeded source of randomness, so that a simulation can be repeated exactly. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Normal with this mean and standard deviation. */
  normal(mean: number, standardDeviation: number): number;
  /** One of the items, each equally likely. The list must not be empty. */
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** mulberry32: 32 bits of state, more than enough to vary texts and delays. */
export function createRandom(seed: number): Random {
  let state = Math.trunc(seed) % 0x100000000;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
  return {
    next,
    // Box-Muller; 1 - u keeps the logarithm finite.
    normal: (mean, deviation) =>
      mean + deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
  };
}
