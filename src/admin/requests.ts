import type { EventSource } from './events.ts';

/** A request that the gateway has finished. Holds nothing of its body, its query or its headers, which may be secret. */
export interface FinishedRequest {
  /** When its head came; RFC 3339. */
  readonly time: string;
  /** `namespace/name` */
  readonly gateway?: string | undefined;
  readonly method: string;
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  readonly model?: string | undefined;
  /** Id of the rule; absent where no route took it. */
  readonly rule?: string | undefined;
  readonly backend?: string | undefined;
  readonly endpoint?: string | undefined;
  /** 499: the client went away. */
  readonly status: number;
  /** 0: no endpoint was tried. */
  readonly attempts: number;
  readonly durationMs: number;
}

export interface RequestStream extends EventSource {
  /** Somebody listens: only then is it worth while to make up the record of a request. */
  readonly watched: boolean;
  finished(request: FinishedRequest): void;
}

/** Tells listeners of requests as they end; keeps none. */
export function createRequestStream(): RequestStream {
  const listeners = new Set<(request: FinishedRequest) => void>();
  return {
    name: 'request',
    get watched() {
      return listeners.size > 0;
    },
    finished(request) {
      for (const listener of listeners) listener(request);
    },
    subscribe(listener) {
      // The same function may listen twice.
      const own = (request: FinishedRequest): void => {
        listener(request);
      };
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}
