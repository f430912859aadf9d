import { isObject, listOf, numberOf, objectOf, parseObject, textOf, type JsonObject } from '../../json.ts';

/** An OpenAI chat completion as a message of Anthropic's API (aigateway.md 4.9). */

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

export const stopReason = (finish: unknown): string => stopReasons[textOf(finish) ?? ''] ?? 'end_turn';

export function messageOf(completion: JsonObject, requestModel: string): JsonObject {
  const choice = objectOf(listOf(completion['choices'])[0]);
  const message = objectOf(choice['message']);
  const text = textOf(message['content']) ?? '';
  return {
    id: textOf(completion['id']) ?? '',
    type: 'message',
    role: 'assistant',
    model: textOf(completion['model']) ?? requestModel,
    content: [
      ...thinkingOf(message),
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...listOf(message['tool_calls']).map(toolUse),
    ],
    stop_reason: stopReason(choice['finish_reason']),
    stop_sequence: null,
    usage: messageUsage(completion['usage']),
  };
}

function toolUse(given: unknown): JsonObject {
  const call = objectOf(given);
  const { name, arguments: text } = objectOf(call['function']);
  return { type: 'tool_use', id: call['id'], name, input: parseObject(textOf(text) ?? '') ?? {} };
}

function thinkingOf(message: JsonObject): JsonObject[] {
  const blocks = listOf(message['thinking_blocks']).filter(isObject);
  if (blocks.length > 0) return blocks;
  const { thinking, signature } = reasoningOf(message);
  return thinking === '' ? [] : [{ type: 'thinking', thinking, signature }];
}

/** Servers tell it as a text, or as an object; vLLM has renamed the field. */
export function reasoningOf(message: JsonObject): { thinking: string; signature: string } {
  const given = message['reasoning_content'] ?? message['reasoning'];
  if (typeof given === 'string') return { thinking: given, signature: '' };
  const { text, signature } = objectOf(objectOf(objectOf(given)['reasoningContent'])['reasoningText']);
  return { thinking: textOf(text) ?? '', signature: textOf(signature) ?? '' };
}

export function messageUsage(given: unknown): JsonObject {
  const usage = objectOf(given);
  return {
    input_tokens: numberOf(usage['prompt_tokens']) ?? 0,
    output_tokens: numberOf(usage['completion_tokens']) ?? 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
}
