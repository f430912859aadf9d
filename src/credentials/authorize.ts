/** What credentials look at in a request on its way to a backend, after translation and mutations (aigateway.md 3.3 step 8). */
export interface OutgoingRequest {
  readonly method: string;
  /** Key of the endpoint set or pool that is asked. */
  readonly target: string;
  /** Host header of that backend (port only where it is not the scheme's own); undefined: it has none of its own. */
  readonly host: string | undefined;
  /** Path and query exactly as they are sent. */
  readonly path: string;
  /** The whole body; `streamed`: it is not known before it is sent. */
  readonly body: Uint8Array | 'streamed' | undefined;
  /** A header of the client's own request, by its lower-case name. */
  clientHeader(name: string): string | undefined;
}

/** What becomes of a request: `remove` first, then `set`; header names are lower-case. */
export interface Authorized {
  readonly remove: readonly string[];
  readonly set: readonly { readonly name: string; readonly value: string }[];
  /** The path to send instead (Google's begin with project and region). */
  readonly path?: string;
  /** The Host to send instead. */
  readonly host?: string;
}

/**
 * The request cannot be sent. 401: the client has to bring a credential and did not; 500: the configuration is wrong; 503: the
 * credential cannot be had at the moment, another backend may be tried. `message` never holds a credential.
 */
export interface Refused {
  readonly refused: 401 | 500 | 503;
  readonly message: string;
}

export type Authorization = Authorized | Refused;

/** Applies one credential to requests. The answer comes at once when nothing has to be waited for. */
export interface Authorizer {
  authorize(request: OutgoingRequest): Authorization | Promise<Authorization>;
}

export function isRefused(authorization: Authorization): authorization is Refused {
  return 'refused' in authorization;
}
