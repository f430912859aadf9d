import { createRequire } from 'node:module';
import type * as re2js from 're2js';

/**
 * Users' regular expressions: RE2, as Kubernetes matches them, in time that grows with the text and not exponentially. Loaded when
 * a user's pattern is first met.
 */
export interface TextPattern {
  test(text: string): boolean;
  /** The first match. */
  find(text: string): string | undefined;
  findAll(text: string): string[];
}

const requireModule = createRequire(import.meta.url);
let compile: ((source: string) => re2js.RE2JS) | undefined;

const compiled = new Map<string, TextPattern>();
const maxCompiled = 2000;

/** @throws Error with RE2's words when the pattern is not valid. */
export function compilePattern(source: string): TextPattern {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  if (compile === undefined) {
    const module = requireModule('re2js') as typeof re2js;
    compile = (text) => module.RE2JS.compile(text);
  }
  const pattern = textPattern(compile(source));
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(source, pattern);
  return pattern;
}

function textPattern(expression: re2js.RE2JS): TextPattern {
  return {
    test: (text) => expression.test(text),
    find(text) {
      const matcher = expression.matcher(text);
      return matcher.find() ? (matcher.group() ?? undefined) : undefined;
    },
    findAll(text) {
      const matcher = expression.matcher(text);
      const found: string[] = [];
      while (matcher.find()) found.push(matcher.group() ?? '');
      return found;
    },
  };
}
