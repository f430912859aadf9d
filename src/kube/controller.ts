import type { KubeObject } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import { isConflict, isGone, KubeError } from './client.ts';
import type { Change, Informer } from './informer.ts';
import { createWorkQueue, type BackOff } from './workqueue.ts';

/** Where a controller's work comes from: changes of one kind, and the keys of the objects that each concerns. */
export interface Watch {
  start(add: (key: string) => void): () => void;
}

/** Pairs an informer with the keys to reconcile when one of its objects changes. */
export function watch<T extends KubeObject>(
  informer: Informer<T>,
  keys: (change: Change<T>) => readonly string[],
): Watch {
  return {
    start: (add) =>
      informer.onChange((change) => {
        for (const key of keys(change)) add(key);
      }),
  };
}

export interface ReconcileResult {
  requeueAfterMs?: number;
}

/** Thrown by a reconcile that has done what it could and is to be repeated: the message says why, the cause what was thrown. */
export class RetryError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RetryError';
  }
}

export interface ControllerOptions {
  name: string;
  watches: readonly Watch[];
  /** Brings the object with this key to what it declares. Level-based: it is told which object, never what happened. */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void>;
  log: Log;
  /** Keys worked on at the same time, each by one worker only; 1. */
  workers?: number;
  backOff?: BackOff;
}

export interface Controller {
  /** Takes no more work, and resolves when what was under way has ended. */
  stop(): Promise<void>;
}

/** Runs reconcile for every key that a watch names; a failure is logged and retried with back-off. */
export function startController(options: ControllerOptions): Controller {
  const log = options.log.child({ controller: options.name });
  const queue = createWorkQueue(options.backOff);
  const stopping = new AbortController();
  const stops = options.watches.map((source) =>
    source.start((key) => {
      queue.add(key);
    }),
  );

  const work = async (): Promise<void> => {
    for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
      try {
        const result = await options.reconcile(key, stopping.signal);
        queue.forget(key);
        if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
      } catch (error) {
        if (!stopping.signal.aborted) {
          report(log, key, error);
          queue.addRateLimited(key);
        }
      } finally {
        queue.done(key);
      }
    }
  };
  const workers = Array.from({ length: options.workers ?? 1 }, work);

  return {
    stop: async () => {
      for (const stop of stops) stop();
      stopping.abort();
      queue.shutDown();
      await Promise.all(workers);
    },
  };
}

/** Only what somebody should look into is a warning; a stack helps only where the error is one of this program. */
function report(log: Log, key: string, error: unknown): void {
  const cause = error instanceof RetryError ? error.cause : error;
  // A conflict only says that the cache was behind: the newer object is on its way.
  if (isConflict(cause)) log.debug({ key, error: String(error) }, 'conflict, retrying');
  // So does a write to what is being deleted: by the next try the object will be gone from the cache.
  else if (isGone(cause)) log.debug({ key, error: String(error) }, 'the object is going, retrying');
  else if (error instanceof RetryError || error instanceof KubeError) {
    log.warn({ key, error: error.message }, 'reconcile failed, retrying');
  } else log.warn({ key, err: error }, 'reconcile failed, retrying');
}
