import { HttpError, isJsonObject, type JsonObject } from './http.ts';

/** OpenAI requests as model servers read them. A field that would change the answer and is not supported is a 400. */

export interface GenerationOptions {
  model: string;
  maxTokens: number | undefined;
  minTokens: number;
  ignoreEos: boolean;
  stop: readonly string[];
  stream: boolean;
  includeUsage: boolean;
}

export interface ChatRequest extends GenerationOptions {
  turns: readonly Turn[];
}

export interface Turn {
  role: string;
  text: string;
}

/** @throws HttpError 400 naming the field */
export function parseChat(body: JsonObject): ChatRequest {
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) throw refusal('messages', 'a list of messages expected');
  const turns = messages.map((message: unknown, at) => parseMessage(message, at));
  const maxTokens = optionalInteger(body, 'max_completion_tokens') ?? optionalInteger(body, 'max_tokens');
  return { ...parseOptions(body), turns, maxTokens };
}

/** For servers that only write text. @throws HttpError 400 naming the field */
export function refuseAllButText(body: JsonObject): void {
  const n = optionalInteger(body, 'n') ?? 1;
  if (n !== 1) throw refusal('n', `only 1 is supported by this server, got ${String(n)}`);
  const choice = body['tool_choice'];
  if (choice === 'required' || isJsonObject(choice)) {
    throw refusal('tool_choice', 'tool calls are not supported by this server; leave it out, or use "auto" or "none"');
  }
  if (body['logprobs'] === true || typeof body['logprobs'] === 'number') {
    throw refusal('logprobs', 'not supported by this server');
  }
  const format = body['response_format'];
  if (isJsonObject(format) && format['type'] !== 'text') {
    throw refusal('response_format', 'only {"type":"text"} is supported by this server');
  }
}

function parseMessage(message: unknown, at: number): Turn {
  const field = `messages[${String(at)}]`;
  if (!isJsonObject(message) || typeof message['role'] !== 'string') {
    throw refusal(field, 'an object with a "role" expected');
  }
  const content = message['content'] ?? '';
  return { role: message['role'], text: contentText(content, `${field}.content`) };
}

/** The text of a string or of a list of parts. @throws HttpError 400 naming the field */
export function contentText(content: unknown, field: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw refusal(field, 'a string or a list of parts expected');
  const text = content.map((part: unknown) => {
    if (!isJsonObject(part)) throw refusal(field, 'parts must be objects');
    // Images and sounds count as their reference: nothing here can look at them.
    return typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part);
  });
  return text.join('\n');
}

/** vLLM's default number of tokens of a completion that asks for none. */
const defaultCompletionTokens = 16;

/** All of a completion request but its prompt. @throws HttpError 400 naming the field */
export function parseCompletion(body: JsonObject): GenerationOptions {
  if (body['echo'] === true) throw refusal('echo', 'not supported by this server');
  if (body['suffix'] !== undefined && body['suffix'] !== null) {
    throw refusal('suffix', 'not supported by this server');
  }
  return { ...parseOptions(body), maxTokens: optionalInteger(body, 'max_tokens') ?? defaultCompletionTokens };
}

function parseOptions(body: JsonObject): Omit<GenerationOptions, 'maxTokens'> {
  const options = body['stream_options'];
  return {
    model: parseModel(body),
    minTokens: optionalInteger(body, 'min_tokens') ?? 0,
    ignoreEos: body['ignore_eos'] === true,
    stop: parseStop(body['stop']),
    stream: body['stream'] === true,
    includeUsage: isJsonObject(options) && options['include_usage'] === true,
  };
}

/** How many tokens may be generated. @throws HttpError 400 when prompt and tokens asked for exceed the model's length */
export function tokenBudget(prompt: number, asked: number | undefined, maxModelLen: number): number {
  if (asked === 0) throw new HttpError(400, 'max_tokens must be at least 1, got 0.');
  if (prompt + (asked ?? 1) > maxModelLen) {
    const parts = `${String(prompt)} in the messages, ${String(asked ?? 1)} in the completion`;
    throw new HttpError(
      400,
      `This model's maximum context length is ${String(maxModelLen)} tokens. However, you requested ` +
        `${String(prompt + (asked ?? 1))} tokens (${parts}). Please reduce the length of the messages or completion.`,
    );
  }
  return asked ?? maxModelLen - prompt;
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

export function optionalInteger(body: JsonObject, field: string): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw refusal(field, `a whole number of at least 0 expected, got ${JSON.stringify(value)}`);
  }
  return value;
}

export const refusal = (field: string, problem: string): HttpError => new HttpError(400, `${field}: ${problem}`);
