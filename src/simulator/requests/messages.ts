import { isJsonObject, type JsonObject } from '../../llm/server/http.ts';
import { contentText, optionalInteger, parseModel, refusal, type Turn } from '../../llm/server/requests.ts';
import { understand, type GenerationRequest } from './requests.ts';
import { parseMessagesTools, toolRole } from './tools.ts';

/** Requests of Anthropic's Messages. @throws HttpError 400 naming the field */
export function parseMessagesRequest(body: JsonObject): GenerationRequest {
  const maxTokens = optionalInteger(body, 'max_tokens');
  if (maxTokens === undefined) throw refusal('max_tokens', 'Field required');
  return { ...parseCountedMessages(body), maxTokens };
}

/** The same without a limit, as counting tokens takes it. @throws HttpError 400 naming the field */
export function parseCountedMessages(body: JsonObject): GenerationRequest {
  const stop = body['stop_sequences'] ?? [];
  if (!Array.isArray(stop) || !stop.every((text) => typeof text === 'string')) {
    throw refusal('stop_sequences', 'a list of strings expected');
  }
  return {
    model: parseModel(body),
    maxTokens: undefined,
    minTokens: 0,
    ignoreEos: false,
    stop,
    stream: body['stream'] === true,
    includeUsage: true,
    choices: 1,
    topLogprobs: undefined,
    ...understand({ turns: turnsOf(body), offer: parseMessagesTools(body), schema: undefined }, body),
  };
}

function turnsOf(body: JsonObject): Turn[] {
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) throw refusal('messages', 'a list of messages expected');
  const system = body['system'];
  const first = system === undefined ? [] : [{ role: 'system', text: contentText(system, 'system') }];
  return [...first, ...messages.map((message: unknown, at) => turnOf(message, `messages[${String(at)}]`))];
}

function turnOf(message: unknown, field: string): Turn {
  const role = isJsonObject(message) ? message['role'] : undefined;
  if (!isJsonObject(message) || (role !== 'user' && role !== 'assistant' && role !== 'system')) {
    throw refusal(field, 'an object with a "role" of user or assistant expected');
  }
  const { content } = message;
  const parts: unknown[] = Array.isArray(content) ? content : [];
  const isResult = parts.some((part) => isJsonObject(part) && part['type'] === 'tool_result');
  return { role: isResult ? toolRole : role, text: contentText(content, `${field}.content`) };
}
