import { completionFields, usageFields } from '../../llm/server/answers.ts';
import { dataEvent, textOf, type Answer, type AnswerFormat } from './answer.ts';
import { completionLogprobs } from './logprobs.ts';

/** OpenAI's text completions. */
export const completionFormat: AnswerFormat = {
  whole: (answer, usage) => ({
    ...completionFields('text_completion', answer.head),
    choices: answer.choices.map(({ text, finishReason }, index) => ({
      index,
      text: textOf(text),
      logprobs: completionLogprobs(text, answer.topLogprobs),
      finish_reason: finishReason,
    })),
    usage: usageFields(usage),
  }),
  stream(answer) {
    const offsets = answer.choices.map(() => 0);
    return {
      open: () => '',
      step(index, { token }) {
        const offset = offsets[index] ?? 0;
        offsets[index] = offset + token.length;
        return chunk(answer, index, token, null, completionLogprobs([token], answer.topLogprobs, offset));
      },
      close(usage, showUsage) {
        const ends = answer.choices.map(({ finishReason }, index) => chunk(answer, index, '', finishReason));
        const last = { ...completionFields('text_completion', answer.head), choices: [], usage: usageFields(usage) };
        return `${ends.join('')}${showUsage ? dataEvent(last) : ''}data: [DONE]\n\n`;
      },
    };
  },
};

function chunk(
  { head }: Answer,
  index: number,
  text: string,
  finishReason: string | null,
  logprobs: object | null = null,
): string {
  const choices = [{ index, text, logprobs, finish_reason: finishReason }];
  return dataEvent({ ...completionFields('text_completion', head), choices });
}
