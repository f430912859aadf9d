import { defined, isObject, listOf, objectOf, textOf, type JsonObject } from '../../json.ts';
import { UnprocessableRequest } from '../translator.ts';

/** Parts of OpenAI chat messages as content blocks of Anthropic's API (aigateway.md 4.5). */

const imageTypes = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

/** `cache_control` of a part or message, to be copied. */
export const cached = (from: unknown): JsonObject => defined({ cache_control: objectOf(from)['cache_control'] });

export function userBlocks(content: unknown, param: string): JsonObject[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return listOf(content).flatMap((part, at) => userBlock(objectOf(part), `${param}[${at}]`));
}

function userBlock(part: JsonObject, param: string): JsonObject[] {
  switch (part['type']) {
    case 'text': {
      const text = textOf(part['text']) ?? '';
      return text === '' ? [] : [{ type: 'text', text, ...cached(part) }];
    }
    case 'image_url':
      return [{ ...imageBlock(textOf(objectOf(part['image_url'])['url']) ?? '', param), ...cached(part) }];
    case 'file':
      return [{ ...fileBlock(objectOf(part['file']), param), ...cached(part) }];
    default:
      throw new UnprocessableRequest(
        param,
        `content of type ${JSON.stringify(part['type'])} is not supported by Anthropic`,
      );
  }
}

function imageBlock(url: string, param: string): JsonObject {
  const data = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  if (data === null) {
    if (!/^https?:\/\//.test(url))
      throw new UnprocessableRequest(`${param}.image_url.url`, 'a data: or http(s) URL expected');
    const type = new URL(url).pathname.toLowerCase().endsWith('.pdf') ? 'document' : 'image';
    return { type, source: { type: 'url', url } };
  }
  const [, mediaType = '', bytes = ''] = data;
  if (mediaType === 'application/pdf') return document(bytes);
  if (!imageTypes.has(mediaType)) {
    throw new UnprocessableRequest(`${param}.image_url.url`, `media type ${mediaType} is not supported by Anthropic`);
  }
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data: bytes } };
}

function fileBlock(file: JsonObject, param: string): JsonObject {
  const data = /^(?:data:application\/pdf;base64,)?([\w+/=-]+)$/.exec(textOf(file['file_data']) ?? '');
  if (data === null)
    throw new UnprocessableRequest(`${param}.file`, 'only PDF files in file_data are supported by Anthropic');
  return document(data[1] ?? '');
}

const document = (data: string): JsonObject => ({
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data },
});

export function systemBlocks(content: unknown): JsonObject[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  const parts = listOf(content).map(objectOf);
  const text = parts.map((part) => textOf(part['text']) ?? '').join('');
  const last = parts.findLast((part) => part['cache_control'] !== undefined);
  return text === '' ? [] : [{ type: 'text', text, ...cached(last) }];
}

/** Text, refusals and thinking of the assistant, then what it has called. */
export function assistantBlocks(message: JsonObject, param: string): JsonObject[] {
  const { content } = message;
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content).map(objectOf);
  const said = parts.flatMap((part) => assistantBlock(part));
  const called = listOf(message['tool_calls']).map((call, at) => toolUse(objectOf(call), `${param}.tool_calls[${at}]`));
  return [...thinkingBlocks(message['thinking_blocks']), ...said, ...called];
}

function assistantBlock(part: JsonObject): JsonObject[] {
  const text = textOf(part['text']) ?? textOf(part['refusal']) ?? '';
  if (part['type'] === 'thinking') {
    return [{ type: 'thinking', thinking: text, signature: textOf(part['signature']) ?? '' }];
  }
  if (part['type'] === 'redacted_thinking') {
    return [{ type: 'redacted_thinking', data: textOf(part['redactedContent']) ?? textOf(part['data']) ?? '' }];
  }
  return text === '' ? [] : [{ type: 'text', text, ...cached(part) }];
}

/** What an earlier answer of ours has told of the model's thinking goes back as it came. */
function thinkingBlocks(blocks: unknown): JsonObject[] {
  return listOf(blocks)
    .filter(isObject)
    .map((block) =>
      block['type'] === 'redacted_thinking'
        ? { type: 'redacted_thinking', data: block['data'] }
        : { type: 'thinking', thinking: block['thinking'], signature: block['signature'] },
    );
}

function toolUse(call: JsonObject, param: string): JsonObject {
  const { name, arguments: given } = objectOf(call['function']);
  const id = textOf(call['id']) ?? '';
  if (id === '') throw new UnprocessableRequest(`${param}.id`, 'a tool call needs its id');
  let input: unknown = {};
  try {
    input = given === undefined || given === '' ? {} : JSON.parse(textOf(given) ?? '');
  } catch {
    throw new UnprocessableRequest(`${param}.function.arguments`, 'the arguments of a tool call are a JSON object');
  }
  if (!isObject(input)) {
    throw new UnprocessableRequest(`${param}.function.arguments`, 'the arguments of a tool call are a JSON object');
  }
  return { type: 'tool_use', id, name, input, ...cached(call) };
}

export function toolResult(message: JsonObject, param: string): JsonObject {
  const { content } = message;
  const blocks =
    typeof content === 'string' ? [{ type: 'text', text: content }] : userBlocks(content, `${param}.content`);
  const own = cached(message);
  const last = blocks.findLast((block) => block['cache_control'] !== undefined);
  return {
    type: 'tool_result',
    tool_use_id: textOf(message['tool_call_id']) ?? '',
    content: blocks.map((block) => defined({ ...block, cache_control: undefined })),
    is_error: saysError(content),
    ...(Object.keys(own).length > 0 ? own : cached(last)),
  };
}

function saysError(content: unknown): boolean {
  if (typeof content !== 'string') return false;
  try {
    const value: unknown = JSON.parse(content);
    return isObject(value) && 'error' in value;
  } catch {
    return false;
  }
}
