import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMsgpack } from '../../src/wire/msgpackread.ts';
import { pack } from './pack.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('decodeMsgpack', () => {
  it.each([
    ['00', 0],
    ['7f', 127],
    ['ff', -1],
    ['e0', -32],
    ['cc ff', 255],
    ['cd 0100', 256],
    ['ce ffffffff', 4_294_967_295],
    ['cf 001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['cf ffffffffffffffff', 18_446_744_073_709_551_615n],
    ['d0 80', -128],
    ['d1 8000', -32_768],
    ['d2 80000000', -2_147_483_648],
    ['d3 ffffffffffffffff', -1],
    ['d3 8000000000000000', -9_223_372_036_854_775_808n],
    ['ca 3fc00000', 1.5],
    ['cb 3ff8000000000000', 1.5],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['a0', ''],
    ['a3 616263', 'abc'],
    ['d9 02 c3a9', 'é'],
    ['da 0001 61', 'a'],
    ['db 00000001 61', 'a'],
    ['c4 02 0102', Buffer.from([1, 2])],
    ['c5 0001 07', Buffer.from([7])],
    ['c6 00000001 07', Buffer.from([7])],
    ['90', []],
    ['93 01 a1 62 c0', [1, 'b', null]],
    ['dc 0002 01 02', [1, 2]],
    ['dd 00000001 91 01', [[1]]],
    [
      '82 a1 61 01 a1 62 02',
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    ],
    ['de 0001 01 02', new Map([[1, 2]])],
  ])('%s', (hex, expected) => {
    expect(decodeMsgpack(bytes(hex))).toEqual(expected);
  });

  it.each([
    ['nothing', '', /ends early/],
    ['a text that is cut off', 'a3 6162', /ends early/],
    ['four milliard items that are not there', 'dd ffffffff 01', /ends early/],
    ['an extension', 'd4 01 02', /0xd4 is not supported/],
    ['the byte that is never used', 'c1', /0xc1/],
    ['a tower of arrays', '91'.repeat(40), /nested too deeply/],
  ])('refuses %s', (_, hex, message) => {
    expect(() => decodeMsgpack(bytes(hex))).toThrow(message);
  });

  it('reads back what was packed, and refuses each beginning of it', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 5 }),
      ),
    }));
    fc.assert(
      fc.property(value, (item) => {
        const packed = pack(item);
        expect(decodeMsgpack(packed)).toEqual(item);
        expect(() => decodeMsgpack(packed.subarray(0, -1))).toThrow('ends early');
      }),
    );
  });

  it('never fails otherwise than with an Error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeMsgpack(noise);
        } catch (error) {
          expect((error as Error).message).toMatch(/^msgpack /);
        }
      }),
    );
  });
});
