import { isJsonObject, type JsonObject } from '../llm/server/http.ts';
import {
  optionalInteger,
  parseChat,
  parseCompletion,
  parseModel,
  refusal,
  type GenerationOptions,
} from '../llm/server/requests.ts';
import { tokenize } from './text.ts';

/** OpenAI requests as the simulator understands them. */

export interface GenerationRequest extends GenerationOptions {
  /** What the model reads, as text. */
  promptTokens: string[];
  /** What echo mode answers. */
  echo: string;
  remotePrefill: boolean;
}

/** @throws HttpError 400 naming the field */
export function parseChatRequest(body: JsonObject): GenerationRequest {
  const { turns, ...options } = parseChat(body);
  const prompt = turns.map(({ role, text }) => `${role}: ${text}\n`).join('');
  const echo = (turns.findLast(({ role }) => role === 'user') ?? turns.at(-1))?.text ?? '';
  return { ...options, promptTokens: tokenize(prompt), echo, remotePrefill: isRemotePrefill(body) };
}

/** @throws HttpError 400 naming the field */
export function parseCompletionRequest(body: JsonObject): GenerationRequest {
  const options = parseCompletion(body);
  const promptTokens = parseInput(body['prompt'], 'prompt');
  const [only] = promptTokens;
  if (only === undefined || promptTokens.length > 1) {
    throw refusal('prompt', 'exactly one prompt is supported by this server');
  }
  return { ...options, promptTokens: only, echo: only.join(''), remotePrefill: isRemotePrefill(body) };
}

function isRemotePrefill(body: JsonObject): boolean {
  const transfer = body['kv_transfer_params'];
  return isJsonObject(transfer) && transfer['do_remote_prefill'] === true;
}

export interface EmbeddingRequest {
  model: string;
  inputs: string[][];
  dimensions: number | undefined;
  encoding: 'float' | 'base64';
}

/** @throws HttpError 400 naming the field */
export function parseEmbeddingRequest(body: JsonObject): EmbeddingRequest {
  const encoding = body['encoding_format'] ?? 'float';
  if (encoding !== 'float' && encoding !== 'base64') throw refusal('encoding_format', 'float or base64 expected');
  const inputs = parseInput(body['input'], 'input');
  if (inputs.length === 0) throw refusal('input', 'at least one input expected');
  const dimensions = optionalInteger(body, 'dimensions');
  if (dimensions !== undefined && (dimensions < 1 || dimensions > 16_384)) {
    throw refusal('dimensions', 'a number from 1 to 16384 expected');
  }
  return { model: parseModel(body), inputs, dimensions, encoding };
}

/** A string, a list of strings, token ids or lists of token ids: the tokens of each input. */
function parseInput(input: unknown, field: string): string[][] {
  if (typeof input === 'string') return [tokenize(input)];
  if (!Array.isArray(input)) throw refusal(field, 'a string, a list of strings or token ids expected');
  const items: unknown[] = input;
  if (items.length > 0 && items.every((item) => typeof item === 'number')) return [items.map((id) => `${String(id)} `)];
  return items.map((item) => {
    if (typeof item === 'string') return tokenize(item);
    if (Array.isArray(item) && item.every((id) => typeof id === 'number')) return item.map((id) => `${String(id)} `);
    throw refusal(field, 'a string, a list of strings or token ids expected');
  });
}
