import { isDeepStrictEqual } from 'node:util';

/**
 * Remembers what the API made of what was written. An API adds defaults and drops what it does not know, so what is stored
 * may never equal what is wanted: without this, writer and API would correct each other for ever.
 */
export interface Settled {
  /** True when writing `wanted` could not change `stored`. */
  isSettled(key: string, wanted: unknown, stored: unknown): boolean;
  wrote(key: string, wanted: unknown, stored: unknown): void;
  forget(key: string): void;
  /** Forgets all keys but these. */
  retain(keys: ReadonlySet<string>): void;
}

export function createSettled(): Settled {
  const writes = new Map<string, { wanted: unknown; stored: unknown }>();
  return {
    isSettled: (key, wanted, stored) => {
      if (isDeepStrictEqual(wanted, stored)) return true;
      const last = writes.get(key);
      return last !== undefined && isDeepStrictEqual(last.wanted, wanted) && isDeepStrictEqual(last.stored, stored);
    },
    wrote: (key, wanted, stored) => {
      writes.set(key, { wanted, stored });
    },
    forget: (key) => {
      writes.delete(key);
    },
    retain: (keys) => {
      for (const key of writes.keys()) if (!keys.has(key)) writes.delete(key);
    },
  };
}
