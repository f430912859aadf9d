import type { JsonObject } from '../llm/server/http.ts';

/** What the test upstream answers when a request does not say what it wants: valid OpenAI answers that say what they are. */

export interface DefaultAnswer {
  contentType: string;
  /** The whole body, or the events of a stream. */
  body: string | readonly string[];
}

/** `undefined` for a path that has no default answer. */
export function defaultAnswer(path: string, request: JsonObject, upstreamId: string): DefaultAnswer | undefined {
  const endpoint = /\/(chat\/completions|completions|embeddings|models)$/.exec(path)?.[1];
  const model = typeof request['model'] === 'string' ? request['model'] : '';
  const text = `[simulated by headgate] This is the test upstream${upstreamId === '' ? '' : ` "${upstreamId}"`}; no model was asked.`;
  const stream = request['stream'] === true;
  switch (endpoint) {
    case 'chat/completions':
      return stream ? events(chatChunks(model, text, wantsUsage(request))) : json(chat(model, text));
    case 'completions':
      return stream ? events(completionChunks(model, text, wantsUsage(request))) : json(completion(model, text));
    case 'embeddings':
      return json(embeddings(model, request));
    case 'models':
      return json({
        object: 'list',
        data: [{ id: 'testupstream', object: 'model', created: 0, owned_by: 'headgate' }],
      });
    default:
      return undefined;
  }
}

/** `x-fake-response`: how often the sentence is repeated (aigateway.md 10.3). */
export const fakeResponseRepeats: Readonly<Record<string, number>> = { small: 100, medium: 10_000, large: 100_000 };

export function fakeResponse(model: string, repeats: number): string {
  return JSON.stringify(chat(model, '[simulated by headgate] This is a test. '.repeat(repeats)));
}

const json = (body: unknown): DefaultAnswer => ({ contentType: 'application/json', body: JSON.stringify(body) });

const events = (chunks: readonly unknown[]): DefaultAnswer => ({
  contentType: 'text/event-stream',
  body: [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), 'data: [DONE]\n\n'],
});

function wantsUsage(request: JsonObject): boolean {
  const options = request['stream_options'];
  return (
    typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
  );
}

const words = (text: string): string[] => text.match(/\S+\s*/g) ?? [];

/** Counts words: the test upstream has no tokenizer. */
function usageOf(text: string) {
  const completion = words(text).length;
  return { prompt_tokens: 1, completion_tokens: completion, total_tokens: completion + 1 };
}

const head = (id: string, object: string, model: string) => ({
  id,
  object,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: 'headgate-testupstream',
});

function chat(model: string, text: string) {
  return {
    ...head('chatcmpl-testupstream', 'chat.completion', model),
    choices: [{ index: 0, message: { role: 'assistant', content: text }, logprobs: null, finish_reason: 'stop' }],
    usage: usageOf(text),
  };
}

function completion(model: string, text: string) {
  return {
    ...head('cmpl-testupstream', 'text_completion', model),
    choices: [{ index: 0, text, logprobs: null, finish_reason: 'stop' }],
    usage: usageOf(text),
  };
}

function chatChunks(model: string, text: string, usage: boolean): unknown[] {
  const chunk = head('chatcmpl-testupstream', 'chat.completion.chunk', model);
  const choice = (delta: JsonObject, finish: string | null = null) => ({
    ...chunk,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });
  return [
    choice({ role: 'assistant', content: '' }),
    ...words(text).map((word) => choice({ content: word })),
    choice({}, 'stop'),
    ...(usage ? [{ ...chunk, choices: [], usage: usageOf(text) }] : []),
  ];
}

function completionChunks(model: string, text: string, usage: boolean): unknown[] {
  const chunk = head('cmpl-testupstream', 'text_completion', model);
  const choice = (part: string, finish: string | null = null) => ({
    ...chunk,
    choices: [{ index: 0, text: part, logprobs: null, finish_reason: finish }],
  });
  return [
    ...words(text).map((word) => choice(word)),
    choice('', 'stop'),
    ...(usage ? [{ ...chunk, choices: [], usage: usageOf(text) }] : []),
  ];
}

function embeddings(model: string, request: JsonObject) {
  const input = request['input'];
  // A list of numbers is one tokenized input, not many inputs.
  const inputs = Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
  const vector = [0.25, -0.5, 0.75, -1];
  const embedding =
    request['encoding_format'] === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
  return {
    object: 'list',
    model,
    data: Array.from({ length: inputs }, (_, index) => ({ object: 'embedding', index, embedding })),
    usage: { prompt_tokens: inputs, total_tokens: inputs },
  };
}
