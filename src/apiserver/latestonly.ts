/**
 * Work on what a key names, one run at a time: asked again while it runs, it runs once more afterwards, however often it
 * was asked. For work that looks at everything there is: thousands of events must not start as many looks.
 */
export function latestOnly<Arguments extends readonly unknown[]>(
  keyOf: (...args: Arguments) => string,
  work: (...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  /** What is running, and what it was asked for meanwhile. */
  const running = new Map<string, Arguments | undefined>();
  return async (...args) => {
    const key = keyOf(...args);
    if (running.has(key)) {
      running.set(key, args);
      return;
    }
    try {
      for (let next: Arguments | undefined = args; next !== undefined; next = running.get(key)) {
        running.set(key, undefined);
        await work(...next);
      }
    } finally {
      running.delete(key);
    }
  };
}
