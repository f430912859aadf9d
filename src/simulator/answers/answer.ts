import type { AnswerHead, Usage } from '../../llm/server/answers.ts';

/** What a simulated model says, before an API gives it a shape. */

export interface ToolCall {
  id: string;
  name: string;
  /** JSON, by token. */
  arguments: readonly string[];
}

export interface Choice {
  /** Text by token; empty where tools are called. */
  text: readonly string[];
  calls: readonly ToolCall[];
  finishReason: 'stop' | 'length' | 'tool_calls';
}

export interface Answer {
  head: AnswerHead;
  choices: readonly Choice[];
  /** How many alternatives of each token are shown; undefined: no log probabilities at all. */
  topLogprobs: number | undefined;
}

/** One token of a choice as it is streamed. A call begins with the first token of its arguments. */
export type Step =
  | { readonly type: 'text'; readonly token: string }
  | { readonly type: 'arguments'; readonly call: number; readonly token: string; readonly first: boolean };

export function stepsOf({ text, calls }: Choice): Step[] {
  return [
    ...text.map((token): Step => ({ type: 'text', token })),
    ...calls.flatMap((call, index) =>
      call.arguments.map((token, at): Step => ({ type: 'arguments', call: index, token, first: at === 0 })),
    ),
  ];
}

/** How one API says an answer: as a whole, and as server-sent events. */
export interface AnswerFormat {
  whole(answer: Answer, usage: Usage): unknown;
  stream(answer: Answer): AnswerEvents;
}

/** Each method gives the text of events; empty: none. */
export interface AnswerEvents {
  open(promptTokens: number): string;
  step(choice: number, step: Step): string;
  close(usage: Usage, showUsage: boolean): string;
}

export const textOf = (tokens: readonly string[]): string => tokens.join('');

export const dataEvent = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

/** An event whose name is also its type, as Anthropic and the Responses API send them. */
export const typedEvent = (type: string, fields: object = {}): string =>
  `event: ${type}\n${dataEvent({ type, ...fields })}`;
