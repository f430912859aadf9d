/** A virtual clock for long simulations: events in a heap, where the simulator's own looks through all timers for the next. */
import { Heap, type Ranked } from '../../src/picker/flowcontrol/heap.ts';
import type { VirtualClock } from '../../src/simulator/clock.ts';

interface Event extends Ranked {
  readonly callback: () => void;
  cancelled: boolean;
}

export interface EventClock extends VirtualClock {
  /** Runs until nothing is due any more or `done` says so. */
  runUntil(done: () => boolean): void;
}

export function createEventClock(): EventClock {
  const events = new Heap<Event>();
  let now = 0;
  let sequence = 0;
  const runNext = (): boolean => {
    const event = events.pop();
    if (event === undefined) return false;
    if (event.cancelled) return true;
    now = event.rank;
    event.callback();
    return true;
  };
  return {
    now: () => now,
    after(delayMs, callback) {
      sequence += 1;
      const event: Event = { rank: now + Math.max(0, delayMs), sequence, callback, cancelled: false };
      events.push(event);
      return () => {
        event.cancelled = true;
      };
    },
    advance(ms) {
      const until = now + ms;
      for (let next = events.peek(); next !== undefined && next.rank <= until; next = events.peek()) runNext();
      now = until;
    },
    runUntil(done) {
      while (!done() && runNext());
    },
  };
}
