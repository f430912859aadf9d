import { setTimeout as delay } from 'node:timers/promises';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import { isExpired, isNotFound, type KubeClient, type WatchEvent } from './client.ts';

/** Receives what a reflector learns. */
export interface Store<T> {
  /** The complete state: whatever is not in it is gone. */
  replace(items: readonly T[]): void;
  apply(event: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>): void;
  /** The API does not know the kind: there are no objects until it does. */
  unserved(): void;
}

const firstRetryMs = 50;
const lastRetryMs = 5_000;
/** Servers that start may not know all their kinds at once: objects that were there are given up only after so many answers. */
const absentAfter = 3;

/**
 * Lists all objects of a kind, then watches from there, for ever: a watch that ends is resumed at the last version seen, an
 * expired version is listed anew, errors back off. A kind that the API does not know (its CustomResourceDefinition is not
 * installed) has no objects until it does. Never throws; stops when `signal` aborts.
 */
export async function reflect<T extends KubeObject>(
  client: KubeClient,
  kind: Kind<T>,
  store: Store<T>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let resourceVersion: string | undefined;
  let retryMs = firstRetryMs;
  let listed = false;
  let unknown = 0;
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        const list = await client.list(kind);
        store.replace(list.items);
        resourceVersion = list.resourceVersion;
        listed = true;
        unknown = 0;
      }
      const started = performance.now();
      for await (const event of client.watch(kind, { resourceVersion, signal })) {
        resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
        if (event.type !== 'BOOKMARK') store.apply(event);
        retryMs = firstRetryMs;
      }
      // A server that ends watches at once must not be asked in a tight loop.
      if (performance.now() - started < 1000) await pause(retryMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isExpired(error)) {
        // Listed at once the first time; a server whose every version expires is not to be asked in a tight loop.
        if (resourceVersion !== undefined && retryMs > firstRetryMs) await pause(retryMs, signal);
        resourceVersion = undefined;
        retryMs = Math.min(retryMs * 2, lastRetryMs);
        continue;
      }
      if (isNotFound(error)) {
        resourceVersion = undefined;
        unknown += 1;
        if (unknown === (listed ? absentAfter : 1)) {
          log.info({ kind: kind.kind, group: kind.group }, 'the API does not have this kind, going on without it');
          store.unserved();
        }
      }
      log.debug({ kind: kind.kind, error: String(error) }, 'watch interrupted, retrying');
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Jitter keeps the informers of one process from retrying in step.
  await delay(ms * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
}
