import { describe, expect, it } from 'vitest';
import { matchesLabels, meets, parseSelector } from '../../src/kinds/labels.ts';

const labels = { app: 'mistral', tier: 'model', generation: '4' };

describe('label selectors', () => {
  it.each([
    ['app=mistral', true],
    ['app==mistral', true],
    ['app=other', false],
    ['app!=other', true],
    ['missing!=x', true],
    ['app in (llama, mistral)', true],
    ['app notin (llama,mistral)', false],
    ['app,tier', true],
    ['!missing', true],
    ['!app', false],
    ['missing', false],
    ['app in (llama, mistral),tier=model,!gone', true],
    ['generation>3', true],
    ['generation < 4', false],
    ['app>3', false],
    ['missing>3', false],
    ['app in (mistral,)', true],
    ['', true],
  ])('%j against the labels is %s', (text, expected) => {
    expect(parseSelector(text).every((requirement) => meets(requirement, labels))).toBe(expected);
  });

  it('says which term it does not understand', () => {
    expect(() => parseSelector('app=mistral,a b c')).toThrow('"a b c" is not a label selector');
    expect(() => parseSelector('generation>x')).toThrow('"generation>x" compares with no integer');
    expect(() => parseSelector('app=mistral,,tier')).toThrow('has nothing before or after a comma');
    expect(() => parseSelector('app=mistral,')).toThrow('has nothing before or after a comma');
  });

  it('matches matchLabels and matchExpressions together, and everything when empty', () => {
    const selector = { matchLabels: { app: 'mistral' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] };
    expect(matchesLabels(selector, labels)).toBe(true);
    expect(matchesLabels(selector, { app: 'mistral' })).toBe(false);
    expect(matchesLabels({}, undefined)).toBe(true);
    expect(() => matchesLabels({ matchExpressions: [{ key: 'a', operator: 'Near' }] }, labels)).toThrow('"Near"');
  });
});
