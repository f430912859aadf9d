/** Runs a function after it was triggered: one run at a time, triggers in between are one more run. */
export interface Loop {
  trigger(): void;
  /** No run is under way or to come. */
  idle(): boolean;
  /** No more runs; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  run(): Promise<void>;
  /**
   * Milliseconds between a trigger and its run, in which more triggers are collected; longer after runs that took long, so that
   * changes that keep coming do not keep a whole core busy.
   */
  readonly debounceMs: number;
  /** A run threw; it is repeated after `retryMs`. */
  onError(error: unknown, retryMs: number): void;
}

const retry = { firstMs: 100, longestMs: 10_000 };
const longestDebounceMs = 200;

export function createLoop(options: LoopOptions): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failures = 0;
  let debounce = options.debounceMs;

  const schedule = (delay: number): void => {
    if (stopped) return;
    if (running !== undefined) again = true;
    else timer ??= setTimeout(start, delay);
  };

  function start(): void {
    timer = undefined;
    again = false;
    running = runOnce();
  }

  const runOnce = async (): Promise<void> => {
    let delay = options.debounceMs;
    const started = performance.now();
    try {
      await options.run();
      delay = debounce = Math.max(options.debounceMs, Math.min(2 * (performance.now() - started), longestDebounceMs));
      failures = 0;
    } catch (error) {
      delay = Math.min(retry.firstMs * 2 ** failures, retry.longestMs);
      failures += 1;
      again = true;
      options.onError(error, delay);
    }
    running = undefined;
    if (again) schedule(delay);
  };

  return {
    trigger: () => {
      schedule(debounce);
    },
    idle: () => timer === undefined && running === undefined,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
