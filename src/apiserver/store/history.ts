import { jsonOf, objectOf } from './encoding.ts';
import type { StoredObject } from './object.ts';

export interface StoreEvent {
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: string;
  key: string;
  /** The new state; for DELETED the last one, with the version of the deletion. */
  object: StoredObject;
  previous: StoredObject | undefined;
}

/** The recent past of the store, for watches and lists of it, and the announcement of what happens next. */
export interface History {
  /** The oldest version a watch can begin after. */
  oldest(): number;
  /** Events after a revision, oldest first. */
  since(revision: number): readonly StoreEvent[];
  /** Announces an event; returns the revisions that fell out of the window. */
  add(event: StoreEvent): number[];
  subscribe(listener: (event: StoreEvent) => void): () => void;
}

/** How much of the past is kept: both limits hold. */
export interface HistoryWindow {
  events: number;
  /** JSON of the states the events led to. */
  bytes: number;
}

export const defaultWindow: HistoryWindow = { events: 10_000, bytes: 32 * 1024 * 1024 };

/** `past` and `oldest` are what an earlier run left. */
export function createHistory(past: readonly StoreEvent[], startAfter: number, window: HistoryWindow): History {
  let events = past.map((event) => new PastEvent(event));
  let first = 0;
  let bytes = events.reduce((sum, event) => sum + event.size, 0);
  let oldest = startAfter;
  const listeners = new Set<(event: StoreEvent) => void>();

  const trim = (): number[] => {
    const dropped: number[] = [];
    while (events.length - first > window.events || bytes > window.bytes) {
      const event = events[first];
      if (event === undefined) break;
      first += 1;
      bytes -= event.size;
      oldest = event.revision;
      dropped.push(event.revision);
    }
    // Dropped events must not be kept alive by their places, nor every drop move all the others.
    if (first > 1000 || first > window.events) {
      events = events.slice(first);
      first = 0;
    }
    return dropped;
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
      const kept = new PastEvent(event);
      events.push(kept);
      bytes += kept.size;
      const dropped = trim();
      for (const listener of listeners) listener(event);
      return dropped;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** An event as it is kept: the bytes of its states, a fraction of what the objects take; few watches begin in the past. */
class PastEvent implements StoreEvent {
  readonly revision: number;
  readonly type: StoreEvent['type'];
  readonly resource: string;
  readonly key: string;
  readonly #after: Buffer<ArrayBuffer>;
  readonly #before: Buffer<ArrayBuffer> | undefined;

  constructor({ revision, type, resource, key, object, previous }: StoreEvent) {
    this.revision = revision;
    this.type = type;
    this.resource = resource;
    this.key = key;
    this.#after = jsonOf(object);
    this.#before = previous === undefined ? undefined : jsonOf(previous);
  }

  get object(): StoredObject {
    return objectOf(this.#after);
  }

  get previous(): StoredObject | undefined {
    return this.#before === undefined ? undefined : objectOf(this.#before);
  }

  get size(): number {
    return this.#after.length;
  }
}
