import { HttpError, type JsonObject } from '../llm/server/http.ts';
import {
  parseChat,
  parseCompletion,
  refusal,
  refuseAllButText,
  type GenerationOptions,
} from '../llm/server/requests.ts';
import type { LoadedModel } from './model.ts';
import type { Token } from './runtime.ts';

/** Where a prompt comes from: messages, or the prompt itself. */
export type PromptEndpoint = 'chat' | 'completion';

/** @throws HttpError 400 naming the field */
export function parseRequest(endpoint: PromptEndpoint, body: JsonObject): GenerationOptions {
  refuseAllButText(body);
  return endpoint === 'chat' ? parseChat(body) : parseCompletion(body);
}

/** The tokens that the model reads. @throws HttpError 400 naming the field */
export function promptOf(endpoint: PromptEndpoint, body: JsonObject, model: LoadedModel): Token[] {
  return endpoint === 'chat' ? chatPrompt(body, model) : model.tokenize(plainPrompt(body['prompt']));
}

function chatPrompt(body: JsonObject, { tokenizeChat }: LoadedModel): Token[] {
  const { turns } = parseChat(body);
  if (tokenizeChat === undefined) {
    throw new HttpError(400, 'The GGUF file has no chat template: use /v1/completions.');
  }
  try {
    return tokenizeChat(turns);
  } catch (error) {
    // Templates refuse by exceptions: two turns of the user in a row, for instance.
    throw refusal('messages', `the model's chat template refuses them: ${error instanceof Error ? error.message : ''}`);
  }
}

function plainPrompt(prompt: unknown): string {
  const texts: unknown[] = Array.isArray(prompt) ? prompt : [prompt];
  const [only, ...more] = texts;
  if (typeof only === 'string' && more.length === 0) return only;
  throw refusal('prompt', 'exactly one text is supported by this server');
}
