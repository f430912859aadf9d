import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, closedPort, endpointAt, readAll, startFixture, table, target, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

interface Seen {
  url: string | undefined;
  version: string | string[] | undefined;
  body: Record<string, unknown>;
}

/** A backend that answers with these bytes; what it was asked is kept. */
async function answering(
  contentType: string,
  pieces: readonly string[],
  status = 200,
): Promise<{ endpoint: ReturnType<typeof endpointAt>; seen: Seen[] }> {
  const seen: Seen[] = [];
  const { endpoint } = await fixture.upstream((request, response) => {
    void readAll(request).then((text) => {
      const body = JSON.parse(text) as Record<string, unknown>;
      seen.push({ url: request.url, version: request.headers['anthropic-version'], body });
      response.writeHead(status, { 'content-type': contentType });
      for (const piece of pieces) response.write(piece);
      response.end();
    });
  });
  return { endpoint, seen };
}

const anthropic = { schema: { name: 'Anthropic', prefix: 'v1' }, modelNameOverride: 'claude-x' };
const openai = { schema: { name: 'OpenAI', prefix: 'v1' }, modelNameOverride: 'qwen' };
const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const client = (): OpenAI => new OpenAI({ baseURL: `http://127.0.0.1:${fixture.port}/v1`, apiKey: 'k', maxRetries: 0 });
const claude = (): Anthropic =>
  new Anthropic({ baseURL: `http://127.0.0.1:${fixture.port}/anthropic`, apiKey: 'k', maxRetries: 0 });
const question = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] };

describe('an OpenAI client and a backend of Anthropic', () => {
  it('chat, in the words of both', async () => {
    const message = {
      id: 'msg_1',
      model: 'claude-x',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
    };
    const usage = { input_tokens: 3, output_tokens: 2 };
    const { endpoint, seen } = await answering('application/json', [JSON.stringify({ ...message, usage })]);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: anthropic })] }]));
    const answer = await client().chat.completions.create({ ...question, max_tokens: 5 });
    expect(answer.choices[0]?.message.content).toBe('hello');
    expect(answer.usage?.total_tokens).toBe(5);
    expect(seen).toEqual([
      {
        url: '/v1/messages',
        version: '2023-06-01',
        body: {
          model: 'claude-x',
          max_tokens: 5,
          messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
        },
      },
    ]);
  });

  it('streams, text and tool calls', async () => {
    const { endpoint } = await answering('text/event-stream', [
      event('message_start', { message: { id: 'msg_1', usage: { input_tokens: 3 } } }),
      event('content_block_start', { content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { delta: { type: 'text_delta', text: 'hel' } }),
      event('content_block_delta', { delta: { type: 'text_delta', text: 'lo' } }),
      event('content_block_start', { content_block: { type: 'tool_use', id: 't', name: 'f' } }),
      event('content_block_delta', { delta: { type: 'input_json_delta', partial_json: '{"x":1}' } }),
      event('message_delta', { delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 4 } }),
      event('message_stop', {}),
    ]);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: anthropic })] }]));
    const stream = client().chat.completions.stream({ ...question, stream_options: { include_usage: true } });
    const answer = await stream.finalChatCompletion();
    const [choice] = answer.choices;
    expect(choice?.message.content).toBe('hello');
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.tool_calls?.[0]).toMatchObject({ id: 't', function: { name: 'f', arguments: '{"x":1}' } });
  });

  it("errors of the backend, and what it cannot be asked, are the client's own", async () => {
    const error = { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } };
    const { endpoint, seen } = await answering('application/json', [JSON.stringify(error)], 429);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: anthropic })] }]));
    await expect(client().chat.completions.create(question)).rejects.toMatchObject({
      status: 429,
      error: { type: 'rate_limit_error', code: '429', message: 'slow down' },
    });
    await expect(client().chat.completions.create({ ...question, temperature: 2 })).rejects.toMatchObject({
      status: 422,
      error: { param: 'temperature', message: expect.stringContaining('temperature 2.00 is not supported') as string },
    });
    expect(seen).toHaveLength(1);
  });

  it('an answer that is none of its API is a 502', async () => {
    const { endpoint } = await answering('text/html', ['<p>hello']);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: anthropic })] }]));
    await expect(client().chat.completions.create(question)).rejects.toMatchObject({ status: 502 });
  });

  it('fails over from another API, from the bytes of the client', async () => {
    const { endpoint, seen } = await answering('application/json', ['{"content":[{"type":"text","text":"second"}]}']);
    const dead = backend(target([endpointAt(await closedPort())]), { llm: openai });
    const alive = backend(target([endpoint]), { llm: anthropic });
    fixture.plane.apply(table([{ model: 'm', tiers: [[dead], [alive]] }]));
    const answer = await client().chat.completions.create(question);
    expect(answer.choices[0]?.message.content).toBe('second');
    expect(seen[0]?.body).toMatchObject({ model: 'claude-x', max_tokens: 0 });
  });
});

describe('an Anthropic client and a backend of OpenAI', () => {
  it('messages, in the words of both', async () => {
    const completion = {
      id: 'c',
      model: 'qwen',
      choices: [{ message: { content: 'hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    };
    const { endpoint, seen } = await answering('application/json', [JSON.stringify(completion)]);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: openai })] }]));
    const answer = await claude().messages.create({ ...question, max_tokens: 5 });
    expect(answer.content).toEqual([{ type: 'text', text: 'hello' }]);
    expect([answer.stop_reason, answer.usage.output_tokens]).toEqual(['end_turn', 2]);
    expect(seen[0]).toMatchObject({ url: '/v1/chat/completions', body: { model: 'qwen', max_completion_tokens: 5 } });
  });

  it('streams tools and thinking as Claude Code wants them', async () => {
    const chunk = (delta: object, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: 'c', model: 'qwen', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const { endpoint } = await answering('text/event-stream', [
      chunk({ role: 'assistant', reasoning_content: 'hm' }),
      chunk({ content: 'I look' }),
      chunk({ tool_calls: [{ index: 0, id: 't', function: { name: 'f', arguments: '{"x"' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      chunk({}, 'tool_calls'),
      'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n\ndata: [DONE]\n\n',
    ]);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: openai })] }]));
    const message = await claude()
      .messages.stream({ ...question, max_tokens: 50 })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'I look' },
      { type: 'tool_use', id: 't', name: 'f', input: { x: 1 } },
    ]);
    expect([message.stop_reason, message.usage.output_tokens]).toEqual(['tool_use', 9]);
  });

  it('passes to a backend of Anthropic as it is, at its own path', async () => {
    const { endpoint, seen } = await answering('application/json', ['{"type":"message","content":[]}']);
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm: anthropic })] }]));
    await claude().messages.create({ ...question, max_tokens: 5, stop_sequences: ['x'] });
    expect(seen[0]).toMatchObject({
      url: '/v1/messages',
      body: { model: 'claude-x', max_tokens: 5, stop_sequences: ['x'] },
    });
  });
});

describe('a backend on Azure', () => {
  it('is asked at the path of its deployment', async () => {
    const { endpoint, seen } = await answering('application/json', ['{"choices":[{"message":{"content":"x"}}]}']);
    const llm = { schema: { name: 'AzureOpenAI', version: '2025-01-01-preview' }, modelNameOverride: 'my gpt' };
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm })] }]));
    expect((await client().chat.completions.create(question)).choices[0]?.message.content).toBe('x');
    expect(seen[0]?.url).toBe('/openai/deployments/my%20gpt/chat/completions?api-version=2025-01-01-preview');
  });
});
