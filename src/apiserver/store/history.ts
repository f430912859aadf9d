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

/** An object's states around an event, as the log has them. */
export interface EventStates {
  before: StoredObject | undefined;
  /** Of a deletion only. */
  last: StoredObject | undefined;
}

/** Where the states of events are found that are no longer in memory. */
export interface Recall {
  /** The states before an event and, of a deletion, after it; undefined when the log no longer has the event. */
  states(revision: number): EventStates | undefined;
  current(resource: string, key: string): StoredObject | undefined;
}

/** Of states newer than this the bytes are in memory, too: most watches begin a moment ago. */
const recentBytes = 2 * 1024 * 1024;

export const defaultWindow: HistoryWindow = { events: 10_000, bytes: 32 * 1024 * 1024 };

/** `past` and `oldest` are what an earlier run left. */
export function createHistory(
  past: readonly StoreEvent[],
  startAfter: number,
  window: HistoryWindow,
  recall: Recall,
): History {
  let events: PastEvent[] = [];
  let first = 0;
  let bytes = 0;
  /** Events from here on have their states in memory. */
  let firstRecent = 0;
  let bytesOfRecent = 0;
  let oldest = startAfter;
  const listeners = new Set<(event: StoreEvent) => void>();

  /** Index of the first event after a revision. */
  const placeAfter = (revision: number): number => {
    let low = first;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const append = (event: StoreEvent): void => {
    const { previous } = event;
    if (previous !== undefined) {
      const revision = Number(previous.metadata.resourceVersion);
      const before = events[placeAfter(revision) - 1];
      if (before?.revision === revision) before.nextRevision = event.revision;
    }
    const kept = new PastEvent(event, recall);
    events.push(kept);
    bytes += kept.size;
    bytesOfRecent += kept.size;
    while (bytesOfRecent > recentBytes) {
      const old = events[firstRecent];
      if (old === undefined) break;
      firstRecent += 1;
      bytesOfRecent -= old.size;
      old.leaveToLog();
    }
  };
  const trim = (): number[] => {
    const dropped: number[] = [];
    while (events.length - first > window.events || bytes > window.bytes) {
      const event = events[first];
      if (event === undefined) break;
      if (firstRecent === first) {
        firstRecent += 1;
        bytesOfRecent -= event.size;
      }
      first += 1;
      bytes -= event.size;
      oldest = event.revision;
      dropped.push(event.revision);
    }
    // Dropped events must not be kept alive by their places, nor every drop move all the others.
    if (first > 1000 || first > window.events) {
      events = events.slice(first);
      firstRecent -= first;
      first = 0;
    }
    return dropped;
  };
  for (const event of past) append(event);

  return {
    oldest: () => oldest,
    since: (after) => events.slice(placeAfter(after)),
    add(event) {
      append(event);
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

/** An event as it is kept: the bytes of its states, for a while, and then where the log has them. */
class PastEvent implements StoreEvent {
  readonly revision: number;
  readonly type: StoreEvent['type'];
  readonly resource: string;
  readonly key: string;
  /** Bytes of the state after it. */
  readonly size: number;
  /** Of the object's next event, whose record has the state after this one; undefined when there is none yet. */
  nextRevision: number | undefined;
  readonly #recall: Recall;
  #states: { after: Buffer<ArrayBuffer>; before: Buffer<ArrayBuffer> | undefined } | undefined;

  constructor({ revision, type, resource, key, object, previous }: StoreEvent, recall: Recall) {
    this.revision = revision;
    this.type = type;
    this.resource = resource;
    this.key = key;
    this.#recall = recall;
    this.#states = { after: jsonOf(object), before: previous === undefined ? undefined : jsonOf(previous) };
    this.size = this.#states.after.length;
  }

  leaveToLog(): void {
    this.#states = undefined;
  }

  get object(): StoredObject {
    if (this.#states !== undefined) return objectOf(this.#states.after);
    const object = this.#recalledAfter();
    if (object?.metadata.resourceVersion === String(this.revision)) return object;
    throw new Error(`the event of resource version ${this.revision} is no longer known`);
  }

  get previous(): StoredObject | undefined {
    if (this.type === 'ADDED') return undefined;
    if (this.#states !== undefined) return this.#states.before && objectOf(this.#states.before);
    const previous = this.#recall.states(this.revision)?.before;
    if (previous !== undefined) return previous;
    throw new Error(`the event of resource version ${this.revision} is no longer known`);
  }

  #recalledAfter(): StoredObject | undefined {
    if (this.type === 'DELETED') return this.#recall.states(this.revision)?.last;
    if (this.nextRevision !== undefined) return this.#recall.states(this.nextRevision)?.before;
    return this.#recall.current(this.resource, this.key);
  }
}
