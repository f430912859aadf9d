/**
 * Everything the gateway answers by itself: one row per cause, with the status, the text and, where a limit was hit, its name in
 * `headgate_limits_hit_total`. docs/errors.md is made from this table (test/gateway/answers.test.ts).
 */
import type { LlmSchema } from '../llm/endpoints.ts';
import { errorBody, type ErrorDetails } from '../llm/errors.ts';
import type { LimitName } from './metrics.ts';
import type { Refusal } from './poolchoice.ts';

interface AnswerRow {
  readonly status: number;
  /** What is told the client; `{name}` stands for a value. */
  readonly text: string;
  /** When it is given, for docs/errors.md. */
  readonly when: string;
  /** For programs, where the answer is JSON. */
  readonly details?: ErrorDetails;
  /** The connection is closed after it, as the client may still be sending. */
  readonly closes?: true;
  readonly limit?: LimitName;
}

export const answerTable = {
  // The request is not one that can be served.
  request_target_invalid: {
    status: 400,
    text: 'the request target must be a path or an http URL',
    when: 'The request line asks for neither a path nor an `http` URL.',
    closes: true,
  },
  request_target_fragment: {
    status: 400,
    text: 'the request target must not have a fragment',
    when: 'The request line has a `#`: servers differ in whether it is part of the path.',
    closes: true,
  },
  host_invalid: {
    status: 400,
    text: 'the host is not valid',
    when: 'The Host header (or the host of the URL) is no host with an optional port.',
    closes: true,
  },
  host_missing: {
    status: 400,
    text: 'the request has no Host header',
    when: 'HTTP/1.1 wants one (RFC 9112 3.2).',
    closes: true,
  },
  host_repeated: {
    status: 400,
    text: 'more than one Host header',
    when: 'The request has two Host headers.',
    closes: true,
  },
  transfer_encoding_unsupported: {
    status: 501,
    text: 'transfer-encoding other than chunked is not supported',
    when: 'The body is framed by another transfer coding than `chunked`.',
    closes: true,
  },
  malformed_http: {
    status: 400,
    text: 'the request is not valid HTTP',
    when: 'A request line, header or chunk cannot be read. What came before it on the connection is answered first.',
    closes: true,
  },
  http_version_unsupported: {
    status: 505,
    text: 'this version of HTTP is not spoken here',
    when: 'The request line names another version.',
    closes: true,
  },
  head_too_large: {
    status: 431,
    text: 'the request line and headers are too large',
    when: 'They take more than 64 KiB.',
    closes: true,
  },
  request_too_slow: {
    status: 408,
    text: 'the request took too long to come',
    when: 'The head did not come within 30 s, or the whole request within 300 s.',
    closes: true,
  },
  too_many_headers: {
    status: 431,
    text: 'more than {limit} request headers',
    when: 'The request has more headers than the gateway takes (200).',
    closes: true,
  },
  path_escaped_slashes: {
    status: 307,
    text: 'the path has escaped slashes (%2F, %5C): ask for it with plain ones',
    when: 'The path has `%2F` or `%5C`; `location` is the path with plain slashes.',
    closes: true,
  },
  body_too_large: {
    status: 413,
    text: 'request body is larger than {limit} bytes; a ClientTrafficPolicy of this Gateway raises the limit with spec.connection.bufferLimit',
    when: 'The body is larger than the Gateway reads.',
    closes: true,
    limit: 'body_bytes',
  },
  bodies_too_many: {
    status: 503,
    text: 'the gateway holds too many request bodies ({limit} bytes); try again later',
    when: 'The bodies of all requests that are being read take more memory than the gateway gives them.',
    closes: true,
    limit: 'buffered_bytes',
  },

  // What is asked for is not here.
  no_listener: {
    status: 404,
    text: 'no listener of this gateway takes this host',
    when: 'No listener on this port has a hostname that takes the Host header.',
  },
  no_route: {
    status: 404,
    text: 'no route of this gateway matches the request',
    when: 'No HTTPRoute or AIGatewayRoute of the listener matches host, path, headers, query and model.',
  },
  model_not_found: {
    status: 404,
    text: 'No matching route found. It is likely because the model specified in your request is not configured in the Gateway.',
    when: 'A model API was asked for a model that no route serves; `model` is what was asked for, `models` what there is.',
    details: { code: 'model_not_found', param: 'model' },
  },
  method_not_allowed: {
    status: 405,
    text: '{path} takes {allowed} only',
    when: 'A model API was called with another method; `allow` names its own.',
  },
  unsupported_path: {
    status: 404,
    text: 'unsupported path: {path}',
    when: 'An AIGatewayRoute took a request whose path is no model API.',
  },

  // The body of a model API's request.
  form_expected: {
    status: 400,
    text: 'expected multipart/form-data content type for {path}',
    when: 'The endpoint takes a form and the body is none.',
  },
  multipart_body: {
    status: 400,
    text: 'multipart body not supported for this endpoint',
    when: 'The body of a JSON endpoint is a form.',
  },
  malformed_form: {
    status: 400,
    text: 'malformed request: failed to parse the form for {endpoint}: {detail}',
    when: 'The body is no multipart form.',
  },
  form_field_required: {
    status: 400,
    text: "missing required field 'model'",
    when: 'The form names no `model`.',
    details: { param: 'model' },
  },
  content_encoding_unsupported: {
    status: 415,
    text: 'content-encoding {encoding} is not supported: send gzip, deflate, br, zstd or none',
    when: 'The model is in a body that is encoded in a way nobody here can decode.',
  },
  content_encoding_broken: {
    status: 400,
    text: 'malformed request: the body is not {encoding}, as content-encoding says',
    when: 'The body cannot be decoded.',
  },
  malformed_request: {
    status: 400,
    text: 'malformed request: failed to parse JSON for {endpoint}: {detail}',
    when: 'The body of a model API is no JSON object, or its `model` is no string.',
  },
  model_required: {
    status: 400,
    text: 'invalid request body: model field is required',
    when: 'The endpoint wants a `model` and the body names none.',
  },

  // The route cannot serve it.
  filter_unusable: {
    status: 500,
    text: 'a filter of this route is not usable: {problem}',
    when: 'A filter of the rule or backend cannot be carried out; conditions of the route say why.',
  },
  no_backend: {
    status: 500,
    text: 'no backend of this route can be chosen',
    when: 'The rule has no backend with a weight above 0.',
  },
  backend_unusable: {
    status: 500,
    text: 'a backend of this route is not usable: {problem}',
    when: "The backend's reference cannot be resolved; conditions of the route say why.",
  },
  schema_unsupported: {
    status: 422,
    text: 'backend {backend}: schema {schema} is not supported for {path}',
    when: 'The backend speaks a model API that has no such endpoint.',
  },

  credential_missing: {
    status: 401,
    text: 'missing upstream credential',
    when: 'The BackendSecurityPolicy wants the request to bring a credential (`credentialOverride` with `fallbackToConfigured: false`).',
  },
  credential_unusable: {
    status: 500,
    text: 'the credential for {backend} is not usable',
    when: 'The credential of the backend is not set up right: a Secret, a key in it, a refusal of the token server. The log says what; nothing is sent without it.',
  },

  request_unprocessable: {
    status: 422,
    text: 'invalid request body: {detail}',
    when: "The request cannot be said in the backend's API; `param` names the field.",
  },
  upstream_untranslatable: {
    status: 502,
    text: 'backend {backend}: its answer {detail}',
    when: "The answer is not what the backend's API says, so that it cannot be told in the client's.",
  },

  // No endpoint has it.
  no_ready_endpoint: {
    status: 503,
    text: '{backend} has no ready endpoint',
    when: 'Nothing stands behind the backend at the moment.',
  },
  backend_unreachable: {
    status: 503,
    text: '{backend} cannot be reached',
    when: 'No endpoint that may be tried took the connection.',
  },
  pool_refused: {
    status: 503,
    text: '{problem}',
    when: 'The endpoint picker of the InferencePool refused the request (its own status, e.g. 429 when saturated), or there is none and `failureMode` is `FailClose`.',
  },

  // An upstream failed.
  upstream_broke_off: {
    status: 502,
    text: '{backend} broke off the request',
    when: 'The connection to the endpoint ended before the answer was complete. In a stream that has begun: an SSE `error` event.',
  },
  request_timeout: {
    status: 504,
    text: 'the request timeout of the route ran out',
    when: "`timeouts.request` of the HTTPRoute's rule.",
    limit: 'request_timeout',
  },
  backend_request_timeout: {
    status: 504,
    text: '{backend} did not answer within the backend request timeout of the route',
    when: "`timeouts.backendRequest` of the HTTPRoute's rule.",
    limit: 'backend_request_timeout',
  },
  stream_idle_timeout: {
    status: 504,
    text: '{backend} sent nothing for longer than the stream idle timeout',
    when: 'The upstream was silent for too long.',
    limit: 'stream_idle_timeout',
  },
} as const satisfies Readonly<Record<string, AnswerRow>>;

export type AnswerId = keyof typeof answerTable;

/** An answer to send. What routes and models declare (redirects, direct responses, model lists) is one, too, without an id. */
export interface Answer {
  readonly id: AnswerId | undefined;
  readonly status: number;
  /** Flat, lower-case; the content type is that of the form in which the answer is sent. */
  readonly headers: readonly string[];
  readonly text: string;
  readonly closes: boolean;
  readonly limit: LimitName | undefined;
  /** For programs, where the answer is JSON. */
  readonly details: ErrorDetails | undefined;
}

type Values = Readonly<Record<string, string | number>>;

/** What a row says, with its values put in. */
export function answer(id: AnswerId, values: Values = {}, headers: readonly string[] = []): Answer {
  const row: AnswerRow = answerTable[id];
  const text = row.text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
  const { status, limit, closes = false, details } = row;
  return { id, status, headers, text, closes, limit, details };
}

/** The refusal of a pool: with the status and headers that its picker gives it. */
export function refused({ status, headers, text, verbatim }: Refusal): Answer {
  if (verbatim !== true) return { ...answer('pool_refused', { problem: text }, headers), status };
  return declared(
    status,
    headers.includes('content-type') ? headers : ['content-type', 'text/plain', ...headers],
    text,
  );
}

/** An answer that was declared, with its content type. */
export function declared(status: number, headers: readonly string[], text: string): Answer {
  return { id: undefined, status, headers, text, closes: false, limit: undefined, details: undefined };
}

/** As it is sent: to clients of the model APIs as the error that their SDKs read, to others as text. */
export function rendered(given: Answer, schema: LlmSchema | undefined): { headers: string[]; body: string } {
  const { id, status, headers, text, details } = given;
  if (id === undefined) return { headers: [...headers], body: text };
  if (schema === undefined) return { headers: ['content-type', 'text/plain', ...headers], body: text };
  return { headers: ['content-type', 'application/json', ...headers], body: errorBody(status, text, details, schema) };
}
