/** Time as the simulation sees it: the real one in a server, a virtual one in tests and in offline simulations. */
export interface Clock {
  /** Milliseconds since some fixed point. */
  now(): number;
  /** Calls back once after `delayMs` (0 or more); the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface VirtualClock extends Clock {
  /** Runs everything that is due in the next `ms`, in order, and moves the time on by as much. */
  advance(ms: number): void;
}

/** Time that moves only when told to. Callbacks due at the same moment run in the order they were asked for. */
export function createVirtualClock(): VirtualClock {
  let now = 0;
  let sequence = 0;
  const due = new Map<number, { at: number; callback: () => void }>();
  const nextDue = (until: number): [number, { at: number; callback: () => void }] | undefined => {
    let first: [number, { at: number; callback: () => void }] | undefined;
    for (const entry of due) {
      if (entry[1].at <= until && (first === undefined || entry[1].at < first[1].at)) first = entry;
    }
    return first;
  };
  return {
    now: () => now,
    after(delayMs, callback) {
      const id = sequence++;
      due.set(id, { at: now + Math.max(0, delayMs), callback });
      return () => due.delete(id);
    },
    advance(ms) {
      const until = now + ms;
      for (let next = nextDue(until); next !== undefined; next = nextDue(until)) {
        due.delete(next[0]);
        now = next[1].at;
        next[1].callback();
      }
      now = until;
    },
  };
}
