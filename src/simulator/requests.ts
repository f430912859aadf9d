import { HttpError, isJsonObject, type JsonObject } from './http.ts';
import { tokenize } from './text.ts';

/** OpenAI requests as the simulator understands them. A field that would change the answer and is not supported is a 400. */

export interface GenerationRequest {
  model: string;
  /** What the model reads, as text. */
  promptTokens: string[];
  /** What echo mode answers. */
  echo: string;
  maxTokens: number | undefined;
  minTokens: number;
  ignoreEos: boolean;
  stop: readonly string[];
  stream: boolean;
  includeUsage: boolean;
  remotePrefill: boolean;
}

/** @throws HttpError 400 naming the field */
export function parseChatRequest(body: JsonObject): GenerationRequest {
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) throw refusal('messages', 'a list of messages expected');
  const turns = messages.map((message: unknown, at) => parseMessage(message, at));
  const choice = body['tool_choice'];
  if (choice === 'required' || isJsonObject(choice)) {
    throw refusal(
      'tool_choice',
      'tool calls are not supported by the simulator; leave it out, or use "auto" or "none"',
    );
  }
  if (body['logprobs'] === true) throw refusal('logprobs', 'not supported by the simulator');
  const format = body['response_format'];
  if (isJsonObject(format) && format['type'] !== 'text') {
    throw refusal('response_format', 'only {"type":"text"} is supported by the simulator');
  }
  const maxTokens = optionalInteger(body, 'max_completion_tokens') ?? optionalInteger(body, 'max_tokens');
  const prompt = turns.map(({ role, text }) => `${role}: ${text}\n`).join('');
  const echo = (turns.findLast(({ role }) => role === 'user') ?? turns.at(-1))?.text ?? '';
  return { ...parseCommon(body), promptTokens: tokenize(prompt), echo, maxTokens };
}

function parseMessage(message: unknown, at: number): { role: string; text: string } {
  const field = `messages[${String(at)}]`;
  if (!isJsonObject(message) || typeof message['role'] !== 'string') {
    throw refusal(field, 'an object with a "role" expected');
  }
  const content = message['content'] ?? '';
  if (typeof content === 'string') return { role: message['role'], text: content };
  if (!Array.isArray(content)) throw refusal(`${field}.content`, 'a string or a list of parts expected');
  const text = content.map((part: unknown) => {
    if (!isJsonObject(part)) throw refusal(`${field}.content`, 'parts must be objects');
    // Images and sounds count as their reference: the simulator looks at nothing.
    return typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part);
  });
  return { role: message['role'], text: text.join('\n') };
}

/** vLLM's default number of tokens of a completion that asks for none. */
const defaultCompletionTokens = 16;

/** @throws HttpError 400 naming the field */
export function parseCompletionRequest(body: JsonObject): GenerationRequest {
  const prompt = body['prompt'];
  if (body['echo'] === true) throw refusal('echo', 'not supported by the simulator');
  if (typeof body['logprobs'] === 'number') throw refusal('logprobs', 'not supported by the simulator');
  if (body['suffix'] !== undefined && body['suffix'] !== null)
    throw refusal('suffix', 'not supported by the simulator');
  const promptTokens = parseInput(prompt, 'prompt');
  const [only] = promptTokens;
  if (only === undefined || promptTokens.length > 1) {
    throw refusal('prompt', 'exactly one prompt is supported by the simulator');
  }
  const maxTokens = optionalInteger(body, 'max_tokens') ?? defaultCompletionTokens;
  return { ...parseCommon(body), promptTokens: only, echo: only.join(''), maxTokens };
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

function parseCommon(body: JsonObject): Omit<GenerationRequest, 'promptTokens' | 'echo' | 'maxTokens'> {
  const n = optionalInteger(body, 'n') ?? 1;
  if (n !== 1) throw refusal('n', `only 1 is supported by the simulator, got ${String(n)}`);
  const options = body['stream_options'];
  const transfer = body['kv_transfer_params'];
  return {
    model: parseModel(body),
    minTokens: optionalInteger(body, 'min_tokens') ?? 0,
    ignoreEos: body['ignore_eos'] === true,
    stop: parseStop(body['stop']),
    stream: body['stream'] === true,
    includeUsage: isJsonObject(options) && options['include_usage'] === true,
    remotePrefill: isJsonObject(transfer) && transfer['do_remote_prefill'] === true,
  };
}

export function parseModel(body: JsonObject): string {
  const model = body['model'];
  if (typeof model !== 'string' || model === '') throw refusal('model', 'a model name expected');
  return model;
}

function parseStop(stop: unknown): string[] {
  if (stop === undefined || stop === null) return [];
  const sequences: unknown[] = Array.isArray(stop) ? stop : [stop];
  return sequences.map((sequence) => {
    if (typeof sequence !== 'string' || sequence === '')
      throw refusal('stop', 'a string or a list of strings expected');
    return sequence;
  });
}

function optionalInteger(body: JsonObject, field: string): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw refusal(field, `a whole number of at least 0 expected, got ${JSON.stringify(value)}`);
  }
  return value;
}

const refusal = (field: string, problem: string): HttpError => new HttpError(400, `${field}: ${problem}`);
