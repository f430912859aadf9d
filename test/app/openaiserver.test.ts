import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { findOpenAiServer, modelNames, openAiDeclaration } from '../../src/app/openaiserver.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serverThat(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (status: number, body: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

describe('the models of an OpenAI server', () => {
  it.each([
    ['', '/v1/models', 'v1'],
    ['/', '/v1/models', 'v1'],
    ['/v1', '/v1/models', 'v1'],
    ['/v1/', '/v1/models', 'v1'],
    ['/openai', '/openai/v1/models', 'openai/v1'],
    ['/api/v3', '/api/v3/models', 'api/v3'],
  ])('are asked for below the path "%s"', async (path, asked, prefix) => {
    const paths: (string | undefined)[] = [];
    const origin = await serverThat((request, response) => {
      paths.push(request.url);
      response.end('{"data":[{"id":"a"},{"id":"b"},{"id":"a"}]}');
    });
    const server = await findOpenAiServer(`${origin}${path}`);
    expect([paths, server.prefix, server.models]).toEqual([[asked], prefix, ['a', 'b']]);
  });

  it.each([
    [json(404, ''), /answered 404: is this the base URL/],
    [json(401, ''), /answered 401: it wants a key/],
    [json(200, '<html>'), /answered no JSON/],
    [json(200, '{"data":[]}'), /lists no models/],
    [
      json(200, JSON.stringify({ data: Array.from({ length: 2000 }, (_, i) => ({ id: `m${i}` })) })),
      /lists 2000 models/,
    ],
    [json(200, 'x'.repeat(5 * 1024 * 1024)), /more than 4194304 bytes/],
  ])('are refused when they cannot be read (%#)', async (listener, message) => {
    const origin = await serverThat(listener);
    await expect(findOpenAiServer(origin)).rejects.toThrow(message);
  });

  it('cannot be had of a server that does not run', async () => {
    await expect(findOpenAiServer('http://127.0.0.1:1')).rejects.toThrow(/ECONNREFUSED.*is the server running/);
  });

  it.each([[undefined], [{}], [{ data: 'x' }], [{ data: [{}] }], [{ data: [{ id: '' }] }], [{ data: [{ id: 4 }] }]])(
    'need names: %j',
    (answer) => {
      expect(() => modelNames(answer, 'URL')).toThrow(/^URL/);
    },
  );
});

describe('the declaration for an OpenAI server', () => {
  const kindOf = (url: string, kind: string, prefix = 'v1', models = ['a']) =>
    openAiDeclaration({ url: new URL(url), prefix, models }).find((object) => object.kind === kind);

  it.each([
    ['http://models.example', { fqdn: { hostname: 'models.example', port: 80 } }, undefined],
    ['http://10.0.0.1:8000', { ip: { address: '10.0.0.1', port: 8000 } }, undefined],
    ['http://[::1]:8000', { ip: { address: '::1', port: 8000 } }, undefined],
    [
      'https://models.example',
      { fqdn: { hostname: 'models.example', port: 443 } },
      { wellKnownCACertificates: 'System' },
    ],
  ])('has the address of %s', (url, endpoint, tls) => {
    expect(kindOf(url, 'Backend')).toMatchObject({ spec: { endpoints: [endpoint], ...(tls && { tls }) } });
  });

  it('says the path before the endpoints', () => {
    expect(kindOf('http://a', 'AIServiceBackend', 'api/v3')).toMatchObject({ spec: { schema: { prefix: 'api/v3' } } });
  });

  it('matches each model once, by its exact name, within the limits of a route', () => {
    const models = Array.from({ length: 300 }, (_, i) => `model-${i}`);
    const route = kindOf('http://a', 'AIGatewayRoute', 'v1', models);
    const { rules } = (
      route as unknown as { spec: { rules: { matches: { headers: { type: string; value: string }[] }[] }[] } }
    ).spec;
    expect(rules.map(({ matches }) => matches.length)).toEqual([128, 128, 44]);
    const headers = rules.flatMap(({ matches }) => matches.flatMap((match) => match.headers));
    expect(headers.map(({ value }) => value)).toEqual(models);
    expect(new Set(headers.map(({ type }) => type))).toEqual(new Set(['Exact']));
  });
});
