import { describe, expect, it } from 'vitest';
import { createWorkQueue } from '../../src/kube/workqueue.ts';

describe('work queue', () => {
  it('hands out a key once, however often it was added', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(await queue.next()).toBe('a');
    expect(await queue.next()).toBe('b');
    queue.shutDown();
    expect(await queue.next()).toBeUndefined();
  });

  it('gives a key that changes while it is worked on once more, after it is done', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    expect(await queue.next()).toBe('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.next()).toBe('b');
    const third = queue.next();
    queue.done('a');
    expect(await third).toBe('a');
    queue.shutDown();
  });

  it('hands keys to several workers, each key to one', async () => {
    const queue = createWorkQueue();
    const [one, other] = [queue.next(), queue.next()];
    queue.add('a');
    queue.add('b');
    expect(new Set([await one, await other])).toEqual(new Set(['a', 'b']));
    const idle = [queue.next(), queue.next()];
    queue.shutDown();
    expect(await Promise.all(idle)).toEqual([undefined, undefined]);
  });

  it('delays failures longer each time, and forgets them', async () => {
    const queue = createWorkQueue({ firstMs: 10, lastMs: 1000 });
    const waits: number[] = [];
    for (let failure = 0; failure < 3; failure += 1) {
      const start = performance.now();
      queue.addRateLimited('a');
      const key = await queue.next();
      waits.push(performance.now() - start);
      if (key !== undefined) queue.done(key);
    }
    const [first = 0, second = 0, third = 0] = waits;
    // Timers may fire late but never early (1 ms of rounding).
    expect(first).toBeGreaterThanOrEqual(9);
    expect(second).toBeGreaterThanOrEqual(19);
    expect(third).toBeGreaterThanOrEqual(39);
    queue.shutDown();
  });

  it('lets the earlier of two delayed wishes serve both', async () => {
    const queue = createWorkQueue();
    queue.addAfter('a', 60_000);
    queue.addAfter('a', 5);
    expect(await queue.next()).toBe('a');
    queue.shutDown();
  });
});
