import { isJsonObject, type JsonObject } from '../../llm/server/http.ts';
import { contentText, optionalInteger, parseModel, refusal, type Turn } from '../../llm/server/requests.ts';
import { jsonObject, understand, type GenerationRequest } from './requests.ts';
import { parseResponsesTools, toolRole } from './tools.ts';

/** Requests of OpenAI's Responses. Nothing is stored, so that none can be gone on from. @throws HttpError 400 naming the field */
export function parseResponsesRequest(body: JsonObject): GenerationRequest {
  for (const field of ['previous_response_id', 'conversation', 'prompt']) {
    if (body[field] !== undefined && body[field] !== null) {
      throw refusal(field, 'this server stores nothing; send the whole input');
    }
  }
  if (body['background'] === true) throw refusal('background', 'not supported by this server');
  const conversation = {
    turns: turnsOf(body),
    offer: parseResponsesTools(body),
    schema: parseTextFormat(body['text']),
  };
  return {
    model: parseModel(body),
    maxTokens: optionalInteger(body, 'max_output_tokens'),
    minTokens: 0,
    ignoreEos: false,
    stop: [],
    stream: body['stream'] === true,
    includeUsage: true,
    choices: 1,
    topLogprobs: undefined,
    ...understand(conversation, body),
  };
}

function turnsOf(body: JsonObject): Turn[] {
  const { input, instructions } = body;
  const first = typeof instructions === 'string' ? [{ role: 'system', text: instructions }] : [];
  if (typeof input === 'string') return [...first, { role: 'user', text: input }];
  if (!Array.isArray(input) || input.length === 0) throw refusal('input', 'a string or a list of items expected');
  return [...first, ...input.map((item: unknown, at) => turnOf(item, `input[${String(at)}]`))];
}

function turnOf(item: unknown, field: string): Turn {
  if (!isJsonObject(item)) throw refusal(field, 'an object expected');
  const { type, role, content, output } = item;
  if (type === 'function_call_output') {
    return { role: toolRole, text: typeof output === 'string' ? output : JSON.stringify(output ?? '') };
  }
  if (typeof role === 'string') return { role, text: contentText(content ?? '', `${field}.content`) };
  if (typeof type === 'string') return { role: 'assistant', text: JSON.stringify(item) };
  throw refusal(field, 'a message with a "role" or an item with a "type" expected');
}

/** `text.format`; undefined: text. */
function parseTextFormat(text: unknown): unknown {
  const format = isJsonObject(text) ? text['format'] : undefined;
  if (format === undefined || format === null) return undefined;
  if (isJsonObject(format)) {
    if (format['type'] === 'text') return undefined;
    if (format['type'] === 'json_object') return jsonObject;
    if (format['type'] === 'json_schema' && isJsonObject(format['schema'])) return format['schema'];
  }
  throw refusal('text.format', 'a type of text, json_object or json_schema with a schema expected');
}
