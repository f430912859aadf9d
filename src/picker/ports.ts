/** What the picker's core takes from outside, so that a decision can be replayed. */

export interface Timers {
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Milliseconds on a clock that never goes back. */
export type MonotonicClock = () => number;

/** In [0, 1). */
export type Chance = () => number;

export const realTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
