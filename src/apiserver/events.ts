import type { Log } from '../telemetry/log.ts';
import { stringAt } from './json.ts';
import type { Objects } from './objects.ts';
import type { Resources } from './resources.ts';
import { ApiError } from './status.ts';
import type { StoredObject } from './store/object.ts';
import type { Store } from './store/store.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  objects: Objects;
  log: Log;
}

/** As long as kube-apiserver keeps Events (--event-ttl). */
const eventLifetimeMs = 3600_000;
const sweepMs = 60_000;

/** Deletes Events that nobody has repeated for an hour, so that they do not fill the store. Returns the function that stops it. */
export function startEventExpiry({ store, resources, objects, log }: Dependencies): () => void {
  const events = resources.find('', 'v1', 'events');
  if (events === undefined) return () => undefined;
  const options = {
    preconditions: {},
    gracePeriodSeconds: undefined,
    propagation: 'Background',
    dryRun: false,
  } as const;

  const sweep = async () => {
    const limit = Date.now() - eventLifetimeMs;
    for (const event of store.list(events.id)) {
      if (lastSeen(event) >= limit) continue;
      const preconditions = { resourceVersion: event.metadata.resourceVersion };
      await objects.remove(events, event.metadata, { ...options, preconditions }).catch((error: unknown) => {
        // Somebody repeated or deleted it meanwhile.
        if (!(error instanceof ApiError)) throw error;
      });
    }
  };
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => {
      log.error({ error }, 'expiry of events failed');
    });
  }, sweepMs);
  return () => {
    clearInterval(timer);
  };
}

function lastSeen(event: StoredObject): number {
  const time =
    stringAt(event, 'series', 'lastObservedTime') ??
    stringAt(event, 'lastTimestamp') ??
    event.metadata.creationTimestamp;
  return Date.parse(time ?? '') || 0;
}
