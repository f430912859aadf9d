import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, startFixture, table, target, type Fixture, type Upstream } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

/** Breaks off every request it has read; counts them. */
async function breaking(): Promise<{ upstream: Upstream; processed: () => number }> {
  let count = 0;
  const upstream = await fixture.upstream((request) => {
    count += 1;
    request.resume().on('end', () => request.socket.destroy());
  });
  return { upstream, processed: () => count };
}

async function answering(name: string): Promise<Upstream> {
  return fixture.upstream((request, response) => {
    request.resume().on('end', () => response.end(name));
  });
}

describe('a request that failed before its answer began', () => {
  const json = { 'content-type': 'application/json' };
  it.each([
    ['GET', '/x', undefined, true],
    ['DELETE', '/x', undefined, true],
    ['PUT', '/x', 'small', true],
    ['POST', '/x', 'small', false],
    ['PATCH', '/x', 'small', false],
    ['POST', '/v1/chat/completions', '{"model":"m"}', true],
    ['POST', '/v1/completions', '{"model":"m","stream":true}', true],
    ['POST', '/v1/embeddings', '{"model":"m"}', true],
    ['POST', '/anthropic/v1/messages', '{"model":"m"}', true],
    ['POST', '/v1/responses', '{"model":"m","store":false}', true],
    ['POST', '/v1/responses', '{"model":"m"}', false],
    ['POST', '/v1/responses', '{"model":"m","store":true}', false],
    ['POST', '/v1/responses', '{"model":"m","store":false,"background":true}', false],
    ['POST', '/v1/files', '{"model":"m"}', false],
    ['POST', '/v1/batches', '{"model":"m"}', false],
  ])('%s %s %s is repeated: %s', async (method, path, body, repeated) => {
    const { upstream, processed } = await breaking();
    const other = await answering('other');
    const tiers = [[backend(target([upstream.endpoint]))], [backend(target([other.endpoint]))]];
    // A listener that reads the model, and rules for requests with and without.
    fixture.plane.apply(table([{ match: { headers: [{ name: 'x-ai-eg-model', value: 'm' }] }, tiers }, { tiers }]));
    const answer = await fixture.call(path, { method, headers: json, ...(body !== undefined && { body }) });
    const text = await answer.body.text();
    // Once more on a fresh connection to the same server, then elsewhere.
    if (repeated) expect([answer.statusCode, text, processed()]).toEqual([200, 'other', 2]);
    else expect([answer.statusCode, processed()]).toEqual([502, 1]);
  });

  it('is sent to few servers, as it may be the cause', async () => {
    const servers = await Promise.all(Array.from({ length: 5 }, breaking));
    const tiers = servers.map(({ upstream }) => [backend(target([upstream.endpoint]))]);
    fixture.plane.apply(table([{ model: 'm', tiers }]));
    expect((await fixture.chat({ model: 'm' })).statusCode).toBe(502);
    expect(servers.reduce((sum, { processed }) => sum + processed(), 0)).toBe(3);
  });

  it('is not repeated once its answer has begun', async () => {
    let processed = 0;
    const upstream = await fixture.upstream((request, response) => {
      processed += 1;
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('12', () => request.socket.destroy());
      });
    });
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([upstream.endpoint]))] }]));
    const answer = await fixture.chat({ model: 'm' });
    await expect(answer.body.text()).rejects.toThrow();
    expect(processed).toBe(1);
  });

  it('is not seen by a client whose kept connections to the server are all stale', async () => {
    const upstream = await answering('alive');
    fixture.plane.apply(table([{ backends: [backend(target([upstream.endpoint]))] }]));
    await Promise.all(Array.from({ length: 8 }, async () => (await fixture.call('/')).body.text()));
    // Half-open: the server forgets the connections, and says so only when something comes.
    for (const connection of upstream.connections) {
      connection.removeAllListeners('data');
      connection.once('readable', () => connection.resetAndDestroy());
    }
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const answer = await fixture.call('/');
        return [answer.statusCode, await answer.body.text()];
      }),
    );
    expect(answers).toEqual(Array.from({ length: 8 }, () => [200, 'alive']));
  });
});
