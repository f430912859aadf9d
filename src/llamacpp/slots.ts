/** What waits for one of a few things that can be used by one at a time: first come, first served. */
export interface Slots<S> {
  /**
   * Runs `job` with a free slot, at once or when its turn comes; `choose` picks among those that are free. False: too many wait.
   * Aborted while it waits, the job is dropped.
   */
  submit(job: Job<S>): boolean;
  readonly running: number;
  readonly waiting: number;
  /** Slots in use. */
  busy(): readonly S[];
}

export interface Job<S> {
  readonly signal: AbortSignal;
  choose(free: readonly S[]): S | undefined;
  run(slot: S): Promise<void>;
}

export function createSlots<S>(slots: readonly S[], maxWaiting: number, onError: (error: unknown) => void): Slots<S> {
  const free = new Set(slots);
  const queue = new Set<Job<S>>();

  const start = (job: Job<S>): void => {
    const slot = job.choose([...free]);
    if (slot === undefined) return;
    free.delete(slot);
    const release = (): void => {
      free.add(slot);
      const [next] = queue;
      if (next === undefined) return;
      queue.delete(next);
      start(next);
    };
    job.run(slot).catch(onError).finally(release);
  };

  return {
    submit(job) {
      if (job.signal.aborted) return true;
      if (free.size > 0) {
        start(job);
        return true;
      }
      if (queue.size >= maxWaiting) return false;
      queue.add(job);
      job.signal.addEventListener('abort', () => queue.delete(job), { once: true });
      return true;
    },
    get running() {
      return slots.length - free.size;
    },
    get waiting() {
      return queue.size;
    },
    busy: () => slots.filter((slot) => !free.has(slot)),
  };
}
