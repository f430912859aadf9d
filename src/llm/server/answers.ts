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

/** `usage` of chat and text completions. */
export const usageFields = ({ promptTokens, completionTokens, cachedTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
});

/** What every completion and every chunk of one begins with. */
export const completionFields = (object: string, { id, created, model, fingerprint }: AnswerHead) => ({
  id,
  object,
  created,
  model,
  system_fingerprint: fingerprint,
});

const chatChunk = (head: AnswerHead, delta: object, finishReason: string | null) => ({
  ...completionFields('chat.completion.chunk', head),
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
});

export const chatShape: AnswerShape = {
  idPrefix: 'chatcmpl-',
  whole: (head, text, finishReason, usage) => ({
    ...completionFields('chat.completion', head),
    choices: [{ index: 0, message: { role: 'assistant', content: text }, logprobs: null, finish_reason: finishReason }],
    usage: usageFields(usage),
  }),
  opening: (head) => chatChunk(head, { role: 'assistant', content: '' }, null),
  chunk: (head, text) => chatChunk(head, { content: text }, null),
  closing: (head, finishReason) => chatChunk(head, {}, finishReason),
  usage: (head, usage) => ({
    ...completionFields('chat.completion.chunk', head),
    choices: [],
    usage: usageFields(usage),
  }),
};

const completionChunk = (head: AnswerHead, text: string, finishReason: string | null) => ({
  ...completionFields('text_completion', head),
  choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason }],
});

export const completionShape: AnswerShape = {
  idPrefix: 'cmpl-',
  whole: (head, text, finishReason, usage) => ({
    ...completionChunk(head, text, finishReason),
    usage: usageFields(usage),
  }),
  opening: () => undefined,
  chunk: (head, text) => completionChunk(head, text, null),
  closing: (head, finishReason) => completionChunk(head, '', finishReason),
  usage: (head, usage) => ({ ...completionFields('text_completion', head), choices: [], usage: usageFields(usage) }),
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

const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** Anthropic's error body. */
export function anthropicError(status: number, message: string) {
  const type = anthropicTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message } };
}
