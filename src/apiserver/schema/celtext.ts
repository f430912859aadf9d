import type { Environment } from '@marcbachmann/cel-js';
import { chargePattern, chargeText } from './celbudget.ts';
import { compilePattern } from './patterns.ts';

/**
 * CEL's functions on texts, whose work grows with the text: rewritten expressions call these, under names of their own, in the place
 * of the library's, so that the work counts and patterns are RE2.
 */
export function registerTextFunctions(environment: Environment): Environment {
  const counted = <T>(work: (text: string, ...args: string[]) => T) => {
    return (text: string, ...args: string[]): T => {
      chargeText(text);
      return work(text, ...args);
    };
  };
  return environment
    .registerFunction('string.__matches(string): bool', (text: string, pattern: string) => {
      chargePattern(text, pattern);
      return compilePattern(pattern).test(text);
    })
    .registerFunction(
      'string.__contains(string): bool',
      counted((text, part = '') => text.includes(part)),
    )
    .registerFunction(
      'string.__startsWith(string): bool',
      counted((text, part = '') => text.startsWith(part)),
    )
    .registerFunction(
      'string.__endsWith(string): bool',
      counted((text, part = '') => text.endsWith(part)),
    )
    .registerFunction(
      'string.__lowerAscii(): string',
      counted((text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase())),
    )
    .registerFunction(
      'string.__upperAscii(): string',
      counted((text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase())),
    )
    .registerFunction(
      'string.__split(string): list',
      counted((text, separator = '') => text.split(separator)),
    );
}
