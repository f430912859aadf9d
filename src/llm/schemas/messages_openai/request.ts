import { defined, isObject, listOf, objectOf, textOf, type JsonObject } from '../../json.ts';
import { UnprocessableRequest, type ClientCall } from '../translator.ts';

/** A request of Anthropic's Messages API as an OpenAI chat (aigateway.md 4.9). */
export function chatRequest({ body, model }: Pick<ClientCall, 'body' | 'model'>): JsonObject {
  const streams = body['stream'] === true;
  const tools = listOf(body['tools']).map(objectOf).filter(isCustom).map(toolOf);
  return defined({
    model,
    messages: [...systemMessage(body['system']), ...listOf(body['messages']).flatMap(messagesOf)],
    max_completion_tokens: body['max_tokens'],
    temperature: body['temperature'],
    top_p: body['top_p'],
    stop: body['stop_sequences'],
    stream: streams ? true : undefined,
    stream_options: streams ? { include_usage: true } : undefined,
    tools: tools.length === 0 ? undefined : tools,
    tool_choice: tools.length === 0 ? undefined : toolChoice(body['tool_choice']),
    parallel_tool_calls: objectOf(body['tool_choice'])['disable_parallel_tool_use'] === true ? false : undefined,
    thinking: body['thinking'],
  });
}

function systemMessage(system: unknown): JsonObject[] {
  const text =
    typeof system === 'string'
      ? system
      : listOf(system)
          .map((block) => textOf(objectOf(block)['text']))
          .join('');
  return text === '' ? [] : [{ role: 'system', content: text }];
}

function messagesOf(given: unknown, at: number): JsonObject[] {
  const { role, content } = objectOf(given);
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content).map(objectOf);
  if (role === 'assistant') return [assistantMessage(blocks)];
  if (role === 'user') return userMessages(blocks, `messages[${at}].content`);
  throw new UnprocessableRequest(`messages[${at}].role`, `role ${JSON.stringify(role)} is not supported`);
}

/** Results of tools are messages of their own, before what the user says. */
function userMessages(blocks: readonly JsonObject[], param: string): JsonObject[] {
  const results = blocks.filter(({ type }) => type === 'tool_result').map(toolMessage);
  const parts = blocks.flatMap((block, at) => userPart(block, `${param}[${at}]`));
  const plain = parts.every(({ type }) => type === 'text');
  const content = plain ? parts.map(({ text }) => textOf(text)).join('') : parts;
  return parts.length === 0 ? results : [...results, { role: 'user', content }];
}

function toolMessage({ tool_use_id: id, content }: JsonObject): JsonObject {
  const text =
    typeof content === 'string'
      ? content
      : listOf(content)
          .map((block) => textOf(objectOf(block)['text']))
          .join('');
  return { role: 'tool', tool_call_id: id, content: text };
}

function userPart(block: JsonObject, param: string): JsonObject[] {
  const source = objectOf(block['source']);
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: block['text'] }];
    case 'tool_result':
      return [];
    case 'image': {
      const url = source['type'] === 'url' ? source['url'] : dataUrl(source);
      return [{ type: 'image_url', image_url: { url } }];
    }
    case 'document': {
      if (source['type'] === 'text') return [{ type: 'text', text: source['data'] }];
      if (source['type'] !== 'base64') break;
      return [
        { type: 'file', file: { filename: textOf(block['title']) ?? 'document.pdf', file_data: dataUrl(source) } },
      ];
    }
  }
  throw new UnprocessableRequest(
    param,
    `content of type ${JSON.stringify(block['type'])} is not supported by OpenAI's chat API`,
  );
}

const dataUrl = ({ media_type: mediaType, data }: JsonObject): string =>
  `data:${textOf(mediaType) ?? ''};base64,${textOf(data) ?? ''}`;

/** Thinking stays with the answer: a backend that shows its thinking wants it back. */
function assistantMessage(blocks: readonly JsonObject[]): JsonObject {
  const texts = blocks.filter(({ type }) => type === 'text');
  const text = texts.map((block) => textOf(block['text'])).join('');
  const thoughts = blocks.flatMap((block): JsonObject[] => {
    if (block['type'] === 'thinking')
      return [{ type: 'thinking', text: block['thinking'], signature: block['signature'] }];
    return block['type'] === 'redacted_thinking' ? [{ type: 'redacted_thinking', redactedContent: block['data'] }] : [];
  });
  const calls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(input ?? {}) },
    }));
  const spoken = text === '' ? undefined : text;
  const content =
    thoughts.length === 0 ? spoken : [...thoughts, ...texts.map((block) => ({ type: 'text', text: block['text'] }))];
  return defined({ role: 'assistant', content, tool_calls: calls.length === 0 ? undefined : calls });
}

/** Tools that run at Anthropic have a type of their own; the others' is `custom`, or not told. */
const isCustom = ({ type }: JsonObject): boolean => type === undefined || type === null || type === 'custom';

function toolOf({ name, description, input_schema: parameters }: JsonObject): JsonObject {
  return { type: 'function', function: defined({ name, description, parameters }) };
}

function toolChoice(choice: unknown): unknown {
  if (!isObject(choice)) return undefined;
  if (choice['type'] === 'any') return 'required';
  return choice['type'] === 'tool' ? { type: 'function', function: { name: choice['name'] } } : choice['type'];
}
