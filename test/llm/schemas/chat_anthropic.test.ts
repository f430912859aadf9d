import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLlmEndpoint, type LlmEndpoint } from '../../../src/llm/endpoints.ts';
import { onAnthropic, onGoogleAnthropic } from '../../../src/llm/schemas/chat_anthropic.ts';
import { UnprocessableRequest, type ClientCall } from '../../../src/llm/schemas/translator.ts';

const chat = findLlmEndpoint('POST', '/v1/chat/completions') as LlmEndpoint;
const call = (body: ClientCall['body'], more: Partial<ClientCall> = {}): ClientCall => ({
  endpoint: chat,
  backend: { name: 'Anthropic', prefix: 'v1' },
  requestModel: 'm',
  model: 'claude-sonnet-4-5',
  body,
  header: () => undefined,
  ...more,
});
const user = { role: 'user', content: 'hi' };
const sent = (body: ClientCall['body']) => onAnthropic.request(call({ messages: [user], max_tokens: 9, ...body })).body;

describe('an OpenAI chat to Anthropic', () => {
  it('plain, with the whole path and headers', () => {
    expect(onAnthropic.request(call({ messages: [user], max_completion_tokens: 5, max_tokens: 9 }))).toEqual({
      path: '/v1/messages',
      search: '',
      headers: { 'anthropic-version': '2023-06-01' },
      body: {
        model: 'claude-sonnet-4-5',
        max_tokens: 5,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
      },
    });
  });

  it.each([
    [false, '/publishers/anthropic/models/claude-sonnet-4-5:rawPredict', {}],
    [true, '/publishers/anthropic/models/claude-sonnet-4-5:streamRawPredict', { stream: true }],
  ])('on Vertex AI, streamed: %s', (stream, path, more) => {
    const backend = { name: 'GCPAnthropic' };
    expect(onGoogleAnthropic.request(call({ messages: [user], stream }, { backend }))).toEqual({
      path,
      search: '',
      body: {
        anthropic_version: 'vertex-2023-10-16',
        max_tokens: 0,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
        ...more,
      },
    });
  });

  it('system messages, tools and their results, thinking and cache control', () => {
    const cacheControl = { type: 'ephemeral' };
    const body = sent({
      messages: [
        {
          role: 'system',
          content: [
            { type: 'text', text: 'be ' },
            { type: 'text', text: 'brief', cache_control: cacheControl },
          ],
        },
        { role: 'developer', content: 'and kind' },
        user,
        {
          role: 'assistant',
          content: 'I look',
          thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: 's' }],
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
            { id: 'b', type: 'function', function: { name: 'g', arguments: '' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: '{"error":"no"}' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'yes', cache_control: cacheControl }] },
      ],
      tools: [
        {
          type: 'function',
          function: { name: 'f', description: 'd', parameters: { properties: { x: {} } }, strict: true },
        },
      ],
      tool_choice: 'required',
      parallel_tool_calls: false,
      stop: 'END',
      temperature: 0.5,
      response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } },
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
    expect(body).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 9,
      temperature: 0.5,
      stop_sequences: ['END'],
      system: [
        { type: 'text', text: 'be brief', cache_control: cacheControl },
        { type: 'text', text: 'and kind' },
      ],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'text', text: 'I look' },
            { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
            { type: 'tool_use', id: 'b', name: 'g', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'a',
              content: [{ type: 'text', text: '{"error":"no"}' }],
              is_error: true,
            },
            {
              type: 'tool_result',
              tool_use_id: 'b',
              content: [{ type: 'text', text: 'yes' }],
              is_error: false,
              cache_control: cacheControl,
            },
          ],
        },
      ],
      tools: [{ name: 'f', description: 'd', input_schema: { type: 'object', properties: { x: {} } }, strict: true }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
  });

  it.each([
    [
      'data:image/png;base64,AAAA',
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
    ],
    [
      'data:application/pdf;base64,AAAA',
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } },
    ],
    ['https://x.example/a.png', { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } }],
    ['https://x.example/a.PDF?x', { type: 'document', source: { type: 'url', url: 'https://x.example/a.PDF?x' } }],
  ])('the image %s', (url, block) => {
    const content = [{ type: 'image_url', image_url: { url } }];
    expect(sent({ messages: [{ role: 'user', content }] })).toMatchObject({ messages: [{ content: [block] }] });
  });

  it.each<[ClientCall['body'], string, string]>([
    [{ temperature: 2 }, 'temperature', 'temperature 2.00 is not supported by Anthropic (must be between 0.0 and 1.0)'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages[0].content[0]', 'input_audio'],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/bmp;base64,AA' } }] }],
      },
      'messages[0].content[0].image_url.url',
      'image/bmp',
    ],
    [
      { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f' } }] }] },
      'messages[0].tool_calls[0].id',
      'id',
    ],
    [
      { messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: { arguments: '[' } }] }] },
      'messages[0].tool_calls[0].function.arguments',
      'JSON',
    ],
    [{ messages: [{ role: 'robot' }] }, 'messages[0].role', 'robot'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', 'web_search'],
    [{ tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'maybe' }, 'tool_choice', 'maybe'],
  ])('refuses %j, naming the field', (body, param, text) => {
    let thrown: unknown;
    try {
      sent(body);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UnprocessableRequest);
    expect(thrown).toMatchObject({ param, message: expect.stringContaining(text) as string });
  });
});

describe('the answer of Anthropic to an OpenAI chat', () => {
  it('whole: text, tools, thinking, stop reason and usage', () => {
    const message = {
      id: 'msg_1',
      model: 'claude-x',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 's' },
        { type: 'text', text: 'ok' },
        { type: 'tool_use', id: 't', name: 'f', input: { x: 1 } },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 15, cache_read_input_tokens: 10, output_tokens: 12 },
    };
    const answer = onAnthropic.answer(call({})).whole(Buffer.from(JSON.stringify(message)));
    expect(JSON.parse(answer.toString())).toMatchObject({
      id: 'msg_1',
      object: 'chat.completion',
      model: 'claude-x',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: 'ok',
            tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
            reasoning_content: { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
          },
        },
      ],
      usage: {
        prompt_tokens: 25,
        completion_tokens: 12,
        total_tokens: 37,
        prompt_tokens_details: { cached_tokens: 10 },
      },
    });
  });

  it('an error: its type and message, with the status as code', () => {
    const body = Buffer.from('{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens"}}');
    expect(
      JSON.parse(
        onAnthropic
          .answer(call({}))
          .error(400, () => undefined, body)
          .toString(),
      ),
    ).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', code: '400', message: 'max_tokens' },
    });
    const page = onAnthropic.answer(call({})).error(503, () => undefined, Buffer.from('<p>down'));
    expect(JSON.parse(page.toString())).toMatchObject({ error: { code: '503', message: '<p>down' } });
  });

  const sse: [name: string, data: object][] = [
    ['message_start', { message: { id: 'msg_1', usage: { input_tokens: 3, output_tokens: 1 } } }],
    ['ping', {}],
    ['content_block_start', { index: 0, content_block: { type: 'thinking' } }],
    ['content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } }],
    ['content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 's' } }],
    ['content_block_stop', { index: 0 }],
    ['content_block_start', { index: 1, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { index: 1, delta: { type: 'text_delta', text: 'zwölf ' } }],
    ['content_block_delta', { index: 1, delta: { type: 'text_delta', text: '€' } }],
    ['content_block_start', { index: 2, content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } }],
    ['content_block_delta', { index: 2, delta: { type: 'input_json_delta', partial_json: '{"x"' } }],
    ['content_block_delta', { index: 2, delta: { type: 'input_json_delta', partial_json: ':1}' } }],
    ['message_delta', { delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 7 } }],
    ['message_stop', {}],
  ];
  const stream = sse
    .map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`)
    .join('');

  it('streamed: chunk by chunk, the same however the bytes are split', () => {
    const translated = (pieces: readonly number[]): unknown[] => {
      const bytes = Buffer.from(stream);
      const answer = onAnthropic.answer(call({ stream: true }));
      let text = '';
      let from = 0;
      for (const at of [...pieces.map((piece) => piece % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
        text += answer.chunk(bytes.subarray(from, at)).toString();
        from = at;
      }
      text += answer.end().toString();
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
      const lines = text.split('\n\n').filter((line) => line !== '' && line !== 'data: [DONE]');
      return lines.map((line): unknown => JSON.parse(line.slice('data: '.length)));
    };
    const whole = translated([]);
    const deltas = whole.map(
      (chunk) => (chunk as { choices: { delta: unknown; finish_reason: unknown }[] }).choices[0],
    );
    expect(deltas.map((choice) => choice?.delta)).toEqual([
      { role: 'assistant', reasoning_content: 'hm' },
      { thinking_blocks: [{ type: 'thinking', signature: 's' }] },
      { content: 'zwölf ' },
      { content: '€' },
      { tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"x"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
      {},
      undefined,
    ]);
    expect(deltas.at(-2)?.finish_reason).toBe('tool_calls');
    expect(whole.at(-1)).toMatchObject({
      choices: [],
      model: 'm',
      usage: { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 },
    });
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (pieces) => {
        const strip = (chunks: unknown[]) => chunks.map((chunk) => ({ ...(chunk as object), created: 0 }));
        expect(strip(translated(pieces))).toEqual(strip(whole));
      }),
    );
  });
});
