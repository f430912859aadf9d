import { defined, listOf, numberOf, objectOf, textOf, type JsonObject } from '../../json.ts';

/** A message of Anthropic's API as an OpenAI chat completion (aigateway.md 4.5). */

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};

export const finishReason = (stopReason: unknown): string => finishReasons[textOf(stopReason) ?? ''] ?? 'stop';

export function chatCompletion(message: JsonObject, requestModel: string, created: number): JsonObject {
  const blocks = listOf(message['content']).map(objectOf);
  const texts = blocks.filter(({ type }) => type === 'text').map(({ text }) => textOf(text) ?? '');
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toolCall);
  const thinking = blocks.filter(({ type }) => type === 'thinking' || type === 'redacted_thinking');
  const answer = defined({
    role: 'assistant',
    content: texts.find((text) => text !== '') ?? null,
    tool_calls: calls.length === 0 ? undefined : calls,
    reasoning_content: reasoning(thinking),
    thinking_blocks: thinking.length === 0 ? undefined : thinking,
  });
  return {
    id: textOf(message['id']) ?? '',
    object: 'chat.completion',
    created,
    model: textOf(message['model']) ?? requestModel,
    choices: [{ index: 0, message: answer, finish_reason: finishReason(message['stop_reason']) }],
    usage: usage(objectOf(message['usage'])),
  };
}

function toolCall({ id, name, input }: JsonObject): JsonObject {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } };
}

function reasoning(blocks: readonly JsonObject[]): JsonObject | undefined {
  const [first] = blocks;
  if (first === undefined) return undefined;
  if (first['type'] === 'redacted_thinking') return { reasoningContent: { redactedContent: first['data'] } };
  return { reasoningContent: { reasoningText: { text: first['thinking'], signature: first['signature'] } } };
}

/** Anthropic counts what came from and went into its cache apart; OpenAI has it in the prompt. */
export function usage(given: JsonObject): JsonObject {
  const [input = 0, output = 0, read = 0, written = 0] = [
    'input_tokens',
    'output_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
  ].map((name) => numberOf(given[name]) ?? 0);
  const thought = numberOf(objectOf(given['output_tokens_details'])['thinking_tokens']) ?? 0;
  const prompt = input + read + written;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: defined({
      cached_tokens: read || undefined,
      cache_creation_input_tokens: written || undefined,
    }),
    completion_tokens_details: defined({ reasoning_tokens: thought || undefined }),
  };
}
