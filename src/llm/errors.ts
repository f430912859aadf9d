/** Answers the gateway gives instead of a model server, in the shape of aigateway.md 3.6. */
import type { LlmSchema } from './endpoints.ts';

const errorTypes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'RequestTimeout',
  413: 'RequestTooLarge',
  415: 'UnsupportedMediaType',
  422: 'UnprocessableEntity',
  429: 'TooManyRequests',
  431: 'RequestHeaderFieldsTooLarge',
  500: 'InternalServerError',
  501: 'NotImplemented',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

/** What went wrong, for programs. */
export interface ErrorDetails {
  /** Absent: that of the status. */
  readonly type?: string;
  /** Absent: the status. */
  readonly code?: string;
  /** The field of the request that is to blame. */
  readonly param?: string;
  /** The model that was asked for, and those that there are. */
  readonly model?: string;
  readonly models?: readonly string[];
}

/**
 * `{"type":"error","error":{"type":"<T>","code":"<code>","message":"<M>"}}`; the order of the keys is part of the contract. OpenAI's and
 * Anthropic's SDKs both read it (aigateway.md 3.6); Cohere's look for `message` outside.
 */
export function errorBody(
  status: number,
  message: string,
  details: ErrorDetails = {},
  schema: LlmSchema = 'OpenAI',
): string {
  const { type = errorTypes[status] ?? 'Error', code = String(status), ...more } = details;
  const error = { type, code, message, ...more };
  return JSON.stringify({ type: 'error', error, ...(schema === 'Cohere' && { message }) });
}

/** Message of the 400 for a body that is no JSON object; `errorPath` as in the endpoint table. */
export function malformedRequest(errorPath: string, detail: string): string {
  return `malformed request: failed to parse JSON for ${errorPath}: ${detail}`;
}

export function invalidRequestBody(detail: string): string {
  return `invalid request body: ${detail}`;
}

/** An error event for a stream of server-sent events whose head has already been sent (design section 6). */
export function errorEvent(status: number, message: string, details?: ErrorDetails): string {
  return `data: ${errorBody(status, message, details)}\n\n`;
}
