/** What the picker's core takes from outside, so that a decision can be replayed. */

export interface Timers {
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Milliseconds on a clock that never goes back. */
export type MonotonicClock = () => number;

/** In [0, 1). */
export type Chance = () => number;

/** What a model server says the token ids of a prompt are, or why it does not. */
export type Rendered = { readonly tokens: ArrayLike<number> } | { readonly error: string };

/** Posts a request's body to a render endpoint. `done` is called once, at the latest after `timeoutMs`, unless what is returned cancels it. */
export type Render = (url: string, body: Buffer, timeoutMs: number, done: (rendered: Rendered) => void) => () => void;

export const realTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
