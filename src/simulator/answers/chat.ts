import { completionFields, usageFields } from '../../llm/server/answers.ts';
import { dataEvent, textOf, type Answer, type AnswerFormat, type Choice, type Step } from './answer.ts';
import { chatLogprobs } from './logprobs.ts';

/** OpenAI's chat completions. */
export const chatFormat: AnswerFormat = {
  whole: (answer, usage) => ({
    ...completionFields('chat.completion', answer.head),
    choices: answer.choices.map((choice, index) => ({
      index,
      message: message(choice),
      logprobs: chatLogprobs(choice.text, answer.topLogprobs),
      finish_reason: choice.finishReason,
    })),
    usage: usageFields(usage),
  }),
  stream: (answer) => ({
    open: () => answer.choices.map((_, index) => chunk(answer, index, { role: 'assistant', content: '' })).join(''),
    step: (index, step) => stepChunk(answer, index, step),
    close(usage, showUsage) {
      const ends = answer.choices.map(({ finishReason }, index) => chunk(answer, index, {}, finishReason));
      const last = {
        ...completionFields('chat.completion.chunk', answer.head),
        choices: [],
        usage: usageFields(usage),
      };
      return `${ends.join('')}${showUsage ? dataEvent(last) : ''}data: [DONE]\n\n`;
    },
  }),
};

function message({ text, calls }: Choice) {
  return {
    role: 'assistant',
    content: calls.length === 0 ? textOf(text) : null,
    refusal: null,
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: textOf(call.arguments) },
      })),
    }),
  };
}

function stepChunk(answer: Answer, index: number, step: Step): string {
  if (step.type === 'text') {
    return chunk(answer, index, { content: step.token }, null, chatLogprobs([step.token], answer.topLogprobs));
  }
  const call = answer.choices[index]?.calls[step.call];
  const opening = step.first && { id: call?.id, type: 'function' };
  const named = { ...(step.first && { name: call?.name }), arguments: step.token };
  return chunk(answer, index, { tool_calls: [{ index: step.call, ...opening, function: named }] });
}

function chunk(
  { head }: Answer,
  index: number,
  delta: object,
  finishReason: string | null = null,
  logprobs: object | null = null,
): string {
  const choices = [{ index, delta, logprobs, finish_reason: finishReason }];
  return dataEvent({ ...completionFields('chat.completion.chunk', head), choices });
}
