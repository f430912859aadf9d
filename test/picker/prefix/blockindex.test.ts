import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockIndex } from '../../../src/picker/prefix/blockindex.ts';

/** What the index promises, in plain collections: per endpoint the blocks from least to most recently used. */
class Model {
  readonly held = new Map<number, string[]>();

  add(slot: number, block: string, capacity: number): void {
    const blocks = (this.held.get(slot) ?? []).filter((other) => other !== block);
    blocks.push(block);
    this.held.set(slot, blocks.slice(-capacity));
  }

  remove(slot: number, block: string): void {
    this.held.set(
      slot,
      (this.held.get(slot) ?? []).filter((other) => other !== block),
    );
  }

  counts(blocks: readonly string[]): Map<number, number> {
    const counts = new Map<number, number>();
    for (const block of blocks) {
      const holders = [...this.held].filter(([, held]) => held.includes(block));
      if (holders.length === 0) break;
      for (const [slot] of holders) counts.set(slot, (counts.get(slot) ?? 0) + 1);
    }
    return counts;
  }
}

function countsOf(
  index: BlockIndex,
  blocks: readonly (readonly [number, number])[],
  scope = [0, 0],
): Map<number, number> {
  const counts = new Float64Array(4096);
  index.countMatches(Uint32Array.from(blocks.flat()), blocks.length, scope[0] ?? 0, scope[1] ?? 0, counts);
  return new Map(Array.from(counts.entries()).filter(([, count]) => count > 0));
}

describe('BlockIndex', () => {
  it('agrees with plain collections whatever is added, removed and cleared', () => {
    // Few low halves, so that probing sequences collide and deletion has gaps to close.
    const block = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 }));
    const slot = fc.integer({ min: 0, max: 70 });
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ type: fc.constant('add' as const), slot, block }) },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('remove' as const), slot, block }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const), slot, block }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 900, size: 'max' }),
        fc.array(block, { maxLength: 30 }),
        (steps, asked) => {
          const index = new BlockIndex(1_000_000);
          const model = new Model();
          for (const {
            type,
            slot: at,
            block: [low, high],
          } of steps) {
            const name = `${low}/${high}`;
            if (type === 'add') {
              index.add(at, low, high, 12);
              model.add(at, name, 12);
            } else if (type === 'remove') {
              index.remove(at, low, high);
              model.remove(at, name);
            } else {
              index.clear(at);
              model.held.delete(at);
            }
          }
          for (const [at, held] of model.held) expect(index.held(at)).toBe(held.length);
          expect(index.size).toBe([...model.held.values()].reduce((sum, held) => sum + held.length, 0));
          for (const [low, high] of asked) {
            const one = [[low, high]] as const;
            expect(countsOf(index, one)).toEqual(model.counts([`${low}/${high}`]));
          }
          expect(countsOf(index, asked)).toEqual(model.counts(asked.map(([low, high]) => `${low}/${high}`)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts blocks that hundreds hold as exactly as those of a few, over more blocks than a counter has digits for', () => {
    const index = new BlockIndex(1_000_000);
    const blocks = Array.from({ length: 700 }, (_, at) => [(at * 2_654_435_761) >>> 0, at] as const);
    // Endpoint s holds the first s blocks.
    for (let slot = 699; slot >= 0; slot -= 7)
      for (const [low, high] of blocks.slice(0, slot)) index.add(slot, low, high, 1_000);
    const expected = new Map(
      Array.from({ length: 100 }, (_, at) => [699 - at * 7, 699 - at * 7] as const).filter(([slot]) => slot > 0),
    );
    expect(countsOf(index, blocks)).toEqual(expected);
    // Rows of bits fall back to lists when their holders go.
    for (let slot = 699; slot >= 21; slot -= 7) index.clear(slot);
    expect(countsOf(index, blocks)).toEqual(
      new Map(
        [
          [6, 6],
          [13, 13],
          [20, 20],
        ].filter(([slot]) => expected.has(slot ?? 0)) as [number, number][],
      ),
    );
  });

  it('keeps what different scopes hold apart', () => {
    const index = new BlockIndex(1_000);
    index.add(3, 5 ^ 9, 6 ^ 8, 10);
    expect(countsOf(index, [[5, 6]], [9, 8])).toEqual(new Map([[3, 1]]));
    expect(countsOf(index, [[5, 6]])).toEqual(new Map());
  });

  it('never holds more pairs than it may, and takes from those with the most', () => {
    const index = new BlockIndex(300);
    for (let block = 0; block < 300; block += 1) index.add(0, block, 1, 1_000);
    for (let block = 0; block < 200; block += 1) index.add(1, block, 2, 1_000);
    expect(index.size).toBe(300);
    expect([index.held(0), index.held(1)]).toEqual([150, 150]);
    expect(index.has(0, 299, 1)).toBe(true);
    expect(index.has(0, 0, 1)).toBe(false);
  });
});
