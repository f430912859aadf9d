import type { StoredObject } from './object.ts';

export interface StoreEvent {
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: string;
  /** The new state; for DELETED the last one, with the version of the deletion. */
  object: StoredObject;
  previous: StoredObject | undefined;
  /** `object` as JSON, made once for the store and every watcher. */
  json: string;
}

/** The recent past of the store, for watches that begin in it, and the announcement of what happens next. */
export interface History {
  /** The oldest version a watch can begin after. */
  oldest(): number;
  /** Events after a revision, oldest first. */
  since(revision: number): readonly StoreEvent[];
  add(event: StoreEvent): void;
  subscribe(listener: (event: StoreEvent) => void): () => void;
}

const maxEvents = 20_000;
const maxBytes = 64 * 1024 * 1024;

export function createHistory(revision: number): History {
  let events: StoreEvent[] = [];
  let first = 0;
  let bytes = 0;
  let oldest = revision;
  const listeners = new Set<(event: StoreEvent) => void>();

  const trim = () => {
    while (events.length - first > maxEvents || bytes > maxBytes) {
      const dropped = events[first];
      if (dropped === undefined) break;
      first += 1;
      bytes -= dropped.json.length;
      oldest = dropped.revision;
    }
    if (first > maxEvents) {
      events = events.slice(first);
      first = 0;
    }
  };

  return {
    oldest: () => oldest,
    since(after) {
      let low = first;
      let high = events.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((events[middle]?.revision ?? 0) <= after) low = middle + 1;
        else high = middle;
      }
      return events.slice(low);
    },
    add(event) {
      events.push(event);
      bytes += event.json.length;
      trim();
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
