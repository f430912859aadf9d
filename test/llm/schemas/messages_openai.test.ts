import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLlmEndpoint, type LlmEndpoint } from '../../../src/llm/endpoints.ts';
import { messagesOnOpenAi } from '../../../src/llm/schemas/messages_openai.ts';
import type { ClientCall } from '../../../src/llm/schemas/translator.ts';

const call = (body: ClientCall['body']): ClientCall => ({
  endpoint: findLlmEndpoint('POST', '/anthropic/v1/messages') as LlmEndpoint,
  backend: { name: 'OpenAI', prefix: 'v1' },
  requestModel: 'claude',
  model: 'qwen',
  body,
  header: () => undefined,
});

describe("Anthropic's Messages to an OpenAI chat", () => {
  it('system, text, images, tools and their results, thinking', () => {
    expect(
      messagesOnOpenAi.request(
        call({
          max_tokens: 100,
          stream: true,
          system: [
            { type: 'text', text: 'be ' },
            { type: 'text', text: 'brief' },
          ],
          stop_sequences: ['END'],
          messages: [
            { role: 'user', content: 'hi' },
            {
              role: 'assistant',
              content: [
                { type: 'thinking', thinking: 'hm', signature: 's' },
                { type: 'text', text: 'I look' },
                { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
              ],
            },
            {
              role: 'user',
              content: [
                { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: '42' }] },
                { type: 'text', text: 'and this?' },
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
              ],
            },
          ],
          tools: [
            { name: 'f', description: 'd', input_schema: { type: 'object' } },
            { type: 'web_search_20250305', name: 'web_search' },
          ],
          tool_choice: { type: 'tool', name: 'f' },
          thinking: { type: 'enabled', budget_tokens: 1 },
          top_k: 5,
        }),
      ),
    ).toEqual({
      path: '/v1/chat/completions',
      search: '',
      body: {
        model: 'qwen',
        max_completion_tokens: 100,
        stream: true,
        stream_options: { include_usage: true },
        stop: ['END'],
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: 'hi' },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', text: 'hm', signature: 's' },
              { type: 'text', text: 'I look' },
            ],
            tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
          },
          { role: 'tool', tool_call_id: 'a', content: '42' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'and this?' },
              { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
            ],
          },
        ],
        tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }],
        tool_choice: { type: 'function', function: { name: 'f' } },
        thinking: { type: 'enabled', budget_tokens: 1 },
      },
    });
  });

  it('what a chat cannot say is refused, naming the field', () => {
    const content = [{ type: 'search_result' }];
    expect(() => messagesOnOpenAi.request(call({ messages: [{ role: 'user', content }] }))).toThrow(/search_result/);
  });
});

describe('the answer of an OpenAI chat to Messages', () => {
  it('whole', () => {
    const completion = {
      id: 'c1',
      model: 'qwen-x',
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            content: 'ok',
            reasoning_content: 'hm',
            tool_calls: [
              { id: 't', function: { name: 'f', arguments: '{"x":1}' } },
              { id: 'u', function: { name: 'g', arguments: 'no JSON' } },
            ],
          },
        },
      ],
      usage: { prompt_tokens: 5, completion_tokens: 6 },
    };
    const answer = messagesOnOpenAi.answer(call({})).whole(Buffer.from(JSON.stringify(completion)));
    expect(JSON.parse(answer.toString())).toEqual({
      id: 'c1',
      type: 'message',
      role: 'assistant',
      model: 'qwen-x',
      content: [
        { type: 'thinking', thinking: 'hm', signature: '' },
        { type: 'text', text: 'ok' },
        { type: 'tool_use', id: 't', name: 'f', input: { x: 1 } },
        { type: 'tool_use', id: 'u', name: 'g', input: {} },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 6, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    });
  });

  it('without usage and id (V13)', () => {
    const answer = messagesOnOpenAi.answer(call({})).whole(Buffer.from('{"choices":[{"message":{"content":"x"}}]}'));
    expect(JSON.parse(answer.toString())).toMatchObject({
      id: '',
      stop_reason: 'end_turn',
      usage: { input_tokens: 0, output_tokens: 0 },
    });
  });

  const chunks = [
    { id: 'c1', model: 'qwen-x', choices: [{ delta: { role: 'assistant', content: '' } }] },
    { choices: [{ delta: { reasoning_content: 'hm' } }] },
    { choices: [{ delta: { content: 'zwölf ' } }] },
    { choices: [{ delta: { content: '€' } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, id: 't', function: { name: 'f', arguments: '' } }] } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] } }] },
    { choices: [{ delta: { tool_calls: [{ index: 1, id: 'u', function: { name: 'g', arguments: '{}' } }] } }] },
    { choices: [{ delta: {}, finish_reason: 'tool_calls' }] },
    { choices: [], usage: { prompt_tokens: 5, completion_tokens: 6 } },
  ];
  const stream = `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join('')}data: [DONE]\r\n\r\n`;

  it('streamed: events in the order that clients count on, the same however the bytes are split', () => {
    const translated = (pieces: readonly number[]): string => {
      const bytes = Buffer.from(stream);
      const answer = messagesOnOpenAi.answer(call({ stream: true }));
      let text = '';
      let from = 0;
      for (const at of [...pieces.map((piece) => piece % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
        text += answer.chunk(bytes.subarray(from, at)).toString();
        from = at;
      }
      return text + answer.end().toString();
    };
    const whole = translated([]);
    const events = whole
      .split('\n\n')
      .filter((event) => event !== '')
      .map((event) => JSON.parse(event.split('\ndata: ')[1] ?? '') as Record<string, unknown>);
    expect(events.map(({ type, index }) => [type, index])).toEqual([
      ['message_start', undefined],
      ['content_block_start', 0],
      ['content_block_delta', 0],
      ['content_block_stop', 0],
      ['content_block_start', 1],
      ['content_block_delta', 1],
      ['content_block_delta', 1],
      ['content_block_stop', 1],
      ['content_block_start', 2],
      ['content_block_delta', 2],
      ['content_block_stop', 2],
      ['content_block_start', 3],
      ['content_block_delta', 3],
      ['content_block_stop', 3],
      ['message_delta', undefined],
      ['message_stop', undefined],
    ]);
    expect(events[4]).toMatchObject({ content_block: { type: 'text', text: '' } });
    expect(events[8]).toMatchObject({ content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } });
    expect(events.at(-2)).toEqual({
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { input_tokens: 5, output_tokens: 6 },
    });
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (pieces) => {
        expect(translated(pieces)).toBe(whole);
      }),
    );
  });
});
