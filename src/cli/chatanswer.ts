import type { Dispatcher } from 'undici';
import { request } from '../wire/undici.ts';

/** One streamed answer of an OpenAI chat completions endpoint. */

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatTarget {
  /** Base URL, `/v1` included. */
  readonly url: string;
  /** Host header that the route wants. */
  readonly host?: string;
  readonly model: string;
  readonly maxTokens?: number;
}

/** Tokens, as the server counts them. */
export interface Usage {
  readonly prompt: number;
  readonly completion: number;
}

export interface Answer {
  readonly text: string;
  /** Absent where the server tells no usage, or the answer was cut short. */
  readonly usage?: Usage;
  /** `stop`, `length`; absent when it was aborted. */
  readonly finishReason?: string;
}

/** An event is a few tokens; a server that sends more without a line's end is none. */
const maxLineLength = 1024 * 1024;
const maxErrorLength = 500;

/**
 * Sends the conversation and hands over the answer's text as it comes. When `signal` aborts, the answer is what has come by then.
 *
 * @throws Error in one line, for a gateway that cannot be reached or answers with an error
 */
export async function streamAnswer(
  target: ChatTarget,
  messages: readonly ChatMessage[],
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<Answer> {
  const answer: { text: string; usage?: Usage; finishReason?: string } = { text: '' };
  try {
    const response = await ask(target, messages, signal);
    for await (const data of events(response)) {
      const event = readEvent(data);
      if (event.text !== '') onText(event.text);
      answer.text += event.text;
      if (event.usage !== undefined) answer.usage = event.usage;
      if (event.finishReason !== undefined) answer.finishReason = event.finishReason;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return { text: answer.text };
  }
  return answer;
}

async function ask(
  { url, host, model, maxTokens }: ChatTarget,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const body = {
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
  };
  const headers = { 'content-type': 'application/json', ...(host === undefined ? {} : { host }) };
  // Not by fetch, which takes no Host header.
  let response: Dispatcher.ResponseData;
  try {
    response = await request(`${url}/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    throw new Error(`cannot reach ${url}: ${error instanceof Error ? error.message || error.name : String(error)}`, {
      cause: error,
    });
  }
  if (response.statusCode < 300) return response;
  throw new Error(`${url} answered ${response.statusCode}: ${errorText(await response.body.text())}`);
}

/** The data of each server-sent event, up to `[DONE]`. */
async function* events({ headers, body }: Dispatcher.ResponseData): AsyncGenerator<string> {
  const type = [headers['content-type']].flat()[0] ?? '';
  if (!type.startsWith('text/event-stream')) {
    body.on('error', () => undefined).destroy();
    throw new Error(`the answer is no event stream but ${type === '' ? 'of no type' : type}`);
  }
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength) throw new Error('the answer is no event stream: a line has no end');
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice('data:'.length).trim();
      if (data === '[DONE]') return;
      yield data;
    }
  }
  throw new Error('the answer broke off before its end');
}

function readEvent(data: string): { text: string; usage?: Usage; finishReason?: string } {
  const event = parse(data);
  if (event === undefined) throw new Error(`the stream has an event that is no JSON: ${brief(data)}`);
  if (event['error'] !== undefined) throw new Error(`the answer broke off: ${errorText(data)}`);
  const choice = Array.isArray(event['choices']) ? asObject(event['choices'][0]) : {};
  const content = asObject(choice['delta'])['content'];
  const usage = asObject(event['usage']);
  const { prompt_tokens: prompt, completion_tokens: completion } = usage;
  const reason = choice['finish_reason'];
  return {
    text: typeof content === 'string' ? content : '',
    ...(typeof prompt === 'number' && typeof completion === 'number' ? { usage: { prompt, completion } } : {}),
    ...(typeof reason === 'string' ? { finishReason: reason } : {}),
  };
}

/** The message of an error body, in one line. */
function errorText(body: string): string {
  const error = asObject(parse(body)?.['error']);
  const message = error['message'];
  return brief(typeof message === 'string' ? message : body);
}

function brief(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > maxErrorLength ? `${line.slice(0, maxErrorLength)}…` : line;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
