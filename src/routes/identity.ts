import { hash } from 'node:crypto';
import type { Part } from './table.ts';

/** Enough that two different parts of one key never have the same. */
const identityLength = 20;

/** The part with its identity: a digest of what it says, so that equal parts of two tables or two processes are known by it. */
export function identified<P extends Part>(part: Omit<P, 'identity'>): P {
  const identity = hash('sha256', JSON.stringify(part), 'base64url').slice(0, identityLength);
  // Omit forgets which union member a part is, and that it lacks nothing else.
  return { ...part, identity } as P;
}

/** The part of before, if it says the same: what did not change stays the same object. */
export function unchangedOr<P extends Part>(before: P | undefined, part: P): P {
  return before?.key === part.key && before.identity === part.identity ? before : part;
}
