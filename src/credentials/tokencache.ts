import { CredentialError, type Clock } from './environment.ts';

export interface Expiring<T> {
  readonly value: T;
  /** Milliseconds since 1970; undefined: it does not expire. */
  readonly expiresMs: number | undefined;
}

/** Gets a new one; gives up when the signal says so. */
export type TokenFetch<T> = (signal: AbortSignal) => Promise<Expiring<T>>;

export interface TokenCacheOptions<T> {
  readonly clock: Clock;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly fetch: TokenFetch<T>;
}

/** Longest that one exchange may take, and so the longest that a request waits for it. */
const exchangeTimeoutMs = 10_000;
/** A token is renewed so long before it expires (aigateway.md 2.4), or after half its life if that is later. */
const earlyMs = 5 * 60_000;
/** Clocks differ, and a request takes a while to arrive: in its last seconds a token is not used. */
const lastSecondsMs = 10_000;
/** Between exchanges that fail. */
const retry = { firstMs: 1_000, longestMs: 60_000 };

/**
 * A token that is renewed before it expires. One exchange at a time, however many ask; while one hangs or fails, the token of
 * before serves for as long as it is valid. Every renewal starts at a moment of its own, so that not all gateways ask at once.
 */
export class TokenCache<T> {
  readonly #options: TokenCacheOptions<T>;
  #token: (Expiring<T> & { readonly renewMs: number }) | undefined;
  #exchange: Promise<Expiring<T>> | undefined;
  #failures = 0;
  #failed: { readonly untilMs: number; readonly error: CredentialError } | undefined;

  constructor(options: TokenCacheOptions<T>) {
    this.#options = options;
  }

  /**
   * At once while there is a valid one.
   *
   * @throws CredentialError, or rejects with it
   */
  get(): T | Promise<T> {
    const now = this.#options.clock.now();
    const token = this.#token;
    if (token !== undefined && (token.expiresMs === undefined || now < token.expiresMs - lastSecondsMs)) {
      if (now >= token.renewMs) void this.#renew(now)?.catch(() => undefined);
      return token.value;
    }
    const exchange = this.#renew(now);
    if (exchange === undefined) throw this.#failed?.error ?? new CredentialError(503, 'no token');
    return exchange.then(({ value }) => value);
  }

  /** Undefined: the last exchange failed a moment ago. */
  #renew(now: number): Promise<Expiring<T>> | undefined {
    if (this.#exchange !== undefined) return this.#exchange;
    if (this.#failed !== undefined && now < this.#failed.untilMs) return undefined;
    const exchange = this.#run().finally(() => {
      this.#exchange = undefined;
    });
    this.#exchange = exchange;
    return exchange;
  }

  async #run(): Promise<Expiring<T>> {
    const { clock, fetch, random } = this.#options;
    const abort = new AbortController();
    let stopTimer = (): void => undefined;
    const timedOut = new Promise<never>((_, reject) => {
      stopTimer = clock.after(exchangeTimeoutMs, () => {
        const error = new CredentialError(503, `no answer within ${exchangeTimeoutMs / 1000} s`);
        abort.abort(error);
        reject(error);
      });
    });
    try {
      const token = await Promise.race([fetch(abort.signal), timedOut]);
      const now = clock.now();
      if (token.expiresMs !== undefined && token.expiresMs <= now) {
        throw new CredentialError(503, 'the token that came has expired already');
      }
      this.#token = { ...token, renewMs: renewalOf(now, token.expiresMs, random()) };
      this.#failures = 0;
      this.#failed = undefined;
      return token;
    } catch (error) {
      const known = error instanceof CredentialError ? error : new CredentialError(503, unexpected(error));
      const wait = Math.min(retry.firstMs * 2 ** this.#failures, retry.longestMs);
      this.#failures += 1;
      this.#failed = { untilMs: clock.now() + wait * (0.5 + random() / 2), error: known };
      throw known;
    } finally {
      stopTimer();
    }
  }
}

/** Somewhere in the fifth of the time before the latest moment; short-lived tokens live at least half their life. */
function renewalOf(now: number, expiresMs: number | undefined, random: number): number {
  if (expiresMs === undefined) return Number.POSITIVE_INFINITY;
  const life = expiresMs - now;
  const latest = Math.max(life - earlyMs, life / 2);
  return now + latest * (1 - random / 5);
}

/** Errors of libraries may quote what they were given: only their class and code are told. */
function unexpected(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return `${error.name}${code}`;
}
