/** What becomes of a request: the endpoints to send it to, or why it is dropped (epp.md 2.4, 3.5, 6.4). */
import type { PickerEndpoint } from './request.ts';

/** Codes of the error map in epp.md 3.5. */
export type DropCode = 'BadRequest' | 'ResourceExhausted' | 'ServiceUnavailable' | 'Internal';

/** Values of `x-llm-d-request-dropped-reason` (epp.md 6.4). */
export type DropReason = 'rejected-saturated' | 'rejected-ttl-expired' | 'rejected-context-cancelled';

export interface Drop {
  readonly type: 'drop';
  readonly code: DropCode;
  readonly httpStatus: 400 | 429 | 500 | 503;
  /** Goes into `x-llm-d-request-dropped-reason`. */
  readonly reason?: DropReason;
  /** For the client; the reply's text is `inference error: <code> - <message>`. */
  readonly message: string;
}

export interface Dispatch {
  readonly type: 'dispatch';
  /** Never empty; the first is "the" target, the others are for retries in this order. */
  readonly targets: readonly [PickerEndpoint, ...PickerEndpoint[]];
  /** The value of the destination header and metadata: `ip:port,ip:port` (epp.md 2.2). */
  readonly destination: string;
  /** The model to send: differs from the incoming one when a header or an InferenceModelRewrite says so. */
  readonly targetModel: string;
  readonly priority: number;
  readonly fairnessId: string;
  /** Request headers that plugins add, for example `x-prefiller-host-port`; not the destination. Any received ones of that name are replaced. */
  readonly setHeaders: readonly (readonly [name: string, value: string])[];
  /** Request headers that plugins take away, so that a client cannot set them itself. */
  readonly removeHeaders: readonly string[];
}

export type Decision = Dispatch | Drop;

/** Why no request leaves without a target. */
export const drops = {
  noModel: { type: 'drop', code: 'BadRequest', httpStatus: 400, message: 'model not found in request body' },
  noEndpoints: {
    type: 'drop',
    code: 'ServiceUnavailable',
    httpStatus: 503,
    message: 'failed to find candidate endpoints for serving the request',
  },
  noTarget: { type: 'drop', code: 'ResourceExhausted', httpStatus: 429, message: 'failed to find target endpoint' },
  shed: {
    type: 'drop',
    code: 'ResourceExhausted',
    httpStatus: 429,
    reason: 'rejected-saturated',
    message: 'system saturated, sheddable request dropped',
  },
  refused: {
    type: 'drop',
    code: 'ResourceExhausted',
    httpStatus: 429,
    reason: 'rejected-saturated',
    message: 'request cannot be admitted',
  },
  overCapacity: {
    type: 'drop',
    code: 'ResourceExhausted',
    httpStatus: 429,
    reason: 'rejected-saturated',
    message: 'the queue of this priority is full',
  },
  expired: {
    type: 'drop',
    code: 'ServiceUnavailable',
    httpStatus: 503,
    reason: 'rejected-ttl-expired',
    message: 'the request waited in the queue for longer than its time to live',
  },
  cancelled: {
    type: 'drop',
    code: 'ServiceUnavailable',
    httpStatus: 503,
    reason: 'rejected-context-cancelled',
    message: 'the client gave up while the request was queued',
  },
  stopped: {
    type: 'drop',
    code: 'Internal',
    httpStatus: 500,
    message: 'the endpoint picker is shutting down',
  },
} as const satisfies Readonly<Record<string, Drop>>;
