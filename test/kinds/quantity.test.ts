import { describe, expect, it } from 'vitest';
import { binaryQuantity, parseQuantity } from '../../src/kinds/quantity.ts';

describe('quantities', () => {
  it.each([
    ['500m', 0.5],
    ['1Gi', 1024 ** 3],
    ['2e3', 2000],
    ['1.5G', 1.5e9],
    [4, 4],
    ['9094593249', 9094593249],
    ['', undefined],
    ['1 Gi', undefined],
    ['many', undefined],
  ])('reads %s as %s', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  it.each([
    [0, '0'],
    [1000, '1000'],
    [1024, '1Ki'],
    [512 * 1024 ** 2, '512Mi'],
    [40 * 1024 ** 3, '40Gi'],
    [9094593249, '9094593249'],
  ])('prints %s bytes as %s', (bytes, text) => {
    expect(binaryQuantity(bytes)).toBe(text);
  });
});
