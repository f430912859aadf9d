import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteTable } from '../../src/routes/table.ts';
import { backend, readAll, startFixture, table, target, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

/** Answers with what it was sent. */
async function echo(name: string): Promise<ReturnType<typeof backend>> {
  const { endpoint } = await fixture.upstream((request, response) => {
    void readAll(request).then((body) => {
      const { 'content-encoding': encoding, 'x-gateway-model-name': model } = request.headers;
      response.end(JSON.stringify({ name, url: request.url, body, encoding, model }));
    });
  });
  return backend(target([endpoint]), {});
}

const modelHeader = (value: string) => ({ headers: [{ name: 'x-gateway-model-name', value }] });
const models = [{ id: 'org/m', ownedBy: 'o', created: 1 }];

describe('a model that HTTPRoutes match on', () => {
  beforeEach(async () => {
    fixture.plane.apply(
      table([
        { match: modelHeader('m'), backends: [await echo('model')] },
        { match: { path: { type: 'PathPrefix', value: '/v1/audio' } }, backends: [await echo('audio')] },
        { match: { path: { type: 'PathPrefix', value: '/other' } }, backends: [await echo('other')] },
      ]),
    );
  });

  it.each(['/v1/chat/completions', '/v1/rerank', '/score', '/v1/messages', '/team/v1/chat/completions'])(
    'is read from a body in JSON at %s',
    async (path) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fixture.call(path, { method: 'POST', headers, body: '{"model":"m"}' });
      expect([answer.statusCode, await answer.body.json()]).toMatchObject([
        200,
        { name: 'model', url: path, model: 'm' },
      ]);
    },
  );

  it('does not keep requests of other routes from them, whatever their bodies are', async () => {
    for (const [path, type, body] of [
      ['/other', 'application/json', '{"model":'],
      ['/other', 'text/plain', 'hello'],
      ['/v1/audio/transcriptions', 'multipart/form-data; boundary=X', 'no form'],
      ['/v1/audio/speech', 'application/json', '[]'],
      ['/v1/audio/speech', 'multipart/form-data; boundary=X', 'x'],
    ] as const) {
      const answer = await fixture.call(path, { method: 'POST', headers: { 'content-type': type }, body });
      expect([path, answer.statusCode, await answer.body.json()]).toMatchObject([path, 200, { body }]);
    }
  });

  it('is missed by a request that no other route takes: it is told what is wrong with its body', async () => {
    const answer = await fixture.chat('{"model":');
    expect([answer.statusCode, await answer.body.text()]).toEqual([
      400,
      expect.stringContaining('failed to parse JSON'),
    ]);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('is read from a body in %s, which goes on decoded', async (encoding, compress) => {
    const body = compress('{"model":"m"}');
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const answer = await fixture.call('/v1/chat/completions', { method: 'POST', headers, body });
    const seen = (await answer.body.json()) as Record<string, unknown>;
    expect([answer.statusCode, seen['name'], seen['body'], seen['encoding']]).toEqual([
      200,
      'model',
      '{"model":"m"}',
      undefined,
    ]);
  });

  it('is not read from a body in an encoding that nobody here knows: 415 names it, where a model is wanted', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'compress' };
    const refused = await fixture.call('/v1/chat/completions', { method: 'POST', headers, body: 'x' });
    expect([refused.statusCode, await refused.body.text()]).toEqual([
      415,
      expect.stringContaining('content-encoding compress'),
    ]);
    const passed = await fixture.call('/other', { method: 'POST', headers, body: 'x' });
    expect(await passed.body.json()).toMatchObject({ name: 'other', body: 'x', encoding: 'compress' });
  });

  it('bodies that decode to more than the limit, or not at all, are refused', async () => {
    fixture.plane.apply(table([{ model: 'm', backends: [] }], { bodyLimitBytes: 1000 }));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const large = gzipSync(`{"model":"m","x":"${'x'.repeat(5000)}"}`);
    const options = { method: 'POST', headers } as const;
    expect((await fixture.call('/v1/chat/completions', { ...options, body: large })).statusCode).toBe(413);
    const broken = await fixture.call('/v1/chat/completions', { ...options, body: 'no gzip' });
    expect([broken.statusCode, await broken.body.text()]).toEqual([400, expect.stringContaining('not gzip')]);
    expect(fixture.plane.stats().bufferedBytes).toBe(0);
  });
});

describe('forms', () => {
  const form = (model: string): string =>
    `--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n--X\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--X--\r\n`;
  const send = (path: string, body: string): ReturnType<Fixture['call']> =>
    fixture.call(path, { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=X' }, body });

  it.each(['/v1/audio/transcriptions', '/v1/audio/translations', '/v1/images/edits'])(
    'of %s are routed by their model, which the backend may have another name for',
    async (path) => {
      const plain = await echo('plain');
      const llm = { schema: { name: 'OpenAI' } };
      const renamed = { ...llm, modelNameOverride: 'another-name' };
      const { endpoint } = await fixture.upstream((request, response) => {
        void readAll(request).then((body) => response.end(body));
      });
      fixture.plane.apply(
        table([
          { model: 'whisper', backends: [backend(target([endpoint]), { llm })] },
          { model: 'other', backends: [backend(target([endpoint]), { llm: renamed })] },
          { match: { path: { type: 'Exact', value: '/x' } }, backends: [plain] },
        ]),
      );
      expect(await (await send(path, form('whisper'))).body.text()).toBe(form('whisper'));
      expect(await (await send(path, form('other'))).body.text()).toBe(form('another-name'));
      const unknown = await send(path, form('nobody'));
      expect([unknown.statusCode, await unknown.body.json()]).toMatchObject([404, { error: { model: 'nobody' } }]);
      const none = await send(path, '--X--\r\n');
      expect([none.statusCode, await none.body.text()]).toEqual([
        400,
        expect.stringContaining('missing required field'),
      ]);
    },
  );
});

describe('the models of a gateway', () => {
  const served = async (): Promise<RouteTable> => {
    const own = table([{ model: 'org/m', backends: [] }], {}, {}, { models });
    const other = table(
      [{ backends: [await echo('legacy')] }],
      {},
      {},
      { key: 'default/legacy', hostnames: ['legacy.example'] },
    );
    const routes = other.routes.map((route) => ({
      ...route,
      attachments: route.attachments.map((attachment) => ({ ...attachment, hosts: ['legacy.example'] })),
      rules: route.rules.map((rule) => ({ ...rule, route: { namespace: 'default', name: 'legacy' } })),
    }));
    return { ...own, routes: [...own.routes, ...routes], endpointSets: other.endpointSets };
  };

  it.each(['/v1/models/org/m', '/v1/models/org%2Fm'])('%s is one of them', async (path) => {
    fixture.plane.apply(await served());
    const answer = await fixture.call(path);
    expect([answer.statusCode, await answer.body.json()]).toEqual([
      200,
      { id: 'org/m', object: 'model', created: 1, owned_by: 'o' },
    ]);
    const anthropic = await fixture.call(`/anthropic${path}`);
    expect(await anthropic.body.json()).toMatchObject({ id: 'org/m', type: 'model' });
  });

  it('an id that nobody serves is told so', async () => {
    fixture.plane.apply(await served());
    const answer = await fixture.call('/v1/models/nobody');
    expect([answer.statusCode, await answer.body.json()]).toMatchObject([
      404,
      { error: { code: 'model_not_found', model: 'nobody', models: ['org/m'] } },
    ]);
  });

  it('are not listed at a host that a plain route has to itself', async () => {
    fixture.plane.apply(await served());
    const answer = await fixture.call('/v1/models', { headers: { host: 'legacy.example' } });
    expect(await answer.body.json()).toMatchObject({ name: 'legacy', url: '/v1/models' });
    const own = await fixture.call('/v1/models');
    expect(await own.body.json()).toMatchObject({ object: 'list', data: [{ id: 'org/m' }] });
  });

  it('escaped dot segments are no part of an id', async () => {
    fixture.plane.apply(await served());
    expect((await fixture.call('/v1/models/%2e%2e%2fadmin')).statusCode).toBe(307);
  });
});
