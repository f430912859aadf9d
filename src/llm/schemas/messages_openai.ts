/** Anthropic's Messages on backends that speak OpenAI's chat API: what Claude Code wants of a vLLM (aigateway.md 4.9). */
import { objectOf, parseObject, textOf } from '../json.ts';
import { messageOf } from './messages_openai/answer.ts';
import { chatRequest } from './messages_openai/request.ts';
import { MessageEvents } from './messages_openai/stream.ts';
import { errorTypeOf, joinPath, type Translator } from './translator.ts';

export const messagesOnOpenAi: Translator = {
  request: (call) => ({
    path: joinPath(call.backend.prefix ?? 'v1', 'chat/completions'),
    search: '',
    body: chatRequest(call),
  }),
  answer: ({ requestModel }) => {
    const events = new MessageEvents(requestModel);
    return {
      whole: (body) => {
        const completion = parseObject(body.toString());
        if (completion === undefined) throw new Error('the answer is no JSON object');
        return Buffer.from(JSON.stringify(messageOf(completion, requestModel)));
      },
      chunk: (bytes) => Buffer.from(events.chunk(bytes)),
      end: () => Buffer.from(events.end()),
      error: (status, _headers, body) => {
        const text = body.toString();
        const { type, message } = objectOf(parseObject(text)?.['error']);
        const error = { type: textOf(type) ?? errorTypeOf(status), message: textOf(message) ?? text };
        return Buffer.from(JSON.stringify({ type: 'error', error, request_id: '' }));
      },
    };
  },
};
