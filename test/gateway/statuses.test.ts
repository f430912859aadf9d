import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  backend,
  closedPort,
  endpointAt,
  startFixture,
  table,
  target,
  until,
  type Fixture,
  type TestRule,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const modelRule = (more: TestRule): TestRule => ({ model: 'm', ...more });

describe('what the gateway answers by itself', () => {
  it('404 when nothing matches, or no listener takes the host', async () => {
    fixture.plane.apply(table([{ match: { path: { type: 'Exact', value: '/here' } } }]));
    const missed = await fixture.call('/there');
    expect([missed.statusCode, await missed.body.text()]).toEqual([
      404,
      'no route of this gateway matches the request',
    ]);
    fixture.plane.apply(table([{}], {}, { hostname: 'only.example.com' }));
    const elsewhere = await fixture.call('/');
    expect([elsewhere.statusCode, await elsewhere.body.text()]).toEqual([
      404,
      'no listener of this gateway takes this host',
    ]);
  });

  it('404 with the path when an AI rule is asked for what is no model API', async () => {
    fixture.plane.apply(table([{ kind: 'llm', backends: [backend(target([]))] }]));
    const answer = await fixture.call('/foo?x=1');
    expect([answer.statusCode, await answer.body.text()]).toEqual([404, 'unsupported path: /foo']);
  });

  it.each([
    [
      '{"model":',
      400,
      'malformed request: failed to parse JSON for /v1/chat/completions: unexpected end of JSON input',
    ],
    ['', 400, 'malformed request: failed to parse JSON for /v1/chat/completions: unexpected end of JSON input'],
    ['{"model":1}', 400, 'malformed request: failed to parse JSON for /v1/chat/completions: model must be a string'],
  ])('the JSON error for body %j', async (body, status, message) => {
    fixture.plane.apply(table([modelRule({ backends: [backend(target([]))] })]));
    const answer = await fixture.chat(body);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(await answer.body.text()).toBe(
      JSON.stringify({ type: 'error', error: { type: 'BadRequest', code: String(status), message } }),
    );
  });

  it('400 for multipart, and for a missing model where one is required', async () => {
    fixture.plane.apply(table([{ kind: 'llm', backends: [backend(target([]))] }]));
    const form = await fixture.chat('--x--', { 'content-type': 'multipart/form-data; boundary=x' });
    expect([form.statusCode, await form.body.text()]).toEqual([
      400,
      expect.stringContaining('multipart body not supported'),
    ]);
    const audio = await fixture.call('/v1/audio/transcriptions', { method: 'POST', body: 'x' });
    expect([audio.statusCode, await audio.body.text()]).toEqual([
      400,
      expect.stringContaining('expected multipart/form-data'),
    ]);
    const messages = await fixture.call('/anthropic/v1/messages', { method: 'POST', body: '{}' });
    expect([messages.statusCode, await messages.body.text()]).toEqual([
      400,
      expect.stringContaining('invalid request body: model field is required'),
    ]);
  });

  it('422 for an endpoint that the schema of the backend does not have', async () => {
    const llm = { schema: { name: 'NoSuch' } };
    fixture.plane.apply(table([modelRule({ backends: [backend(target([endpointAt(1)]), { id: 'ns/b', llm })] })]));
    const answer = await fixture.chat({ model: 'm' });
    expect([answer.statusCode, await answer.body.text()]).toEqual([
      422,
      expect.stringContaining('backend ns/b: schema NoSuch'),
    ]);
  });

  it('500 for an invalid target or filter, and for no backend', async () => {
    const invalid = { type: 'invalid', reason: 'BackendNotFound', message: 'Service default/x not found' } as const;
    const cases: [TestRule, string][] = [
      [{ backends: [backend(invalid)] }, 'Service default/x not found'],
      [{ backends: [] }, 'no backend'],
      [{}, 'no backend'],
      [{ backends: [backend(target([]), { weight: 0 })] }, 'no backend'],
      [{ filters: [{ type: 'Invalid', message: 'ExtensionRef x not found' }] }, 'ExtensionRef x not found'],
    ];
    for (const [rule, text] of cases) {
      fixture.plane.apply(table([modelRule(rule)]));
      const answer = await fixture.chat({ model: 'm' });
      expect([answer.statusCode, await answer.body.text()]).toEqual([500, expect.stringContaining(text)]);
    }
  });

  it('503 without a ready endpoint, and when none can be reached, naming the backend and no address', async () => {
    fixture.plane.apply(table([{ backends: [backend(target([]))] }]));
    const empty = await fixture.call('/');
    expect([empty.statusCode, await empty.body.text()]).toEqual([503, 'Service default/up:80 has no ready endpoint']);
    fixture.plane.apply(
      table([
        modelRule({
          backends: [
            backend({ type: 'pool', key: 'default/p', failureMode: 'FailClose', protocol: 'http', endpoints: [] }),
          ],
        }),
      ]),
    );
    const pool = await fixture.chat({ model: 'm' });
    expect([pool.statusCode, await pool.body.json()]).toEqual([
      503,
      {
        type: 'error',
        error: { type: 'ServiceUnavailable', code: '503', message: 'InferencePool default/p has no ready endpoint' },
      },
    ]);
    fixture.plane.apply(table([{ backends: [backend(target([endpointAt(await closedPort())]))] }]));
    const closed = await fixture.call('/');
    expect([closed.statusCode, await closed.body.text()]).toEqual([503, 'Service default/up:80 cannot be reached']);
  });

  it('502 when the upstream speaks no HTTP or breaks off', async () => {
    for (const answer of ['SSH-2.0-OpenSSH\r\n', '']) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(answer));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      fixture.plane.apply(table([{ backends: [backend(target([endpointAt(port)]))] }]));
      const broken = await fixture.call('/', { method: 'POST', body: 'x' });
      expect([broken.statusCode, await broken.body.text()]).toEqual([
        502,
        'Service default/up:80 broke off the request',
      ]);
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('lists models by itself, scoped by host', async () => {
    const entry = { id: 'm', ownedBy: 'o', created: 1 };
    fixture.plane.apply(table([modelRule({ backends: [] })], {}, {}, { hostnames: ['a.example'], models: [entry] }));
    const scoped = await fixture.call('/v1/models', { headers: { host: 'A.example:8080' } });
    expect(await scoped.body.json()).toEqual({
      object: 'list',
      data: [{ id: 'm', object: 'model', created: 1, owned_by: 'o' }],
    });
    const others = await fixture.call('/anthropic/v1/models?limit=1', { headers: { host: 'b.example' } });
    expect(await others.body.json()).toEqual({ data: [], first_id: null, last_id: null, has_more: false });
  });

  it('the process and the connection stay healthy through all of it', async () => {
    const upstream = await fixture.upstream((_, response) => response.end('fine'));
    fixture.plane.apply(table([modelRule({ backends: [backend(target([upstream.endpoint]))] })]));
    for (const body of ['{', '{"model":"nobody"}', '', '{"model":"m"}']) {
      const answer = await fixture.chat(body);
      await answer.body.text();
    }
    await until(() => fixture.plane.stats().inFlight === 0, 'all requests accounted for');
    expect(fixture.plane.stats()).toMatchObject({ requests: 4, bufferedBytes: 0 });
    expect(await fixture.plane.metrics()).toContain('headgate_requests_total{route="",backend="",status="400"} 2');
  });
});
