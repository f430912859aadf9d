import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { converse, createConversation, type Terminal } from '../../src/cli/chat.ts';
import { streamAnswer, type ChatMessage } from '../../src/cli/chatanswer.ts';

interface Asked {
  url: string;
  host: string | undefined;
  body: { model: string; messages: ChatMessage[]; max_tokens?: number; stream_options?: object };
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A model server that answers each request in turn as it is told. */
async function server(...answers: ((response: ServerResponse) => void)[]): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const read = async (request: IncomingMessage): Promise<string> => {
    let text = '';
    for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString();
    return text;
  };
  const http = createServer((request, response) => {
    void read(request).then((text) => {
      asked.push({
        url: request.url ?? '',
        host: request.headers.host,
        body: JSON.parse(text) as Asked['body'],
      });
      answers[asked.length - 1]?.(response);
    });
  });
  closers.push(() => {
    http.close();
    http.closeAllConnections();
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${String((http.address() as AddressInfo).port)}/v1`, asked };
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const piece = (content: string): string => event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const head = { 'content-type': 'text/event-stream; charset=utf-8' };
const answer =
  (text: string, usage = { prompt_tokens: 3, completion_tokens: 2 }) =>
  (response: ServerResponse): void => {
    const last = event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    response.writeHead(200, head).end(`${piece(text)}${last}${event({ choices: [], usage })}data: [DONE]\n\n`);
  };
/** Begins an answer that does not end. */
const endless =
  (text: string) =>
  (response: ServerResponse): void => {
    response.writeHead(200, head).write(piece(text));
  };

function terminal(interactive: boolean): Terminal & { input: PassThrough; shown: () => string; said: () => string } {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let shown = '';
  let said = '';
  output.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  errors.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { input, output, errors, interactive, shown: () => shown, said: () => said };
}

test('each line is a turn that has what was said before, and the usage is the sum', async () => {
  const { url, asked } = await server(answer('Paris.'), answer('Rome.'));
  const screen = terminal(false);
  const conversation = createConversation(
    { url, model: 'm', maxTokens: 9, host: 'models.example.com' },
    [{ role: 'system', content: 'Be brief.' }],
    screen,
  );
  screen.input.end('France?\n\nItaly?\n');
  await converse(conversation, screen);
  conversation.printUsage();
  expect(screen.shown()).toBe('Paris.\nRome.\n');
  expect(screen.said()).toBe('usage: 6 prompt + 4 completion = 10 tokens in 2 answers\n');
  const [first, second] = asked;
  expect(first).toMatchObject({
    url: '/v1/chat/completions',
    host: 'models.example.com',
    body: { model: 'm', max_tokens: 9, stream: true, stream_options: { include_usage: true } },
  });
  expect(second?.body.messages).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'France?' },
    { role: 'assistant', content: 'Paris.' },
    { role: 'user', content: 'Italy?' },
  ]);
});

test('Ctrl-C ends an answer and not the chat; Ctrl-D ends the chat', async () => {
  const { url, asked } = await server(endless('Once upon'), answer('Yes.'));
  const screen = terminal(true);
  const conversation = createConversation({ url, model: 'm' }, [], screen);
  const talking = converse(conversation, screen);
  screen.input.write('Tell me a story\n');
  await vi.waitFor(() => expect(screen.shown()).toContain('Once upon'), { timeout: 30_000 });
  screen.input.write('\u0003');
  await vi.waitFor(() => expect(screen.shown()).toMatch(/Once upon\r?\n[^]*> /), { timeout: 30_000 });
  screen.input.write('half a line\u0003Really?\n');
  await vi.waitFor(() => expect(screen.shown()).toContain('Yes.'), { timeout: 30_000 });
  screen.input.write('\u0004');
  await talking;
  conversation.printUsage();
  expect(asked[1]?.body.messages.map(({ content }) => content)).toEqual(['Tell me a story', 'Once upon', 'Really?']);
  expect(screen.said()).toContain('tokens in 2 answers; 1 cut short or without usage are not counted');
});

test('a turn that fails is told in one line and forgotten: a person goes on, a script stops', async () => {
  const refuse = (response: ServerResponse): void => {
    response.writeHead(429, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: 'Too many\nrequests', code: 429 } }));
  };
  const { url, asked } = await server(refuse, answer('Now.'), refuse);
  const screen = terminal(true);
  const talking = converse(createConversation({ url, model: 'm' }, [], screen), screen);
  screen.input.write('one\n');
  await vi.waitFor(() => expect(screen.said()).toContain(`error: ${url} answered 429: Too many requests\n`));
  screen.input.write('two\n');
  await vi.waitFor(() => expect(screen.shown()).toContain('Now.'));
  screen.input.write('\u0004');
  await talking;
  expect(asked[1]?.body.messages).toEqual([{ role: 'user', content: 'two' }]);
  const script = terminal(false);
  script.input.end('one\ntwo\n');
  await expect(converse(createConversation({ url, model: 'm' }, [], script), script)).rejects.toThrow('answered 429');
});

test('what a model sends cannot change the terminal', async () => {
  const { url } = await server(answer('red \u001b[31m\u0007 end\n'));
  const screen = terminal(true);
  await createConversation({ url, model: 'm' }, [], screen).say('x');
  expect(screen.shown()).toBe('red \ufffd[31m\ufffd end\n\n');
});

test.each([
  [
    'an error within the stream',
    (r: ServerResponse) => r.writeHead(200, head).end(event({ error: { message: 'gone' } })),
    'broke off: gone',
  ],
  [
    'a stream without an end',
    (r: ServerResponse) => r.writeHead(200, head).end(piece('a')),
    'broke off before its end',
  ],
  [
    'an answer that is no stream',
    (r: ServerResponse) => r.writeHead(200, { 'content-type': 'text/html' }).end('a'),
    'is no event stream but text/html',
  ],
  [
    'an event that is no JSON',
    (r: ServerResponse) => r.writeHead(200, head).end('data: {a\n\n'),
    'an event that is no JSON: {a',
  ],
  [
    'a line without an end',
    (r: ServerResponse) => r.writeHead(200, head).end(`data: ${'a'.repeat(2_000_000)}`),
    'a line has no end',
  ],
])('%s is an error', async (_, reply, message) => {
  const { url } = await server(reply);
  const asking = streamAnswer({ url, model: 'm' }, [], () => undefined, new AbortController().signal);
  await expect(asking).rejects.toThrow(message);
});

test('a gateway that is not there is an error that names it', async () => {
  const asking = streamAnswer(
    { url: 'http://127.0.0.1:1/v1', model: 'm' },
    [],
    () => undefined,
    new AbortController().signal,
  );
  await expect(asking).rejects.toThrow('cannot reach http://127.0.0.1:1/v1: ');
});
