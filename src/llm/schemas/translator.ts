/**
 * Between the API that a client speaks and the one that a backend speaks (aigateway.md 4). A translator is a pure file of this folder,
 * named `<client endpoint>_<backend>`; `index.ts` says which there are. Same-schema traffic has none: its bytes pass as they are.
 */
import type { LlmEndpoint } from '../endpoints.ts';
import type { JsonObject } from '../json.ts';

/** The backend's AIServiceBackend `schema`. */
export interface BackendSchema {
  readonly name: string;
  readonly version?: string;
  readonly prefix?: string;
}

/** A request as its client has sent it. */
export interface ClientCall {
  readonly endpoint: LlmEndpoint;
  readonly backend: BackendSchema;
  /** That the client has asked for. */
  readonly requestModel: string;
  /** That the backend is asked for: the override of the route, else the client's. */
  readonly model: string;
  readonly body: JsonObject;
  readonly header: (name: string) => string | undefined;
}

export interface TranslatedRequest {
  /** Without query. */
  readonly path: string;
  /** With its leading `?`, or empty. */
  readonly search: string;
  /** Absent: the client's own bytes. */
  readonly body?: JsonObject;
  /** Lower-case names to set. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer on its way back. One object per attempt. */
export interface AnswerTranslator {
  /** A whole answer of status 2xx. @throws Error when it is not what the backend's API says */
  whole(body: Buffer): Buffer;
  /** Bytes of a stream of status 2xx; what comes of them for the client. */
  chunk(bytes: Buffer): Buffer;
  /** The rest for the client at the end of a stream. */
  end(): Buffer;
  /** An answer of another status, in the client's own error shape (4.13). */
  error(status: number, headers: (name: string) => string | undefined, body: Buffer): Buffer;
}

export interface Translator {
  /** @throws UnprocessableRequest for what the backend's API cannot say */
  request(call: ClientCall): TranslatedRequest;
  answer(call: ClientCall): AnswerTranslator;
}

/** What the client asks cannot be said in the backend's API: answered 422. */
export class UnprocessableRequest extends Error {
  /** Path of the field, such as `messages[0].content[1]`. */
  readonly param: string;

  constructor(param: string, problem: string) {
    super(problem);
    this.param = param;
  }
}

/** `data: <json>` of a stream for clients of OpenAI's API. */
export const dataEvent = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
/** A named event for clients of Anthropic's API. */
export const namedEvent = (name: string, value: unknown): string =>
  `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;

/** The path below the prefix of a backend, without doubled slashes. */
export const joinPath = (...parts: readonly string[]): string => `/${parts.join('/')}`.replaceAll(/\/{2,}/g, '/');

/** `type` of an Anthropic error by status (4.13). */
const typesByStatus: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'service_unavailable_error',
  529: 'overloaded_error',
};
export const errorTypeOf = (status: number): string => typesByStatus[status] ?? 'internal_server_error';
