/** Which endpoints of clients are spoken with which backends, and how (aigateway.md 4.1 and 13). */
import { openAiUpstreamPath, type LlmEndpoint } from '../endpoints.ts';
import { onAnthropic, onGoogleAnthropic } from './chat_anthropic.ts';
import { onAzure } from './chat_azure.ts';
import { messagesOnOpenAi } from './messages_openai.ts';
import { joinPath, type BackendSchema, type Translator } from './translator.ts';

/** By client endpoint, then by the backend's schema. */
const translators: Readonly<Record<string, Readonly<Record<string, Translator>>>> = {
  '/v1/chat/completions': { AzureOpenAI: onAzure, Anthropic: onAnthropic, GCPAnthropic: onGoogleAnthropic },
  '/v1/embeddings': { AzureOpenAI: onAzure },
  '/v1/responses': { AzureOpenAI: onAzure },
  '/v1/responses/input_tokens': { AzureOpenAI: onAzure },
  '/anthropic/v1/messages': { OpenAI: messagesOnOpenAi },
};

/** Undefined: the bytes pass as they are, to `samePath`, or the backend has no such endpoint. */
export function translatorOf(endpoint: LlmEndpoint, { name }: BackendSchema): Translator | undefined {
  return translators[endpoint.path]?.[name];
}

/** Where a backend that speaks the client's own API has the endpoint; undefined: it has none, or speaks another. */
export function samePath(endpoint: LlmEndpoint, { name, prefix }: BackendSchema): string | undefined {
  if (name === 'OpenAI') return openAiUpstreamPath(endpoint, prefix);
  if (name === 'Anthropic' && endpoint.schema === 'Anthropic') {
    return joinPath(prefix ?? 'v1', endpoint.errorPath.replace('/v1/', ''));
  }
  return name === 'Cohere' && endpoint.schema === 'Cohere' ? joinPath(prefix ?? 'v2', 'rerank') : undefined;
}

/** What AIServiceBackends may say that they speak. */
export const spokenSchemas: readonly string[] = ['OpenAI', 'AzureOpenAI', 'Anthropic', 'GCPAnthropic', 'Cohere'];
