import type { Usage } from '../../llm/server/answers.ts';
import { textOf, typedEvent, type Answer, type AnswerFormat, type Choice, type Step } from './answer.ts';

/** OpenAI's Responses, of which an answer has one choice. Nothing is stored. */
export const responsesFormat: AnswerFormat = {
  whole: finished,
  stream(answer) {
    const [choice] = answer.choices;
    let sequence = 0;
    const event = (type: string, fields: object): string => {
      const text = typedEvent(type, { sequence_number: sequence, ...fields });
      sequence += 1;
      return text;
    };
    const end = (item: Item): string =>
      item.type === 'message'
        ? [
            event('response.output_text.done', { ...place(item), content_index: 0, text: item.text, logprobs: [] }),
            event('response.content_part.done', { ...place(item), content_index: 0, part: textPart(item.text) }),
            event('response.output_item.done', { output_index: item.index, item: rendered(item, 'completed') }),
          ].join('')
        : [
            event('response.function_call_arguments.done', { ...place(item), arguments: item.text }),
            event('response.output_item.done', { output_index: item.index, item: rendered(item, 'completed') }),
          ].join('');
    const begin = (item: Item): string => {
      const added = event('response.output_item.added', {
        output_index: item.index,
        item: rendered(item, 'in_progress'),
      });
      if (item.type !== 'message') return added;
      return added + event('response.content_part.added', { ...place(item), content_index: 0, part: textPart('') });
    };
    let open: Item | undefined;
    return {
      open: () => {
        const response = unfinished(answer);
        return event('response.created', { response }) + event('response.in_progress', { response });
      },
      step(_, step) {
        let text = '';
        if (open === undefined || (step.type === 'arguments' && step.first)) {
          if (open !== undefined) text += end(open);
          open = itemOf(answer, choice, step, open === undefined ? 0 : open.index + 1);
          text += begin(open);
        }
        open.text += step.token;
        if (step.type === 'arguments') {
          return text + event('response.function_call_arguments.delta', { ...place(open), delta: step.token });
        }
        const delta = { ...place(open), content_index: 0, delta: step.token, logprobs: [] };
        return text + event('response.output_text.delta', delta);
      },
      close(usage) {
        const ended = open === undefined ? '' : end(open);
        const response = finished(answer, usage);
        return ended + event(`response.${response.status}`, { response });
      },
    };
  },
};

/** An output item, with the text that it has so far. */
interface Item {
  readonly type: 'message' | 'function_call';
  readonly id: string;
  readonly index: number;
  readonly call?: { readonly id: string; readonly name: string };
  text: string;
}

const place = ({ id, index }: Item) => ({ item_id: id, output_index: index });

const textPart = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });

function itemOf({ head }: Answer, choice: Choice | undefined, step: Step, index: number): Item {
  const suffix = head.id.slice(head.id.indexOf('_') + 1);
  if (step.type === 'text') return { type: 'message', id: `msg_${suffix}`, index, text: '' };
  const call = choice?.calls[step.call];
  const id = `fc_${suffix}${String(index)}`;
  return { type: 'function_call', id, index, text: '', call: { id: call?.id ?? '', name: call?.name ?? '' } };
}

function rendered(item: Item, status: 'in_progress' | 'completed' | 'incomplete'): object {
  const { type, id, text, call } = item;
  if (type === 'message') {
    return { type, id, status, role: 'assistant', content: status === 'in_progress' ? [] : [textPart(text)] };
  }
  return { type, id, status, call_id: call?.id, name: call?.name, arguments: text };
}

function outputOf(answer: Answer): object[] {
  const [choice] = answer.choices;
  if (choice === undefined) return [];
  const status = choice.finishReason === 'length' ? 'incomplete' : 'completed';
  if (choice.calls.length === 0) {
    const item = itemOf(answer, choice, { type: 'text', token: '' }, 0);
    return [rendered({ ...item, text: textOf(choice.text) }, status)];
  }
  return choice.calls.map(({ arguments: tokens }, index) => {
    const item = itemOf(answer, choice, { type: 'arguments', call: index, token: '', first: true }, index);
    return rendered({ ...item, text: textOf(tokens) }, status);
  });
}

const unfinished = ({ head }: Answer) => ({
  id: head.id,
  object: 'response',
  created_at: head.created,
  status: 'in_progress',
  model: head.model,
  output: [],
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: { headgate: head.fingerprint },
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage: null,
});

function finished(answer: Answer, { promptTokens, completionTokens, cachedTokens }: Usage) {
  const cut = answer.choices[0]?.finishReason === 'length';
  return {
    ...unfinished(answer),
    status: cut ? 'incomplete' : 'completed',
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    output: outputOf(answer),
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedTokens },
      output_tokens: completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: promptTokens + completionTokens,
    },
  };
}
