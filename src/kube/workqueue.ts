/**
 * The queue of one controller: keys wait at most once, a key that is being worked on is not handed out again until it is
 * done, failures come back later and later. After client-go's workqueue.
 */
export interface WorkQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Adds the key after a delay that doubles with every failure since the last `forget`. */
  addRateLimited(key: string): void;
  forget(key: string): void;
  /** The next key; undefined once the queue is shut down. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  shutDown(): void;
}

export interface BackOff {
  firstMs: number;
  lastMs: number;
}

export function createWorkQueue(backOff: BackOff = { firstMs: 20, lastMs: 30_000 }): WorkQueue {
  const waiting = new Set<string>();
  const working = new Set<string>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, { due: number; timer: NodeJS.Timeout }>();
  const idle: (() => void)[] = [];
  let down = false;

  const add = (key: string): void => {
    if (down) return;
    if (working.has(key)) {
      again.add(key);
      return;
    }
    waiting.add(key);
    idle.shift()?.();
  };
  const addAfter = (key: string, delayMs: number): void => {
    if (down) return;
    if (delayMs <= 0) {
      add(key);
      return;
    }
    const due = performance.now() + delayMs;
    const pending = timers.get(key);
    if (pending !== undefined) {
      // The earlier of two wishes serves both.
      if (pending.due <= due) return;
      clearTimeout(pending.timer);
    }
    const timer = setTimeout(() => {
      timers.delete(key);
      add(key);
    }, delayMs);
    timers.set(key, { due, timer });
  };

  return {
    add,
    addAfter,
    addRateLimited: (key) => {
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      addAfter(key, Math.min(backOff.firstMs * 2 ** failed, backOff.lastMs));
    },
    forget: (key) => {
      failures.delete(key);
    },
    next: async () => {
      for (;;) {
        if (down) return undefined;
        const [key] = waiting;
        if (key !== undefined) {
          waiting.delete(key);
          working.add(key);
          return key;
        }
        await new Promise<void>((resolve) => {
          idle.push(resolve);
        });
      }
    },
    done: (key) => {
      working.delete(key);
      if (again.delete(key)) add(key);
    },
    shutDown: () => {
      down = true;
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
      for (const wake of idle.splice(0)) wake();
    },
  };
}
