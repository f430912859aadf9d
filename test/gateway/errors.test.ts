import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, startFixture, table, target, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const sentence =
  'No matching route found. It is likely because the model specified in your request is not configured in the Gateway.';
const models = [{ id: 'm', ownedBy: 'o', created: 1 }];

describe('errors of model APIs', () => {
  it('an unknown model: the sentence of the AI gateway, the model, and those that there are', async () => {
    fixture.plane.apply(table([{ model: 'm', backends: [] }], {}, {}, { models }));
    const answer = await fixture.chat({ model: 'nobody' });
    expect([answer.statusCode, answer.headers['content-type'], await answer.body.json()]).toEqual([
      404,
      'application/json',
      {
        type: 'error',
        error: {
          type: 'NotFound',
          code: 'model_not_found',
          message: sentence,
          param: 'model',
          model: 'nobody',
          models: ['m'],
        },
      },
    ]);
  });

  it('an unknown model, where the last rule of an AIGatewayRoute answers for it', async () => {
    const notFound = { type: 'DirectResponse', statusCode: 404, contentType: 'text/plain', body: sentence } as const;
    fixture.plane.apply(table([{ model: 'm' }, { kind: 'llm', filters: [notFound] }], {}, {}, { models }));
    expect(await (await fixture.chat({ model: 'nobody' })).body.json()).toMatchObject({
      error: { code: 'model_not_found', message: sentence, model: 'nobody' },
    });
  });

  it.each([
    ['/v1/chat/completions', 'GET', 'POST'],
    ['/v1/chat/completions', 'OPTIONS', 'POST'],
    ['/anthropic/v1/messages', 'PUT', 'POST'],
    ['/v1/models', 'POST', 'GET, HEAD'],
  ] as const)('%s takes no %s: 405, and says which', async (path, method, allow) => {
    fixture.plane.apply(table([{ model: 'm' }, { kind: 'llm' }]));
    const answer = await fixture.call(path, { method });
    expect([answer.statusCode, answer.headers['allow'], await answer.body.json()]).toEqual([
      405,
      allow,
      { type: 'error', error: { type: 'MethodNotAllowed', code: '405', message: `${path} takes ${allow} only` } },
    ]);
  });

  it("Cohere's clients find the message where they look for it", async () => {
    fixture.plane.apply(table([{ model: 'm' }]));
    const answer = await fixture.call('/cohere/v2/rerank', { method: 'POST', body: '{' });
    expect([answer.statusCode, await answer.body.json()]).toEqual([
      400,
      {
        type: 'error',
        error: { type: 'BadRequest', code: '400', message: expect.stringContaining('/v2/rerank') as string },
        message: expect.stringContaining('/v2/rerank') as string,
      },
    ]);
  });

  it('what is too large or cannot be framed is told in JSON, too', async () => {
    fixture.plane.apply(table([{ model: 'm' }], { bodyLimitBytes: 10 }));
    const answer = await fixture.chat({ model: 'a longer name' });
    expect([answer.statusCode, await answer.body.json()]).toMatchObject([413, { error: { code: '413' } }]);
    const raw = await fixture.raw(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    );
    expect(raw).toMatch(/^HTTP\/1.1 501 [^]*"code":"501"/);
  });
});

describe('an error of a backend', () => {
  const llm = { schema: { name: 'OpenAI' } };
  const failing = async (contentType: string, body: string, headers: Record<string, string> = {}): Promise<void> => {
    const { endpoint } = await fixture.upstream((_, response) =>
      response.writeHead(503, { 'content-type': contentType, ...headers }).end(body),
    );
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]), { llm })] }]));
  };

  it('that is not JSON is wrapped, with its status and headers', async () => {
    await failing('text/html', '<h1>"down"</h1>', { 'retry-after': '5' });
    const answer = await fixture.chat({ model: 'm' });
    expect([
      answer.statusCode,
      answer.headers['content-type'],
      answer.headers['retry-after'],
      await answer.body.json(),
    ]).toEqual([
      503,
      'application/json',
      '5',
      { type: 'error', error: { type: 'OpenAIBackendError', code: '503', message: '<h1>"down"</h1>' } },
    ]);
  });

  it.each([
    ['/v1/chat/completions', 'application/json; charset=utf-8', '{"detail":"x"}'],
    ['/v1/chat/completions', 'application/problem+json', '{"detail":"x"}'],
    ['/v1/completions', 'text/plain', 'down'],
  ])('of %s in %s passes as it is', async (path, contentType, body) => {
    await failing(contentType, body);
    const answer = await fixture.call(path, { method: 'POST', body: '{"model":"m"}' });
    expect([answer.statusCode, answer.headers['content-type'], await answer.body.text()]).toEqual([
      503,
      contentType,
      body,
    ]);
  });
});

describe('the address of a Gateway, opened', () => {
  it('says what it is and which models it serves, in JSON and in HTML', async () => {
    fixture.plane.apply(table([{ model: 'm' }], {}, {}, { models: [{ id: '<m>', ownedBy: 'o', created: 1 }] }));
    const json = await fixture.call('/');
    expect([json.statusCode, await json.body.json()]).toMatchObject([
      200,
      { name: 'headgate', gateway: 'default/gw', models: ['<m>'] },
    ]);
    const html = await fixture.call('/', { headers: { accept: 'text/html,*/*' } });
    expect([html.headers['content-type'], await html.body.text()]).toEqual([
      'text/html; charset=utf-8',
      expect.stringContaining('<code>&lt;m&gt;</code>'),
    ]);
  });

  it('is that of a backend where a route takes it', async () => {
    const { endpoint } = await fixture.upstream((_, response) => response.end('mine'));
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    expect(await (await fixture.call('/')).body.text()).toBe('mine');
  });
});

describe('headers and bodies', () => {
  it('internal headers of clients are dropped; a request without an id gets one', async () => {
    const { endpoint } = await fixture.upstream((request, response) => response.end(JSON.stringify(request.headers)));
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const sent = {
      'x-envoy-retry-on': '5xx',
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-ai-eg-model': 'm',
      'x-other': '1',
    };
    const headers = JSON.parse(await (await fixture.call('/', { headers: sent })).body.text()) as Record<
      string,
      string
    >;
    expect(headers).toMatchObject({
      'x-other': '1',
      'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/) as string,
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy-') || name.startsWith('x-ai-eg-'))).toEqual(
      [],
    );
    const kept = await fixture.call('/', { headers: { 'x-request-id': 'mine' } });
    expect(JSON.parse(await kept.body.text())).toMatchObject({ 'x-request-id': 'mine' });
  });

  it.each([204, 304])('a %i has no Content-Length', async (status) => {
    const { endpoint } = await fixture.upstream((_, response) =>
      response.writeHead(status, { 'content-length': '5' }).end(),
    );
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.raw('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).not.toContain('content-length');
  });

  it('a byte order mark before JSON is skipped, however it comes', async () => {
    const { endpoint } = await fixture.upstream((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1'))).on('end', () => response.end(body));
    });
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]))] }]));
    const whole = await fixture.chat('\ufeff{"model":"m"}');
    expect([whole.statusCode, await whole.body.text()]).toEqual([200, '{"model":"m"}']);
    const pieces = await fixture.raw(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '1\r\n\xef\r\n1\r\n\xbb\r\n2\r\n\xbf{\r\nb\r\n"model":"m"\r\n1\r\n}\r\n0\r\n\r\n',
    );
    expect(pieces).toMatch(/^HTTP\/1.1 200 [^]*\{"model":"m"\}/);
  });

  it('HEAD is answered as GET without a body, by the gateway and by backends', async () => {
    const { endpoint } = await fixture.upstream((_, response) =>
      response.writeHead(200, { 'content-length': 4 }).end(),
    );
    fixture.plane.apply(
      table(
        [{ match: { path: { type: 'Exact', value: '/x' } }, backends: [backend(target([endpoint]))] }, { model: 'm' }],
        {},
        {},
        { models },
      ),
    );
    for (const path of ['/x', '/v1/models', '/']) {
      const head = await fixture.call(path, { method: 'HEAD' });
      expect([path, head.statusCode, await head.body.text()]).toEqual([path, 200, '']);
      expect(Number(head.headers['content-length'])).toBeGreaterThan(0);
    }
  });
});
