import { describe, expect, it } from 'vitest';
import { matchesLabels, meets, parseSelector } from '../../src/kube/labels.ts';

const labels = { app: 'mistral', tier: 'model' };

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
    ['', true],
  ])('%j against the labels is %s', (text, expected) => {
    expect(parseSelector(text).every((requirement) => meets(requirement, labels))).toBe(expected);
  });

  it('says which term it does not understand', () => {
    expect(() => parseSelector('app=mistral,a b c')).toThrow('"a b c" is not a label selector');
  });

  it('matches matchLabels and matchExpressions together, and everything when empty', () => {
    const selector = { matchLabels: { app: 'mistral' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] };
    expect(matchesLabels(selector, labels)).toBe(true);
    expect(matchesLabels(selector, { app: 'mistral' })).toBe(false);
    expect(matchesLabels({}, undefined)).toBe(true);
    expect(() => matchesLabels({ matchExpressions: [{ key: 'a', operator: 'Near' }] }, labels)).toThrow('"Near"');
  });
});
