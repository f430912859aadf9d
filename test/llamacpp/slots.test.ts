import { expect, test, vi } from 'vitest';
import { createSlots, type Job } from '../../src/llamacpp/slots.ts';

interface Held {
  job: Job<string>;
  abort: () => void;
  finish: () => void;
  fail: () => void;
  slot: () => string | undefined;
}

function held(choose: (free: readonly string[]) => string | undefined = (free) => free[0]): Held {
  const aborting = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let slot: string | undefined;
  return {
    job: {
      signal: aborting.signal,
      choose,
      run: async (given) => {
        slot = given;
        await promise;
      },
    },
    abort: () => {
      aborting.abort();
    },
    finish: () => {
      resolve(undefined);
    },
    fail: () => {
      reject(new Error('broken'));
    },
    slot: () => slot,
  };
}

test('jobs get the slots that they choose, then wait in turn, then are refused', async () => {
  const slots = createSlots(['a', 'b'], 1, () => undefined);
  const [first, second, third, fourth] = [held((free) => free.at(-1)), held(), held(), held()];
  expect([first, second, third, fourth].map(({ job }) => slots.submit(job))).toEqual([true, true, true, false]);
  expect([first.slot(), second.slot(), third.slot()]).toEqual(['b', 'a', undefined]);
  expect([slots.running, slots.waiting, slots.busy()]).toEqual([2, 1, ['a', 'b']]);
  first.finish();
  await vi.waitFor(() => expect(third.slot()).toBe('b'));
  expect([slots.running, slots.waiting]).toEqual([2, 0]);
  second.finish();
  third.finish();
  await vi.waitFor(() => expect(slots.running).toBe(0));
});

test('a job whose client has gone leaves the queue, and its place can be taken', async () => {
  const slots = createSlots(['a'], 1, () => undefined);
  const [running, gone, next] = [held(), held(), held()];
  slots.submit(running.job);
  slots.submit(gone.job);
  gone.abort();
  expect(slots.waiting).toBe(0);
  expect(slots.submit(next.job)).toBe(true);
  running.finish();
  await vi.waitFor(() => expect(next.slot()).toBe('a'));
  expect(gone.slot()).toBeUndefined();
  next.finish();
});

test('a job that breaks down gives its slot back, and is reported', async () => {
  const errors: unknown[] = [];
  const slots = createSlots(['a'], 1, (error) => errors.push(error));
  const [broken, next] = [held(), held()];
  slots.submit(broken.job);
  slots.submit(next.job);
  broken.fail();
  await vi.waitFor(() => expect(next.slot()).toBe('a'));
  expect(errors).toEqual([new Error('broken')]);
  next.finish();
});
