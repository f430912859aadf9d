/** OpenAI chat on the Claude models of Anthropic itself, Google and Amazon (aigateway.md 4.5; the native one by 13). */
import { errorBody } from '../errors.ts';
import { objectOf, parseObject, textOf, type JsonObject } from '../json.ts';
import { chatCompletion } from './chat_anthropic/answer.ts';
import { messagesRequest } from './chat_anthropic/request.ts';
import { ChatChunks } from './chat_anthropic/stream.ts';
import { joinPath, type AnswerTranslator, type ClientCall, type Translator } from './translator.ts';

/** Anthropic's API under `/<prefix>/messages`, which wants to know its version. */
export const onAnthropic: Translator = {
  request: (call) => ({
    path: joinPath(call.backend.prefix ?? 'v1', 'messages'),
    search: '',
    body: { model: call.model, ...messagesRequest(call), ...streaming(call) },
    headers: { 'anthropic-version': call.header('anthropic-version') ?? '2023-06-01' },
  }),
  answer,
};

/** On Vertex AI the model is in the path, whose beginning (project and region) comes with the credential. */
export const onGoogleAnthropic: Translator = {
  request: (call) => {
    const verb = streams(call) ? 'streamRawPredict' : 'rawPredict';
    return {
      path: `/publishers/anthropic/models/${encodeURIComponent(call.model)}:${verb}`,
      search: '',
      body: {
        anthropic_version: call.backend.version || 'vertex-2023-10-16',
        ...messagesRequest(call),
        ...streaming(call),
      },
    };
  },
  answer,
};

const streams = ({ body }: ClientCall): boolean => body['stream'] === true;
const streaming = (call: ClientCall): JsonObject => (streams(call) ? { stream: true } : {});

function answer({ requestModel }: ClientCall): AnswerTranslator {
  const created = Math.floor(Date.now() / 1000);
  const chunks = new ChatChunks(requestModel, created);
  return {
    whole: (body) => {
      const message = parseObject(body.toString());
      if (message === undefined) throw new Error('the answer is no JSON object');
      return Buffer.from(JSON.stringify(chatCompletion(message, requestModel, created)));
    },
    chunk: (bytes) => Buffer.from(chunks.chunk(bytes)),
    end: () => Buffer.from(chunks.end()),
    error: (status, _headers, body) => {
      const text = body.toString();
      const { type, message } = objectOf(parseObject(text)?.['error']);
      const details = { type: textOf(type) ?? 'AnthropicBackendError' };
      return Buffer.from(errorBody(status, textOf(message) ?? text, details));
    },
  };
}
