import { describe, expect, it } from 'vitest';
import {
  globPattern,
  labelValue,
  legacyLabelValue,
  nameLabel,
  propagatedLabels,
} from '../../../src/controllers/aim/labels.ts';

describe('label values', () => {
  it.each([
    ['Qwen/Qwen3-32B', 'qwen_qwen3-32b'],
    ['Team A', 'team_a'],
    ['a..b__', 'a..b'],
    ['', ''],
    ['x'.repeat(80), 'x'.repeat(63)],
  ])('%j is %j (aim.md 16.4)', (text, expected) => {
    expect(labelValue(text)).toBe(expected);
  });

  it.each([
    ['Qwen//Qwen3 32B', 'Qwen_Qwen3_32B'],
    ['///', 'unknown'],
    ['', 'unknown'],
  ])('%j is %j in the older group', (text, expected) => {
    expect(legacyLabelValue(text)).toBe(expected);
  });

  it('fits long names of objects, and tells them apart', () => {
    const long = 'a'.repeat(100);
    expect(nameLabel(long)).toMatch(/^a{54}-[0-9a-f]{8}$/);
    expect(nameLabel(long)).not.toBe(nameLabel(`${long}b`));
    expect(nameLabel('short')).toBe('short');
  });
});

describe('globs of label keys (aim.md 3.3)', () => {
  it.each([
    ['*', 'team', true],
    ['*', 'org.example/team', false],
    ['org.example/*', 'org.example/team', true],
    ['org.example/*', 'org.example/team/x', false],
    ['*/*', 'org.example/team', true],
    ['t?am', 'team', true],
    ['t?am', 't/am', false],
    ['t[a-f]am', 'team', true],
    ['t[^a-f]am', 'team', false],
    [String.raw`t\*`, 't*', true],
    [String.raw`t\*`, 'tx', false],
    ['a.b', 'axb', false],
    ['[', '[', false],
    ['[]', '[]', false],
    ['[a-]', 'a', false],
    ['x\\', 'x', false],
  ])('%s and %s: %s', (glob, key, expected) => {
    expect(globPattern(glob)?.test(key) ?? false).toBe(expected);
  });
});

describe('labels that children inherit', () => {
  const labels = { 'aim.eai.amd.com/x': '1', 'org.example/team': 'a', plain: 'b' };
  it.each([
    ['nothing configured', undefined, ['aim.eai.amd.com/x']],
    ['no globs', { enabled: true }, ['aim.eai.amd.com/x']],
    ['not enabled', { match: ['*'] }, ['aim.eai.amd.com/x']],
    ['a glob', { enabled: true, match: ['org.example/*'] }, ['aim.eai.amd.com/x', 'org.example/team']],
    ['a glob without a slash', { enabled: true, match: ['*'] }, ['aim.eai.amd.com/x', 'plain']],
    ['a malformed glob', { enabled: true, match: ['[', 'plain'] }, ['aim.eai.amd.com/x', 'plain']],
  ])('%s', (_, propagation, expected) => {
    expect(Object.keys(propagatedLabels(labels, 'aim.eai.amd.com', propagation))).toEqual(expected);
  });
});
