/** Why a registry gave no answer, in the terms its users can act on. */
export type RegistryFailure =
  /** 401 or 403: no, wrong or too weak credentials (Docker Hub also says so of what does not exist). */
  | 'Unauthorized'
  /** 404: no such repository or tag. */
  | 'NotFound'
  /** No connection, no answer in time, or a server error. */
  | 'Unreachable'
  /** 429. */
  | 'RateLimited'
  /** The answer is not what the distribution specification describes, or beyond a limit. */
  | 'Invalid';

/** The message names what was asked of which registry and says what to do; it never holds a credential. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly failure: RegistryFailure;

  constructor(failure: RegistryFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
