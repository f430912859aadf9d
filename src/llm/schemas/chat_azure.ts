/** OpenAI's API on Azure: other paths, the same bodies (aigateway.md 4.3). */
import type { AnswerTranslator, Translator } from './translator.ts';

/** Where `<model>` is the deployment. */
const paths: Readonly<Record<string, (model: string) => string>> = {
  '/v1/chat/completions': (model) => `/openai/deployments/${encodeURIComponent(model)}/chat/completions`,
  '/v1/embeddings': (model) => `/openai/deployments/${encodeURIComponent(model)}/embeddings`,
  '/v1/responses': () => '/openai/responses',
  '/v1/responses/input_tokens': () => '/openai/responses/input_tokens',
};

export const onAzure: Translator = {
  request({ endpoint, model, requestModel, body, backend }) {
    const path = paths[endpoint.path]?.(model) ?? endpoint.path;
    const search = `?api-version=${encodeURIComponent(backend.version ?? '')}`;
    // Azure ignores the model of a chat's body.
    const rewrites = endpoint.path !== '/v1/chat/completions' && model !== requestModel;
    return rewrites ? { path, search, body: { ...body, model } } : { path, search };
  },
  answer: () => unchanged,
};

/** Bodies pass as they are; errors that are no JSON are wrapped elsewhere. */
const unchanged: AnswerTranslator = {
  whole: (body) => body,
  chunk: (bytes) => bytes,
  end: () => Buffer.alloc(0),
  error: (_status, _headers, body) => body,
};
