import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, endpointAt, readAll, startFixture, table, target, until, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture({ debugHeaders: true });
});
afterEach(() => fixture.close());

interface Echo {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

async function echo(): Promise<Awaited<ReturnType<Fixture['upstream']>>> {
  return fixture.upstream((request, response) => {
    void readAll(request).then((body) => {
      response.end(JSON.stringify({ url: request.url, headers: request.headers, body }));
    });
  });
}

describe('what goes upstream', () => {
  it('keeps Host and end-to-end headers, drops hop-by-hop and internal ones, adds its own', async () => {
    const { endpoint } = await echo();
    fixture.plane.apply(table([{ model: 'm/1', backends: [backend(target([endpoint]))] }]));
    const body = '{"model": "m/1",  "n":1.0}';
    const answer = await fixture.chat(body, {
      host: 'api.example:8080',
      authorization: 'Bearer t',
      'X-Custom': 'kept',
      'x-ai-eg-model': 'spoofed',
      'x-ai-eg-upstream-host': 'spoofed',
      'x-gateway-model-name': 'spoofed',
      'x-gateway-destination-endpoint': '10.0.0.1:1',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-proto': 'https',
      te: 'trailers',
    });
    const seen = (await answer.body.json()) as Echo;
    expect(seen.url).toBe('/v1/chat/completions');
    expect(seen.body).toBe(body);
    expect(seen.headers).toEqual({
      host: 'api.example:8080',
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': String(body.length),
      authorization: 'Bearer t',
      'x-custom': 'kept',
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-ai-eg-model': 'm/1',
      'x-gateway-model-name': 'm/1',
      'x-ai-eg-original-path': '/v1/chat/completions',
      'x-envoy-original-path': '/v1/chat/completions',
      'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/) as string,
    });
  });

  it('drops what the Connection header names', async () => {
    const { endpoint } = await echo();
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.raw(
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nx-hop: 1\r\nx-kept: 1\r\n\r\n',
    );
    expect(answer).toContain('x-kept');
    expect(answer).not.toContain('x-hop');
  });

  it('translates for an OpenAI backend: path, query, model, headers, body; and rewrites the host', async () => {
    const { endpoint } = await echo();
    const llm = {
      schema: { name: 'OpenAI', prefix: 'api/v3' },
      modelNameOverride: 'real "model"',
      headerMutation: {
        set: [
          { name: 'x-new', value: '1' },
          { name: 'x-ai-eg-model', value: 'no' },
        ],
        remove: ['x-old'],
      },
      bodyMutation: { set: [{ path: 'service_tier', value: 'flex' }], remove: ['user'] },
    };
    const rule = { model: 'm', filters: [{ type: 'BackendHostRewrite' } as const] };
    fixture.plane.apply(
      table([{ ...rule, backends: [backend(target([endpoint], { host: 'real.example' }), { llm })] }]),
    );
    const answer = await fixture.call('/v1/completions?api=1', {
      method: 'POST',
      headers: { 'x-old': '1' },
      body: '{"model":"m","user":"u","prompt":"p"}',
    });
    const seen = (await answer.body.json()) as Echo;
    expect(seen.url).toBe('/api/v3/completions');
    expect(seen.body).toBe('{"model":"real \\"model\\"","prompt":"p","service_tier":"flex"}');
    expect(seen.headers).toMatchObject({ host: 'real.example', 'x-new': '1', 'x-ai-eg-model': 'm' });
    expect(seen.headers).not.toHaveProperty('x-old');
    expect(seen.headers['content-length']).toBe(String(seen.body.length));
  });

  it('reads the model for catch-all AI rules, and for a listener that routes plain rules by it', async () => {
    const { endpoint } = await echo();
    fixture.plane.apply(table([{ kind: 'llm', backends: [backend(target([endpoint]))] }]));
    const any = await fixture.chat({ model: 'x' });
    expect(((await any.body.json()) as Echo).headers['x-ai-eg-model']).toBe('x');
    const byHeader = { match: { headers: [{ name: 'x-gateway-model-name', value: 'x' }] } };
    fixture.plane.apply(table([{ ...byHeader, backends: [backend(target([endpoint]))] }]));
    expect((await fixture.chat({ model: 'x' })).statusCode).toBe(200);
    expect((await fixture.chat({ model: 'y' }, { 'x-gateway-model-name': 'x' })).statusCode).toBe(404);
  });

  it('carries a model outside ASCII as UTF-8', async () => {
    const { endpoint } = await echo();
    fixture.plane.apply(table([{ model: 'modèle', backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.chat({ model: 'modèle' });
    const seen = (await answer.body.json()) as Echo;
    expect(Buffer.from(String(seen.headers['x-ai-eg-model']), 'latin1').toString()).toBe('modèle');
  });

  it('applies the filters of rule and backend', async () => {
    const { endpoint } = await echo();
    const modifier = (type: 'RequestHeaderModifier' | 'ResponseHeaderModifier', name: string) =>
      ({
        type,
        set: [{ name: `${name}-set`, value: '1' }],
        add: [{ name: `${name}-add`, value: '2' }],
        remove: [`${name}-gone`],
      }) as const;
    const filters = [
      modifier('RequestHeaderModifier', 'X-Rule'),
      modifier('ResponseHeaderModifier', 'X-Answer'),
      {
        type: 'URLRewrite',
        hostname: 'new.example',
        path: { type: 'ReplacePrefixMatch', value: '/b', prefix: '/a' },
      } as const,
    ];
    const more = { filters: [modifier('RequestHeaderModifier', 'X-Backend')] };
    fixture.plane.apply(table([{ filters, backends: [backend(target([endpoint]), more)] }]));
    const answer = await fixture.call('/a/x?q', {
      headers: { 'x-rule-add': '0', 'x-rule-set': '0', 'x-rule-gone': '0' },
    });
    expect(answer.headers).toMatchObject({ 'x-answer-set': '1', 'x-answer-add': '2' });
    const seen = (await answer.body.json()) as Echo;
    expect(seen.url).toBe('/b/x?q');
    expect(seen.headers).toMatchObject({
      host: 'new.example',
      'x-rule-set': '1',
      'x-rule-add': '0, 2',
      'x-backend-set': '1',
    });
    expect(seen.headers).not.toHaveProperty('x-rule-gone');
  });

  it('shows where a request went when it is asked to', async () => {
    const { endpoint } = await echo();
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]), { id: 'ns/b' })] }]));
    const shown = await fixture.call('/', { headers: { 'x-headgate-debug': 'true' } });
    expect(shown.headers).toMatchObject({
      'x-headgate-route': 'httproute/default/route/rule/0',
      'x-headgate-backend': 'ns/b',
      'x-headgate-endpoint': endpoint.key,
    });
    const hidden = await fixture.call('/');
    expect(hidden.headers).not.toHaveProperty('x-headgate-route');
  });
});

describe('other upstream protocols', () => {
  it('speaks HTTP/2 in the clear to h2c backends', async () => {
    const server = createHttp2Server((request, response) => {
      request.resume().on('end', () => {
        response.end(`${request.httpVersion} ${request.authority} ${request.url}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const h2c = { ...target([endpointAt(port)]), protocol: 'h2c' } as const;
    fixture.plane.apply(table([{ model: 'm', backends: [backend(h2c)] }]));
    const answer = await fixture.chat({ model: 'm' }, { host: 'h.example' });
    expect(await answer.body.text()).toBe('2.0 h.example /v1/chat/completions');
    await fixture.plane.close(0);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('what comes back', () => {
  it('passes status, headers and trailers, but nothing that is about one connection', async () => {
    const { endpoint } = await fixture.upstream((_, response) => {
      response.writeHead(418, { 'Set-Cookie': ['a=1', 'b=2'], Connection: 'x-hop', 'X-Hop': '1', Trailer: 'x-sum' });
      response.write('tea');
      response.addTrailers({ 'x-sum': '7' });
      response.end();
    });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.call('/');
    expect(answer.statusCode).toBe(418);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers).not.toHaveProperty('x-hop');
    expect(await answer.body.text()).toBe('tea');
    expect(answer.trailers).toEqual({ 'x-sum': '7' });
  });

  it('streams events as they come, the head before the first one', async () => {
    const { promise, resolve } = Promise.withResolvers<ServerResponse>();
    const { endpoint } = await fixture.upstream((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      resolve(response);
    });
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([endpoint]))] }]));
    // Each step waits for the one before it to have arrived: a gateway that buffers never gets past the first.
    const answer = await fixture.chat({ model: 'm', stream: true });
    const response = await promise;
    const chunks = (answer.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      response.write(event);
      const next = await chunks.next();
      expect(String(next.value)).toBe(event);
    }
    response.end();
    expect((await chunks.next()).done).toBe(true);
  });

  it('holds the upstream back while the client does not read', async () => {
    let written = 0;
    let response: ServerResponse | undefined;
    const { endpoint } = await fixture.upstream((_, answering) => {
      response = answering;
      const more = (): void => {
        while (written < 400 * 1024 * 1024) {
          written += 1024 * 1024;
          if (!answering.write(Buffer.alloc(1024 * 1024))) {
            answering.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const socket = fixture.socket();
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    socket.pause();
    await until(() => response?.writableNeedDrain === true, 'the upstream has to wait');
    let before = -1;
    // It stays held back: the amount written no longer grows.
    await until(() => {
      const steady = before === written;
      before = written;
      return steady;
    }, 'writing stops');
    expect(written).toBeLessThan(100 * 1024 * 1024);
  });

  it('cancels the upstream when the client goes away, before and during the answer', async () => {
    const closed: string[] = [];
    let arrived = 0;
    const { endpoint } = await fixture.upstream((request, response) => {
      arrived += 1;
      if (request.url === '/streaming') response.write('x');
      response.on('close', () => closed.push(String(request.url)));
    });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    for (const path of ['/waiting', '/streaming']) {
      const socket = fixture.socket();
      const before = arrived;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
      await until(() => arrived > before, 'the request arrived upstream');
      if (path === '/streaming') await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      await until(() => closed.includes(path), `upstream sees that ${path} was given up`);
    }
    expect(fixture.plane.stats().inFlight).toBe(0);
    expect(await fixture.plane.metrics()).toMatch(/status="499"} 2/);
  });
});
