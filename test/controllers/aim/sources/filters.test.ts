import { describe, expect, it } from 'vitest';
import {
  filterMode,
  filterQuery,
  imageOf,
  keepsRepository,
  keepsTag,
  matchesWildcard,
} from '../../../../src/controllers/aim/sources/filters.ts';

const source = { registry: 'docker.io', versions: ['>=1.0.0'] };

describe('filters of cluster model sources (aim.md 10)', () => {
  it.each([
    ['silogen/aim-*', 'docker.io', 'silogen/aim-*', undefined, 'search'],
    ['ghcr.io/silogen/aim-*', 'ghcr.io', 'silogen/aim-*', undefined, 'search'],
    ['ghcr.io/silogen/aim-*:1.0.0', 'ghcr.io', 'silogen/aim-*', '1.0.0', 'search'],
    ['silogen/aim-x', 'docker.io', 'silogen/aim-x', undefined, 'tags'],
    ['silogen/aim-x:0.8.5', 'docker.io', 'silogen/aim-x', '0.8.5', 'exact'],
    ['localhost:5000/a/b', 'localhost:5000', 'a/b', undefined, 'tags'],
    ['localhost:5000/a/b:c', 'localhost:5000', 'a/b', 'c', 'exact'],
  ])('%s', (image, registry, repository, tag, mode) => {
    const query = filterQuery({ image }, source);
    expect(query).toMatchObject({ registry, repository, tag });
    expect(filterMode(query)).toBe(mode);
  });

  it('takes the versions of the source only where the filter has none', () => {
    expect(filterQuery({ image: 'a/b' }, source).versions).toEqual(['>=1.0.0']);
    expect(filterQuery({ image: 'a/b', versions: [] }, source).versions).toEqual(['>=1.0.0']);
    expect(filterQuery({ image: 'a/b', versions: ['<2.0.0'] }, source).versions).toEqual(['<2.0.0']);
  });

  it.each([
    ['silogen/aim-*', 'silogen/aim-llama', true],
    ['silogen/aim-*', 'silogen/aim-', true],
    ['silogen/aim-*', 'silogen/deep/aim-llama', false],
    ['silogen/*', 'silogen/deep/aim-llama', true],
    ['*', 'anything/at/all', true],
    ['*llama*8b', 'org/aim-llama-3-8b', true],
    ['*llama*8b', 'org/aim-8b-llama', false],
    ['*llama*8b', 'org/llama-8b-x', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a.b*', 'aXb', false],
    ['silogen/aim', 'silogen/aim', true],
    ['silogen/aim', 'silogen/aim2', false],
    ['*a*a*', 'a', false],
  ])('wildcard %s against %s: %s', (pattern, text, matches) => {
    expect(matchesWildcard(pattern, text)).toBe(matches);
  });

  it('stays fast on patterns that would make a backtracking matcher hang', () => {
    expect(matchesWildcard('*a'.repeat(255) + '*b', 'a'.repeat(100_000))).toBe(false);
  });

  it('leaves out excluded repositories by exact name', () => {
    const query = filterQuery({ image: 'silogen/*', exclude: ['silogen/base', 'silogen/aim-*'] }, source);
    expect(keepsRepository(query, 'silogen/base')).toBe(false);
    expect(keepsRepository(query, 'silogen/base2')).toBe(true);
    expect(keepsRepository(query, 'silogen/aim-x')).toBe(true);
  });

  it('a tag in the filter counts alone', () => {
    const query = filterQuery({ image: 'a/b*:nightly' }, source);
    expect(keepsTag(query, 'nightly')).toBe(true);
    expect(keepsTag(query, '1.2.3')).toBe(false);
    expect(keepsTag(filterQuery({ image: 'a/b' }, source), '1.2.3')).toBe(true);
    expect(keepsTag(filterQuery({ image: 'a/b' }, source), '0.9.0')).toBe(false);
  });

  it('writes images of Docker Hub without the host', () => {
    expect(imageOf('docker.io', 'a/b', '1')).toBe('a/b:1');
    expect(imageOf('ghcr.io', 'a/b', '1')).toBe('ghcr.io/a/b:1');
  });
});
