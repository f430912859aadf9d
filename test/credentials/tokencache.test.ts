import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CredentialError } from '../../src/credentials/environment.ts';
import { TokenCache, type Expiring } from '../../src/credentials/tokencache.ts';
import { settled, VirtualClock } from './world.ts';

const hour = 3_600_000;

/** A token server under control: each exchange waits until it is answered. */
function cacheWith(lifeMs = hour, random = 0.5) {
  const clock = new VirtualClock();
  const waiting: { resolve(token: Expiring<string>): void; reject(error: Error): void; signal: AbortSignal }[] = [];
  let exchanges = 0;
  const cache = new TokenCache<string>({
    clock,
    random: () => random,
    fetch: (signal) => {
      exchanges += 1;
      const { promise, resolve, reject } = Promise.withResolvers<Expiring<string>>();
      waiting.push({ resolve, reject, signal });
      return promise;
    },
  });
  let issued = 0;
  return {
    clock,
    cache,
    signals: () => waiting.map(({ signal }) => signal),
    exchanges: () => exchanges,
    answer: async () => {
      issued += 1;
      const token = { value: `t${issued}`, expiresMs: clock.now() + lifeMs };
      for (const one of waiting.splice(0)) one.resolve(token);
      await settled();
    },
    fail: async (error: Error) => {
      for (const one of waiting.splice(0)) one.reject(error);
      await settled();
    },
  };
}

describe('TokenCache', () => {
  it('makes one exchange for all who wait', async () => {
    const { cache, exchanges, answer } = cacheWith();
    const asked = Array.from({ length: 200 }, async () => cache.get());
    await answer();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['t1']));
    expect(exchanges()).toBe(1);
    expect(cache.get()).toBe('t1');
  });

  it('renews before the end, in the background, at a moment that chance decides', async () => {
    for (const [random, renewsAfterMs] of [
      [0, 55 * 60_000],
      [1, 44 * 60_000],
    ] as const) {
      const { cache, clock, exchanges, answer } = cacheWith(hour, random);
      const first = cache.get();
      await answer();
      await first;
      await clock.advance(renewsAfterMs - 1);
      expect(cache.get()).toBe('t1');
      expect(exchanges()).toBe(1);
      await clock.advance(1);
      expect(cache.get()).toBe('t1');
      expect(exchanges()).toBe(2);
      await answer();
      expect(cache.get()).toBe('t2');
    }
  });

  it('serves the valid token while the token server hangs, and gives each exchange ten seconds', async () => {
    const { cache, clock, exchanges, answer, signals } = cacheWith();
    const first = cache.get();
    await answer();
    await first;
    await clock.advance(50 * 60_000);
    // 200 requests a second until the token's last seconds: none waits, none fails.
    for (let second = 0; second < 589; second += 1) {
      for (let i = 0; i < 200; i += 1) expect(cache.get()).toBe('t1');
      await clock.advance(1_000);
    }
    expect(
      signals()
        .slice(0, -1)
        .every(({ aborted }) => aborted),
    ).toBe(true);
    expect(exchanges()).toBeGreaterThan(5);
    expect(exchanges()).toBeLessThan(40);
    await clock.advance(70_000);
    const next = cache.get();
    await answer();
    expect(await next).toBe('t2');
  });

  it('has requests wait no longer than ten seconds when there is no token', async () => {
    const { cache, clock } = cacheWith();
    const outcome = Promise.resolve(cache.get()).catch((error: unknown) => error);
    await clock.advance(9_999);
    expect(await Promise.race([outcome, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect(await outcome).toEqual(new CredentialError(503, 'no answer within 10 s'));
    expect(clock.pending).toBe(0);
  });

  it('asks a server that fails less and less often, and answers at once in between', async () => {
    const { cache, clock, exchanges, fail } = cacheWith();
    for (let i = 0; i < 4; i += 1) {
      const asked = Promise.resolve(cache.get()).catch((error: unknown) => error);
      await fail(new CredentialError(500, 'refused'));
      expect(await asked).toEqual(new CredentialError(500, 'refused'));
      expect(() => cache.get()).toThrow('refused');
      expect(exchanges()).toBe(i + 1);
      await clock.advance(750 * 2 ** i);
    }
  });

  it('tells nothing of what a library said', async () => {
    const { cache, fail } = cacheWith();
    const asked = Promise.resolve(cache.get()).catch((error: unknown) => error);
    await fail(Object.assign(new TypeError('cannot send PLANTED'), { code: 'EPLAIN' }));
    expect(String(await asked)).toBe('CredentialError: TypeError EPLAIN');
  });

  it('never gives an expired token, and never more than one exchange at a time', async () => {
    const steps = fc.array(fc.constantFrom('get', 'answer', 'fail', 1_000, 60_000, 1_800_000), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 30, max: 7200 }), async (script, lifeSeconds) => {
        const { cache, clock, exchanges, answer, fail, signals } = cacheWith(lifeSeconds * 1000);
        const expiries = new Map<string, number>();
        let count = 0;
        for (const step of script) {
          if (typeof step === 'number') await clock.advance(step);
          else if (step === 'answer') {
            if (signals().length === 0) continue;
            count += 1;
            expiries.set(`t${count}`, clock.now() + lifeSeconds * 1000);
            await answer();
          } else if (step === 'fail') await fail(new CredentialError(503, 'no'));
          else {
            try {
              const got = cache.get();
              if (typeof got === 'string') expect(clock.now()).toBeLessThan(expiries.get(got) ?? 0);
              else void got.catch(() => undefined);
            } catch (error) {
              expect(error).toBeInstanceOf(CredentialError);
            }
          }
          expect(signals().filter(({ aborted }) => !aborted).length).toBeLessThanOrEqual(1);
        }
        expect(exchanges()).toBeLessThanOrEqual(script.length);
      }),
      { numRuns: 60 },
    );
  });
});
