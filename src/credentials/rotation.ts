import type { SecretKey } from './credential.ts';
import type { CredentialEnvironment, SecretContent } from './environment.ts';
import { TokenCache, type TokenFetch } from './tokencache.ts';

/**
 * Tokens that are got with Secrets. As soon as one of the Secrets changes, tokens that were got with its old content are used no
 * more: whoever rotates a Secret often does so because the old one is known to others.
 */
export class RotatingTokens<T> {
  readonly #world: CredentialEnvironment;
  readonly #secrets: readonly SecretKey[];
  readonly #prepare: () => TokenFetch<T>;
  #current: { readonly contents: readonly (SecretContent | undefined)[]; readonly cache: TokenCache<T> } | undefined;

  /** `prepare` reads the Secrets. */
  constructor(world: CredentialEnvironment, secrets: readonly SecretKey[], prepare: () => TokenFetch<T>) {
    this.#world = world;
    this.#secrets = secrets;
    this.#prepare = prepare;
  }

  /** @throws CredentialError, or rejects with it */
  get(): T | Promise<T> {
    const { secrets, clock, random } = this.#world;
    let current = this.#current;
    if (current === undefined || !this.#secrets.every((ref, at) => secrets.read(ref) === current?.contents[at])) {
      const contents = this.#secrets.map((ref) => secrets.read(ref));
      current = { contents, cache: new TokenCache({ clock, random, fetch: this.#prepare() }) };
      this.#current = current;
    }
    return current.cache.get();
  }
}
