import { textOf, typedEvent, type Answer, type AnswerFormat, type Choice, type Step } from './answer.ts';

/** Anthropic's Messages, of which an answer has one choice. */
export const messagesFormat: AnswerFormat = {
  whole: (answer, usage) => ({
    ...opening(answer),
    content: blocks(answer.choices[0]),
    stop_reason: stopReason(answer.choices[0]),
    usage: { ...inputUsage(usage.promptTokens, usage.cachedTokens), output_tokens: usage.completionTokens },
  }),
  stream(answer) {
    const [choice] = answer.choices;
    /** Index of the content block that is open; -1: none yet. */
    let block = -1;
    const stop = (): string => (block < 0 ? '' : typedEvent('content_block_stop', { index: block }));
    const start = (content: object): string => {
      const ended = stop();
      block += 1;
      return `${ended}${typedEvent('content_block_start', { index: block, content_block: content })}`;
    };
    const delta = (part: object): string => typedEvent('content_block_delta', { index: block, delta: part });
    return {
      open: (promptTokens) =>
        typedEvent('message_start', {
          message: { ...opening(answer), usage: { ...inputUsage(promptTokens, 0), output_tokens: 0 } },
        }),
      step(_, step) {
        if (step.type === 'text') {
          const started = block < 0 ? start({ type: 'text', text: '' }) : '';
          return `${started}${delta({ type: 'text_delta', text: step.token })}`;
        }
        const started = step.first ? start(emptyCall(choice, step)) : '';
        return `${started}${delta({ type: 'input_json_delta', partial_json: step.token })}`;
      },
      close(usage) {
        const end = {
          delta: { stop_reason: stopReason(choice), stop_sequence: null },
          usage: { ...inputUsage(usage.promptTokens, usage.cachedTokens), output_tokens: usage.completionTokens },
        };
        return `${stop()}${typedEvent('message_delta', end)}${typedEvent('message_stop')}`;
      },
    };
  },
};

const opening = ({ head }: Answer) => ({
  id: head.id,
  type: 'message',
  role: 'assistant',
  model: head.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
});

const inputUsage = (promptTokens: number, cachedTokens: number) => ({
  input_tokens: promptTokens - cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cachedTokens,
});

function blocks(choice: Choice | undefined): object[] {
  if (choice === undefined) return [];
  if (choice.calls.length === 0) return [{ type: 'text', text: textOf(choice.text) }];
  return choice.calls.map(({ id, name, arguments: tokens }) => ({ type: 'tool_use', id, name, input: parsed(tokens) }));
}

/** Arguments that a token limit cut off are no JSON. */
function parsed(tokens: readonly string[]): unknown {
  try {
    return JSON.parse(textOf(tokens));
  } catch {
    return {};
  }
}

function emptyCall(choice: Choice | undefined, step: Step & { type: 'arguments' }): object {
  const call = choice?.calls[step.call];
  return { type: 'tool_use', id: call?.id, name: call?.name, input: {} };
}

const stopReasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' } as const;

const stopReason = (choice: Choice | undefined): string => stopReasons[choice?.finishReason ?? 'stop'];
