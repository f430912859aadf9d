/** The shapes of OpenAI answers, and of vLLM's errors. */

export interface AnswerHead {
  id: string;
  created: number;
  model: string;
  /** Says what gave the answer; a simulation says that no model was asked. */
  fingerprint: string;
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}

/** One endpoint's way of saying the same things. */
export interface AnswerShape {
  idPrefix: string;
  whole(head: AnswerHead, text: string, finishReason: string, usage: Usage): unknown;
  /** The first event of a stream, where there is one before the first token. */
  opening(head: AnswerHead): unknown;
  chunk(head: AnswerHead, text: string): unknown;
  closing(head: AnswerHead, finishReason: string): unknown;
  usage(head: AnswerHead, usage: Usage): unknown;
}

const usageOf = ({ promptTokens, completionTokens, cachedTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
});

const common = (object: string, { id, created, model, fingerprint }: AnswerHead) => ({
  id,
  object,
  created,
  model,
  system_fingerprint: fingerprint,
});

const chatChunk = (head: AnswerHead, delta: object, finishReason: string | null) => ({
  ...common('chat.completion.chunk', head),
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
});

export const chatShape: AnswerShape = {
  idPrefix: 'chatcmpl-',
  whole: (head, text, finishReason, usage) => ({
    ...common('chat.completion', head),
    choices: [{ index: 0, message: { role: 'assistant', content: text }, logprobs: null, finish_reason: finishReason }],
    usage: usageOf(usage),
  }),
  opening: (head) => chatChunk(head, { role: 'assistant', content: '' }, null),
  chunk: (head, text) => chatChunk(head, { content: text }, null),
  closing: (head, finishReason) => chatChunk(head, {}, finishReason),
  usage: (head, usage) => ({ ...common('chat.completion.chunk', head), choices: [], usage: usageOf(usage) }),
};

const completionChunk = (head: AnswerHead, text: string, finishReason: string | null) => ({
  ...common('text_completion', head),
  choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason }],
});

export const completionShape: AnswerShape = {
  idPrefix: 'cmpl-',
  whole: (head, text, finishReason, usage) => ({
    ...completionChunk(head, text, finishReason),
    usage: usageOf(usage),
  }),
  opening: () => undefined,
  chunk: (head, text) => completionChunk(head, text, null),
  closing: (head, finishReason) => completionChunk(head, '', finishReason),
  usage: (head, usage) => ({ ...common('text_completion', head), choices: [], usage: usageOf(usage) }),
};

const errorTypes: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  403: 'PermissionDeniedError',
  404: 'NotFoundError',
  413: 'RequestEntityTooLargeError',
  429: 'RateLimitError',
  503: 'ServiceUnavailableError',
};

/** vLLM's error body. */
export function errorBody(status: number, message: string) {
  const type = errorTypes[status] ?? (status < 500 ? 'BadRequestError' : 'InternalServerError');
  return { error: { message, type, param: null, code: status } };
}
