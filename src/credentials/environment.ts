import type { Redacted } from './redacted.ts';

/** What credentials need of the world; tests have their own. */
export interface CredentialEnvironment {
  readonly secrets: SecretReader;
  readonly http: TokenHttp;
  readonly clock: Clock;
  /** Environment variables of the process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The text of a small file; rejects when it cannot be read. */
  readFile(path: string): Promise<string>;
  readonly homeDirectory: string;
  /** A number from 0 to 1, for what must not happen everywhere at the same time. */
  readonly random: () => number;
}

/** Secrets as they are now. */
export interface SecretReader {
  /**
   * Undefined: there is no such Secret. It is another object after each change of the Secret and the same one in between, so
   * that a change is known by it.
   */
  read(ref: { readonly namespace: string; readonly name: string }): SecretContent | undefined;
}

export type SecretContent = ReadonlyMap<string, Redacted>;

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back after so many milliseconds, unless the returned function was called before. */
  after(ms: number, callback: () => void): () => void;
}

/** One exchange with a token server. Redirects are not followed: credentials go to the named server only. */
export interface TokenHttp {
  send(request: TokenRequest): Promise<TokenResponse>;
}

export interface TokenRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** URL of a proxy to go through (`AI_GATEWAY_*_PROXY_URL`). */
  readonly proxy?: string;
}

export interface TokenResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bounded by the sender. */
  readonly body: string;
}

/** A credential that cannot be had. The message is shown to clients and in logs, and holds no secret. */
export class CredentialError extends Error {
  /** 500: somebody has to change the configuration; 503: it may pass. */
  readonly status: 500 | 503;

  constructor(status: 500 | 503, message: string) {
    super(message);
    this.name = 'CredentialError';
    this.status = status;
  }
}
