import { describe, expect, it } from 'vitest';
import { readBatch } from '../../../src/picker/kvevents/events.ts';
import { pack } from '../../wire/pack.ts';

const read = (...events: readonly unknown[]) => readBatch(pack([1.5, events, 0])).events;

describe('KV events (epp.md 5.6)', () => {
  it('are read by position, with whatever follows ignored', () => {
    const stored = ['BlockStored', [1n, 2n ** 64n - 1n], 7, [10, 11, 12, 13], 2, 3, 'CPU', 'adapter', null, 0, 'new'];
    expect(read(stored, ['BlockRemoved', [-1], 'GPU', 'more'], ['AllBlocksCleared', 'more'])).toEqual([
      {
        type: 'stored',
        hashes: ['1', 'ffffffffffffffff'],
        parent: '7',
        tokens: [10, 11, 12, 13],
        blockSize: 2,
        medium: 'cpu',
        lora: 'adapter',
      },
      // The same 64 bits, signed: the same name.
      { type: 'removed', hashes: ['ffffffffffffffff'], medium: 'gpu' },
      { type: 'cleared' },
    ]);
  });

  it('name blocks by byte strings too, and are in the GPU where they do not say', () => {
    expect(read(['BlockStored', [Buffer.from('ab', 'hex')], null, [1], 1], ['BlockRemoved', []])).toEqual([
      { type: 'stored', hashes: ['bab'], parent: undefined, tokens: [1], blockSize: 1, medium: 'gpu', lora: undefined },
      { type: 'removed', hashes: [], medium: 'gpu' },
    ]);
  });

  it.each([
    ['of a kind that nobody knows', ['BlockMoved', [1]]],
    ['no array', 'BlockStored'],
    ['hashes that are no list', ['BlockStored', 1, null, [1], 1]],
    ['tokens that are no numbers', ['BlockStored', [1], null, ['a'], 1]],
    ['a block of nothing', ['BlockStored', [1], null, [1], 0]],
    ['a fraction of a block', ['BlockStored', [1], null, [1], 1.5]],
  ])('%s are left out', (_, event) => {
    expect(read(event, ['AllBlocksCleared'])).toEqual([{ type: 'cleared' }]);
  });

  it.each([[pack('text')], [pack([1.5])], [pack([1.5, 'events'])]])('that are no batch are an error', (payload) => {
    expect(() => readBatch(payload)).toThrow(/not a batch of KV events/);
  });
});
