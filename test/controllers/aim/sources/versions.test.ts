import { describe, expect, it } from 'vitest';
import {
  compareVersions,
  parseConstraint,
  tagSatisfies,
  versionOfTag,
} from '../../../../src/controllers/aim/sources/versions.ts';

describe('version constraints of model sources (aim.md 10, trap 12)', () => {
  it.each([
    ['1.2.3', ['>=1.2.3'], true],
    ['v1.2.3', ['>=1.2.3'], true],
    ['1.2.3', ['>1.2.3'], false],
    ['1.2.3', ['<=1.2.3'], true],
    ['1.2.3', ['<1.2.3'], false],
    ['1.2.3', ['=1.2.3'], true],
    ['1.2.3', ['==1.2.3'], true],
    ['1.2.3', ['1.2.3'], true],
    ['1.2.3', ['!1.2.3'], false],
    ['1.2.4', ['!=1.2.3'], true],
    ['0.10.0', ['>=0.9.0'], true],
    // One dot is padded.
    ['1.2.0', ['>=1.2'], true],
    ['1.1.9', ['>=1.2'], false],
    // All must hold, in one constraint or in several.
    ['1.5.0', ['>=1.0.0 <2.0.0'], true],
    ['2.0.0', ['>=1.0.0 <2.0.0'], false],
    ['2.0.0', ['>=1.0.0', '<2.0.0'], false],
    ['1.5.0', ['>= 1.0.0 < 2.0.0'], true],
    // Alternatives.
    ['3.0.0', ['<1.0.0 || >=3.0.0'], true],
    ['2.0.0', ['<1.0.0 || >=3.0.0'], false],
    // Wildcards.
    ['1.2.9', ['1.2.x'], true],
    ['1.3.0', ['1.2.x'], false],
    ['1.9.0', ['1.x'], true],
    ['2.0.0', ['1.x.x'], false],
    ['2.0.0', ['>1.x'], true],
    ['1.9.9', ['>1.x'], false],
    ['1.9.9', ['<=1.x'], true],
    // What cannot be read is ignored: npm's ranges, a v, one number, nonsense.
    ['0.1.0', ['~1.2'], true],
    ['0.1.0', ['^1.2'], true],
    ['0.1.0', ['^1.2.3'], true],
    ['0.1.0', ['>=v1.0.0'], true],
    ['0.1.0', ['newest'], true],
    ['0.1.0', ['~1.2', '>=1.0.0'], false],
    // Pre-releases compare by plain precedence and are not left out.
    ['1.0.0-rc1', ['>=0.9.0'], true],
    ['1.0.0-rc1', ['<1.0.0'], true],
    ['1.0.0-rc1', ['>=1.0.0'], false],
    // Tags that are not strict semver are dropped only when there are constraints.
    ['latest', ['>=0.0.0'], false],
    ['latest', ['~1.2'], false],
    ['1.2', ['>=0.0.0'], false],
    ['01.2.3', ['>=0.0.0'], false],
    ['latest', [], true],
  ])('%s against %j: %s', (tag, constraints, satisfied) => {
    expect(tagSatisfies(tag, constraints)).toBe(satisfied);
  });

  it('orders versions as semver 2.0.0, section 11, does', () => {
    const ordered = [
      '0.9.9',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.2.0',
      '10.0.0',
    ].map((text) => versionOfTag(text));
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) {
        expect(a).toBeDefined();
        if (a !== undefined && b !== undefined) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
      }
    }
  });

  it('knows which constraints it cannot read', () => {
    expect(parseConstraint('~1.2')).toBeUndefined();
    expect(parseConstraint('')).toBeUndefined();
    expect(parseConstraint('>=1.0.0 ||')).toBeUndefined();
    expect(parseConstraint('>=1.0.0')).toBeDefined();
  });
});
