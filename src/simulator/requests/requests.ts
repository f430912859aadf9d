import { isJsonObject, type JsonObject } from '../../llm/server/http.ts';
import {
  optionalInteger,
  parseChat,
  parseCompletion,
  refusal,
  type GenerationOptions,
  type Turn,
} from '../../llm/server/requests.ts';
import { maxTopLogprobs } from '../answers/logprobs.ts';
import { tokenize } from '../text.ts';
import { parseInput } from './input.ts';
import { callsOf, parseChatTools, type Offer, type Tool } from './tools.ts';

/** Requests of all model APIs as the simulator understands them. */

export interface GenerationRequest extends GenerationOptions {
  /** What the model reads, as text. */
  promptTokens: string[];
  /** What echo mode answers. */
  echo: string;
  remotePrefill: boolean;
  /** How many answers are wanted. */
  choices: number;
  /** Alternatives shown of each token; undefined: no log probabilities. */
  topLogprobs: number | undefined;
  wanted: Wanted;
}

/** What kind of answer: text, JSON that a schema allows, or calls of tools. */
export type Wanted =
  | { readonly type: 'text' }
  | { readonly type: 'json'; readonly schema: unknown }
  | { readonly type: 'calls'; readonly tools: readonly Tool[] };

const maxChoices = 128;

/** What the three chat APIs come down to. */
export interface Conversation {
  readonly turns: readonly Turn[];
  readonly offer: Offer;
  /** JSON Schema of the answer; undefined: text. */
  readonly schema: unknown;
}

/** The parts of a request that depend on what is said in it. */
export function understand(
  { turns, offer, schema }: Conversation,
  body: JsonObject,
): Pick<GenerationRequest, 'promptTokens' | 'echo' | 'remotePrefill' | 'wanted'> {
  const tools = callsOf(offer, turns);
  const prompt = turns.map(({ role, text }) => `${role}: ${text}\n`).join('');
  const offered = offer.tools.length === 0 ? '' : `tools: ${JSON.stringify(offer.tools)}\n`;
  const echo = (turns.findLast(({ role }) => role === 'user') ?? turns.at(-1))?.text ?? '';
  const json: Wanted = schema === undefined ? { type: 'text' } : { type: 'json', schema };
  return {
    promptTokens: tokenize(offered + prompt),
    echo,
    remotePrefill: isRemotePrefill(body),
    wanted: tools.length > 0 ? { type: 'calls', tools } : json,
  };
}

/** @throws HttpError 400 naming the field */
export function parseChatRequest(body: JsonObject): GenerationRequest {
  const { turns, ...options } = parseChat(body);
  const conversation = { turns, offer: parseChatTools(body), schema: parseResponseFormat(body['response_format']) };
  const top = optionalInteger(body, 'top_logprobs');
  return {
    ...options,
    ...understand(conversation, body),
    choices: parseChoices(body),
    topLogprobs: body['logprobs'] === true ? boundedTop(top ?? 0, 'top_logprobs') : undefined,
  };
}

/** @throws HttpError 400 naming the field */
export function parseCompletionRequest(body: JsonObject): GenerationRequest {
  const options = parseCompletion(body);
  const promptTokens = parseInput(body['prompt'], 'prompt');
  const [only] = promptTokens;
  if (only === undefined || promptTokens.length > 1) {
    throw refusal('prompt', 'exactly one prompt is supported by this server');
  }
  const top = optionalInteger(body, 'logprobs');
  return {
    ...options,
    promptTokens: only,
    echo: only.join(''),
    remotePrefill: isRemotePrefill(body),
    choices: parseChoices(body),
    topLogprobs: top === undefined ? undefined : boundedTop(top, 'logprobs'),
    wanted: { type: 'text' },
  };
}

function parseChoices(body: JsonObject): number {
  const n = optionalInteger(body, 'n') ?? 1;
  if (n < 1 || n > maxChoices)
    throw refusal('n', `a number from 1 to ${String(maxChoices)} expected, got ${String(n)}`);
  return n;
}

function boundedTop(top: number, field: string): number {
  if (top > maxTopLogprobs)
    throw refusal(field, `a number up to ${String(maxTopLogprobs)} expected, got ${String(top)}`);
  return top;
}

/** The schema of structured output; undefined: text. @throws HttpError 400 naming the field */
function parseResponseFormat(format: unknown): unknown {
  if (format === undefined || format === null) return undefined;
  const type = isJsonObject(format) ? format['type'] : undefined;
  if (isJsonObject(format)) {
    if (type === 'text') return undefined;
    if (type === 'json_object') return jsonObject;
    const declared = format['json_schema'];
    if (type === 'json_schema' && isJsonObject(declared) && isJsonObject(declared['schema'])) return declared['schema'];
  }
  throw refusal('response_format', 'a type of text, json_object or json_schema with a schema expected');
}

/** Where any JSON object will do. */
export const jsonObject = { type: 'object', properties: { answer: { type: 'string' } } } as const;

function isRemotePrefill(body: JsonObject): boolean {
  const transfer = body['kv_transfer_params'];
  return isJsonObject(transfer) && transfer['do_remote_prefill'] === true;
}
