import { createContext, Script } from 'node:vm';

/**
 * Bounds the time of users' regular expressions, which JavaScript matches by trying out: some take exponential time. Only a watchdog
 * outside of JavaScript can end a match, and starting one costs more than most checks of an object, so that only schemas whose
 * patterns may need it are run with one.
 */
const maxMs = 3_000;

const room: { work: (() => unknown) | undefined } = { work: undefined };
createContext(room);
const script = new Script('work()');

/** Runs `work` to its end, or ends it: then the answer is undefined. */
export function withinPatternTime<T>(work: () => T): T | undefined {
  let result: T | undefined;
  room.work = () => {
    result = work();
  };
  try {
    script.runInContext(room, { timeout: maxMs });
    return result;
  } catch (error) {
    if (isTimeout(error)) return undefined;
    throw error;
  } finally {
    room.work = undefined;
  }
}

function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

/** Whether a schema has, at any depth, a pattern or a rule with one whose time is not evidently short. */
export function hasSlowPatterns(root: unknown): boolean {
  const seen = new Set<unknown>();
  const visit = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return false;
    seen.add(value);
    return Object.entries(value).some(([name, field]: [string, unknown]) => {
      if (typeof field !== 'string') return visit(field);
      if (name === 'pattern') return mayBacktrack(field);
      return (name === 'rule' || name === 'messageExpression') && /\b(?:matches|find|findAll)\s*\(/.test(field);
    });
  };
  return visit(root);
}

/** A repeated group, a back reference or several open repetitions. */
function mayBacktrack(pattern: string): boolean {
  return /\)[*+{]|\\[1-9k]/.test(pattern) || (pattern.match(/[*+]|\{\d+,\d*\}/g) ?? []).length > 2;
}
