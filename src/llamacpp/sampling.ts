import { isJsonObject, type JsonObject } from '../llm/server/http.ts';
import { optionalInteger, refusal } from '../llm/server/requests.ts';

/** How the next token is drawn, as OpenAI's and vLLM's requests say it. */
export interface Sampling {
  /** 0: always the likeliest token. */
  readonly temperature: number;
  readonly topP: number;
  /** 0: all tokens. */
  readonly topK: number;
  readonly minP: number;
  readonly seed: number | undefined;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** 1: none. */
  readonly repetitionPenalty: number;
}

/** @throws HttpError 400 naming the field */
export function parseSampling(body: JsonObject): Sampling {
  refuseUnsupported(body);
  const topK = body['top_k'] === -1 ? 0 : optionalInteger(body, 'top_k');
  const seed = optionalInteger(body, 'seed');
  return {
    temperature: optionalNumber(body, 'temperature', 0, 2) ?? 1,
    topP: optionalNumber(body, 'top_p', 0, 1) ?? 1,
    topK: topK ?? 0,
    minP: optionalNumber(body, 'min_p', 0, 1) ?? 0,
    seed: seed === undefined ? undefined : seed >>> 0,
    presencePenalty: optionalNumber(body, 'presence_penalty', -2, 2) ?? 0,
    frequencyPenalty: optionalNumber(body, 'frequency_penalty', -2, 2) ?? 0,
    repetitionPenalty: optionalNumber(body, 'repetition_penalty', 0.01, 10) ?? 1,
  };
}

/** Fields that would change the answer, and that nothing here does. */
function refuseUnsupported(body: JsonObject): void {
  const unsupported = [
    'logit_bias',
    'guided_json',
    'guided_regex',
    'guided_choice',
    'guided_grammar',
    'structured_outputs',
  ];
  const field = unsupported.find((name) => body[name] !== undefined && body[name] !== null);
  if (field !== undefined) throw refusal(field, 'not supported by this server');
  const { tools, messages } = body;
  if (Array.isArray(tools) && tools.length > 0 && body['tool_choice'] !== 'none') {
    throw refusal('tools', 'tool calls are not supported by this server; leave them out, or set tool_choice to "none"');
  }
  const parts = Array.isArray(messages)
    ? messages.flatMap((message: unknown): unknown[] =>
        isJsonObject(message) && Array.isArray(message['content']) ? message['content'] : [],
      )
    : [];
  if (parts.some((part) => !isJsonObject(part) || typeof part['text'] !== 'string')) {
    throw refusal('messages', 'only parts of type text are supported by this server');
  }
}

function optionalNumber(body: JsonObject, field: string, min: number, max: number): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw refusal(field, `a number from ${String(min)} to ${String(max)} expected, got ${JSON.stringify(value)}`);
}
