import { randomUUID } from 'node:crypto';
import type { GenerationContext } from './generation.ts';
import { HttpError, type JsonObject } from '../llm/server/http.ts';
import { createRandom } from './random.ts';
import { parseModel } from '../llm/server/requests.ts';
import { parseEmbeddingRequest } from './requests/embeddings.ts';
import { parseChatRequest, type GenerationRequest } from './requests/requests.ts';
import { tokenId, tokenize } from './text.ts';

/** Endpoints that make something of tokens without generating any. */

/** Bounds the size of one answer. */
const maxEmbeddedNumbers = 2_000_000;

/** Vectors of length 1 that depend on nothing but the text. */
export function embeddings({ config, models }: GenerationContext, body: JsonObject) {
  const request = parseEmbeddingRequest(body);
  const { name } = models.resolve(request.model);
  const dimensions = request.dimensions ?? config.embeddingDimensions;
  if (request.inputs.length * dimensions > maxEmbeddedNumbers) {
    throw new HttpError(400, `input: more than ${String(maxEmbeddedNumbers)} numbers in the answer; send fewer inputs`);
  }
  if (request.inputs.some((tokens) => tokens.length > config.maxModelLen)) {
    throw new HttpError(400, `input: longer than the model's ${String(config.maxModelLen)} tokens`);
  }
  const promptTokens = request.inputs.reduce((sum, tokens) => sum + tokens.length, 0);
  const data = request.inputs.map((tokens, index) => {
    const random = createRandom(tokens.reduce((hash, token) => (Math.imul(hash, 31) + tokenId(token)) | 0, 7));
    const raw = Array.from({ length: dimensions }, () => random.normal(0, 1));
    const length = Math.hypot(...raw);
    const vector = Float32Array.from(raw, (value) => value / length);
    const embedding =
      request.encoding === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', model: name, data, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } };
}

/** vLLM's /tokenize, for a prompt or for messages. */
export function tokenized({ config, models }: GenerationContext, body: JsonObject) {
  models.resolve(parseModel(body));
  const prompt = body['prompt'];
  const tokens = typeof prompt === 'string' ? tokenize(prompt) : parseChatRequest(body).promptTokens;
  return { count: tokens.length, max_model_len: config.maxModelLen, tokens: tokens.map(tokenId) };
}

/** vLLM's render endpoints: the request to generate that a request comes down to (epp.md 5.6). */
export function rendered({ models }: GenerationContext, body: JsonObject, request: GenerationRequest) {
  const { name } = models.resolve(parseModel(body));
  return {
    request_id: randomUUID(),
    token_ids: request.promptTokens.map(tokenId),
    features: null,
    sampling_params: { max_tokens: request.maxTokens ?? null, stop: request.stop },
    model: name,
    stream: request.stream,
  };
}
