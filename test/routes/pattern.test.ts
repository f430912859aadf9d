import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../src/routes/pattern.ts';

function test(source: string, text: string): boolean | string {
  const compiled = compilePattern(source);
  return 'problem' in compiled ? compiled.problem : compiled.pattern.test(text);
}

describe('a pattern', () => {
  it.each([
    ['gpt-4.*', 'gpt-4o-mini', true],
    ['gpt-4', 'gpt-4o', false],
    ['4o', 'gpt-4o', false],
    ['gpt-4o|gpt-4.1|o3', 'o3', true],
    ['gpt-4o|gpt-4.1|o3', 'gpt-4o-x', false],
    ['(?i)LLAMA-[0-9]+b', 'llama-70B', true],
    ['.*llama.*-instruct', 'meta-llama/Llama-3.1-llama-8b-instruct', true],
    ['(?:claude|gpt)-(\\d+)', 'claude-3', true],
    ['/v[12]/models(/[^/]+)?', '/v1/models/x', true],
    ['(ab)+', 'ababab', true],
    ['a{2,3}', 'aaaa', false],
    ['^abc$', 'abc', true],
  ])('%s on %s', (source, text, expected) => {
    expect(test(source, text)).toBe(expected);
  });

  it.each([
    ['(a+)+', 'may take too long'],
    ['(a|a)*', 'may take too long'],
    ['(a|b){50}', 'may take too long'],
    ['.*a.*b.*c.*d.*', 'may take too long'],
    ['a?'.repeat(20), 'may take too long'],
    ['(a)\\1', 'is not supported from'],
    ['(?=a)b', 'look-around'],
    ['(?P<x>a)', 'look-around, flags or named groups'],
    ['[[:alpha:]]', 'is not supported from'],
    ['\\pL', 'is not supported from'],
    ['[]a]', 'is not supported from'],
    ['a{1,1000}', 'more than 100 times'],
    ['(a', '( without a )'],
    ['a)', ') without a ('],
    ['*', 'nothing to repeat'],
    ['a'.repeat(1025), 'longer than 1024'],
  ])('%s is refused', (source, problem) => {
    expect(test(source, '')).toContain(problem);
  });

  it('answers in bounded time on texts made to be slow', () => {
    const slow: readonly [string, string][] = [
      ['.*a.*b.*c', 'ab'.repeat(8000)],
      ['.*a.*b.*c', 'ab'.repeat(70)],
      ['a*a*', `${'a'.repeat(1500)}!`],
      ['(x|y|z)(x|y|z)(x|y|z)a*!', 'a'.repeat(16_000)],
    ];
    for (const [source, text] of slow) {
      const started = performance.now();
      expect(test(source, text)).toBe(false);
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});
