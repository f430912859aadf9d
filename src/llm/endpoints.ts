/**
 * The model API endpoints clients may call (aigateway.md 3.1). A path is matched exactly, after its query is dropped;
 * anything else is no LLM request.
 */

export type LlmSchema = 'OpenAI' | 'Anthropic' | 'Cohere';

export interface LlmEndpoint {
  readonly method: 'GET' | 'POST';
  /** What clients call, with the family prefix. */
  readonly path: string;
  /** Label `gen_ai.operation.name` of metrics; absent where the gateway answers by itself. */
  readonly operation?: string;
  readonly schema: LlmSchema;
  /**
   * Where the model is: `optional` and `required` are the top-level `model` of a JSON body, `form` a form field, `none` means
   * that the gateway answers the request itself.
   */
  readonly model: 'optional' | 'required' | 'form' | 'none';
  /** Path below `/<prefix>` of a backend that speaks the OpenAI schema, e.g. `/chat/completions`; absent: it has no such endpoint. */
  readonly openAiPath?: string;
  /** The backend's path has no version prefix (aigateway.md 4.2). */
  readonly withoutPrefix?: boolean;
  /** What it does is kept at the server unless the request says otherwise: a second try would do it twice. */
  readonly stores?: true;
  /** How parse errors name the endpoint (aigateway.md 3.6): the path without its family prefix. */
  readonly errorPath: string;
}

const openAi = (suffix: string, operation: string, model: LlmEndpoint['model'] = 'optional'): LlmEndpoint => ({
  method: 'POST',
  path: `/v1${suffix}`,
  operation,
  schema: 'OpenAI',
  model,
  openAiPath: suffix,
  errorPath: `/v1${suffix}`,
});

export const llmEndpoints: readonly LlmEndpoint[] = [
  openAi('/chat/completions', 'chat'),
  openAi('/completions', 'completion'),
  openAi('/embeddings', 'embeddings'),
  { ...openAi('/responses', 'responses'), stores: true },
  openAi('/responses/input_tokens', 'responses_input_tokens'),
  openAi('/images/generations', 'image_generation'),
  openAi('/images/edits', 'image_edit', 'form'),
  openAi('/moderations', 'moderation'),
  openAi('/audio/speech', 'speech'),
  openAi('/audio/transcriptions', 'transcription', 'form'),
  openAi('/audio/translations', 'translation', 'form'),
  {
    method: 'POST',
    path: '/tokenize',
    operation: 'tokenize',
    schema: 'OpenAI',
    model: 'required',
    openAiPath: '/tokenize',
    withoutPrefix: true,
    errorPath: '/tokenize',
  },
  {
    method: 'POST',
    path: '/cohere/v2/rerank',
    operation: 'rerank',
    schema: 'Cohere',
    model: 'optional',
    errorPath: '/v2/rerank',
  },
  {
    method: 'POST',
    path: '/anthropic/v1/messages',
    operation: 'messages',
    schema: 'Anthropic',
    model: 'required',
    errorPath: '/v1/messages',
  },
  {
    method: 'POST',
    path: '/anthropic/v1/messages/count_tokens',
    operation: 'count_tokens',
    schema: 'Anthropic',
    model: 'required',
    errorPath: '/v1/messages/count_tokens',
  },
  { method: 'GET', path: '/v1/models', schema: 'OpenAI', model: 'none', errorPath: '/v1/models' },
  { method: 'GET', path: '/anthropic/v1/models', schema: 'Anthropic', model: 'none', errorPath: '/v1/models' },
];

const byPath = new Map(llmEndpoints.map((endpoint) => [endpoint.path, endpoint]));

/** The model that is asked for by its id: `GET /v1/models/{id}`; ids may have slashes, plain or escaped. */
const oneModel = /^(\/v1\/models|\/anthropic\/v1\/models)\/(.+)$/;

/** The endpoint at a path (without query), whatever the method. */
export function llmEndpointAt(path: string): LlmEndpoint | undefined {
  const exact = byPath.get(path);
  if (exact !== undefined || !path.includes('/models/')) return exact;
  return byPath.get(oneModel.exec(path)?.[1] ?? '');
}

/** The id in the path of `GET /v1/models/{id}`; undefined: all models are asked for, or it is escaped in a way nobody can read. */
export function modelIdIn(path: string): string | undefined {
  const id = oneModel.exec(path)?.[2];
  if (id === undefined) return undefined;
  try {
    return decodeURIComponent(id);
  } catch {
    return undefined;
  }
}

/** The endpoint of a request line, if it is one. `path` is without query; HEAD is answered as GET (RFC 9110 9.3.2). */
export function findLlmEndpoint(method: string, path: string): LlmEndpoint | undefined {
  const endpoint = llmEndpointAt(path);
  return endpoint !== undefined && takesMethod(endpoint, method) ? endpoint : undefined;
}

export function takesMethod(endpoint: LlmEndpoint, method: string): boolean {
  return endpoint.method === method || (method === 'HEAD' && endpoint.method === 'GET');
}

/** The path on a backend that speaks the OpenAI schema (aigateway.md 4.2); `prefix` defaults to `v1`. Absent: not offered there. */
export function openAiUpstreamPath(endpoint: LlmEndpoint, prefix: string | undefined): string | undefined {
  if (endpoint.openAiPath === undefined) return undefined;
  if (endpoint.withoutPrefix === true || prefix === '') return endpoint.openAiPath;
  if (prefix === undefined || prefix === 'v1') return `/v1${endpoint.openAiPath}`;
  return `/${prefix}${endpoint.openAiPath}`.replaceAll(/\/{2,}/g, '/');
}
