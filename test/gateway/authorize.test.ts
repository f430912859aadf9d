import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Credential, CredentialSource } from '../../src/credentials/credential.ts';
import { sign } from '../../src/credentials/sigv4.ts';
import type { RequestRecord } from '../../src/gateway/requestrecord.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { azure, createWorld, planted, secretKey, type World } from '../credentials/world.ts';
import { backend, closedPort, endpointAt, readAll, startFixture, table, target, type TestRule } from './fixture.ts';

const model = 'm';
const body = { model, messages: [] };
const audience = 'service/default/up:80';
const llm = { schema: { name: 'OpenAI', prefix: 'v1' } };
const apiKey: CredentialSource = { type: 'APIKey', secret: secretKey('k', 'apiKey') };

function bound(source: CredentialSource, more: Partial<Credential> = {}): { credential: Credential; llm: typeof llm } {
  return { llm, credential: { ...source, policy: 'default/policy', audience, ...more } as Credential };
}

/** What an upstream was sent, and the words that it answers with. */
interface Seen {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly body: string;
}

async function start(
  rules: (at: { up: ReturnType<typeof target>; seen: Seen[] }) => TestRule[] | Promise<TestRule[]>,
  world: World = createWorld(),
) {
  const lines: string[] = [];
  const records: RequestRecord[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const fixture = await startFixture({
    credentials: world,
    log: createLog({ level: 'trace', destination }),
    debugHeaders: true,
    requests: { watched: true, finished: (record) => void records.push(record) },
  });
  onTestFinished(() => fixture.close());
  const seen: Seen[] = [];
  const { endpoint } = await fixture.upstream((request: IncomingMessage, response: ServerResponse) => {
    void readAll(request).then((text) => {
      seen.push({ headers: request.headers, path: request.url ?? '', body: text });
      response.setHeader('content-type', 'application/json').end('{"ok":true}');
    });
  });
  fixture.plane.apply(table(await rules({ up: target([endpoint]), seen })));
  const chat = (sent: unknown, headers?: Record<string, string>) => fixture.chat(sent, headers);
  return { chat, plane: fixture.plane, seen, lines, records };
}

describe('credentials of backends', () => {
  it('are put on every request, in place of what the client sent', async () => {
    const world = createWorld();
    world.putSecret('k', { apiKey: 'sk-1' });
    const { chat, seen } = await start(({ up }) => [{ model, backends: [backend(up, bound(apiKey))] }], world);
    expect((await chat(body, { authorization: 'Bearer of-the-client' })).statusCode).toBe(200);
    world.putSecret('k', { apiKey: 'sk-2' });
    expect((await chat(body)).statusCode).toBe(200);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-1', 'Bearer sk-2']);
  });

  it('are never left out: without one nothing is sent', async () => {
    const { chat, seen, lines } = await start(({ up }) => [{ model, backends: [backend(up, bound(apiKey))] }]);
    const answer = await chat(body);
    expect(answer.statusCode).toBe(500);
    expect(await answer.body.json()).toMatchObject({
      error: { message: 'the credential for Service default/up:80 is not usable' },
    });
    expect(seen).toEqual([]);
    expect(lines.join('')).toContain('BackendSecurityPolicy default/policy: Secret default/k not found');
  });

  it('of requests are taken out on every attempt, whichever backend they were meant for', async () => {
    const world = createWorld();
    world.putSecret('k', { apiKey: 'of-the-second' });
    const first = target([endpointAt(await closedPort())]);
    const override = { header: 'x-own', fallback: false };
    const { chat, seen } = await start(
      ({ up }) => [
        {
          model,
          tiers: [
            [backend(first, bound(apiKey, { override }))],
            [backend(up, bound(apiKey, { audience: `service/default/up2:80` }))],
          ],
        },
      ],
      world,
    );
    expect((await chat(body, { 'x-own': 'mine' })).statusCode).toBe(200);
    expect(seen[0]?.headers.authorization).toBe('Bearer of-the-second');
    expect(JSON.stringify(seen)).not.toContain('mine');
  });

  it('are asked for with 401 where only the client has one', async () => {
    const override = { header: 'x-own', fallback: false };
    const { chat, seen } = await start(({ up }) => [{ model, backends: [backend(up, bound(apiKey, { override }))] }]);
    const answer = await chat(body);
    expect(answer.statusCode).toBe(401);
    expect(await answer.body.text()).toContain('missing upstream credential');
    expect((await chat(body, { 'x-own': 'mine' })).statusCode).toBe(200);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine']);
  });

  it('that are being fetched are waited for once, and a backend without one is passed over', async () => {
    const world = createWorld();
    const { chat, seen } = await start(
      ({ up }) => [{ model, tiers: [[backend(up, bound(azure))], [backend(up, { llm })]] }],
      world,
    );
    const answers = await Promise.all(Array.from({ length: 20 }, async () => chat(body)));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect(new Set(seen.map(({ headers }) => headers.authorization))).toEqual(new Set([`Bearer ${planted}-token-1`]));
    expect(world.http.requests).toHaveLength(1);
    world.http.mode = 'fail';
    world.putSecret('azure', { 'client-secret': `${planted}-client-secret`, changed: 'yes' });
    expect((await chat(body)).statusCode).toBe(200);
    expect(seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('of AWS sign what is sent: path, host and the mutated body', async () => {
    const world = createWorld();
    world.putSecret('aws', { credentials: `[default]\naws_access_key_id=AKID\naws_secret_access_key=${planted}` });
    const aws: CredentialSource = {
      type: 'AWSCredentials',
      region: 'eu-west-1',
      source: { type: 'file', secret: secretKey('aws', 'credentials'), profile: 'default' },
    };
    const host = 'bedrock-runtime.us-east-2.amazonaws.com';
    const { chat, seen } = await start(
      ({ up }) => [
        {
          model,
          backends: [
            backend(
              { ...up, host },
              { ...bound(aws), llm: { ...llm, bodyMutation: { set: [{ path: 'top_k', value: '1' }], remove: [] } } },
            ),
          ],
        },
      ],
      world,
    );
    expect(
      (await chat(body, { 'x-ai-eg-upstream-host': 'bedrock-runtime.evil.amazonaws.com', 'x-amz-date': 'old' }))
        .statusCode,
    ).toBe(200);
    const [got] = seen;
    expect(got?.headers.host).toBe(host);
    expect(got?.headers['x-ai-eg-upstream-host']).toBeUndefined();
    expect(got?.body).toContain('"top_k":1');
    const expected = await sign(
      { method: 'POST', host, path: got?.path ?? '', body: Buffer.from(got?.body ?? '') },
      {
        keys: { accessKeyId: 'AKID', secretAccessKey: planted },
        region: 'us-east-2',
        service: 'bedrock',
        atMs: world.clock.now(),
      },
    );
    expect(got?.headers).toMatchObject(expected);
  });

  it('of Google ask below project and region', async () => {
    const gcp: CredentialSource = { type: 'GCPCredentials', project: 'p', region: 'r', source: { type: 'default' } };
    const { chat, seen } = await start(({ up }) => [{ model, backends: [backend(up, bound(gcp))] }]);
    expect((await chat(body)).statusCode).toBe(200);
    expect(seen[0]?.path).toBe('/v1/projects/p/locations/r/v1/chat/completions');
  });

  it('are never the wrong ones, and no request that has one fails: rotation, expiry and a token server that hangs, at 200 requests/s', async () => {
    const world = createWorld();
    const { http, clock } = world;
    http.lifeSeconds = 900;
    let generation = 0;
    const rotate = (): void => {
      generation += 1;
      http.accepted.clear();
      http.accepted.add(`${planted}-secret-${generation}`);
      world.putSecret('k', { apiKey: `key-${generation}` });
      world.putSecret('azure', { 'client-secret': `${planted}-secret-${generation}` });
    };
    rotate();
    const { chat, seen } = await start(
      ({ up }) => [
        { model: 'key', backends: [backend(up, bound(apiKey))] },
        { model: 'token', backends: [backend(up, bound(azure))] },
      ],
      world,
    );
    /** The rotation that the credential of a request is of. */
    const generationOf = (authorization = ''): number => {
      const text = authorization.replace('Bearer ', '');
      return Number((http.issuedFor.get(text) ?? text).split('-').at(-1));
    };
    const outcomes: Promise<unknown>[] = [];
    const failures: unknown[] = [];
    const send = async (number: number): Promise<void> => {
      const from = generation;
      const id = `r${number}`;
      const answer = await chat({ model: number % 2 === 0 ? 'key' : 'token', messages: [] }, { 'x-id': id });
      expect([answer.statusCode, await answer.body.text()]).toEqual([200, '{"ok":true}']);
      const used = generationOf(seen.find(({ headers }) => headers['x-id'] === id)?.headers.authorization);
      expect(used).toBeGreaterThanOrEqual(from);
      expect(used).toBeLessThanOrEqual(generation);
    };
    for (let number = 0; number < 1_000; number += 1) {
      // Five seconds of requests; three hours on the clock of the tokens, which live for a quarter of one.
      if (number % 5 === 0) await clock.advance(54_000);
      if (number % 125 === 60) rotate();
      if (number === 400) http.mode = 'hang';
      if (number === 430) http.release();
      if (number === 650) http.mode = 'fail';
      if (number === 680) http.mode = 'answer';
      outcomes.push(send(number).catch((error: unknown) => void failures.push(error)));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(outcomes);
    expect(failures).toEqual([]);
    expect(seen).toHaveLength(1_000);
    expect(generation).toBe(9);
    expect(http.issuedFor.size).toBeGreaterThan(2 * generation);
    expect(http.requests.length).toBeGreaterThan(http.issuedFor.size);
  });

  it('are in no log, metric, answer, record or table', async () => {
    const world = createWorld();
    world.putSecret('k', { apiKey: `${planted}-key` });
    const override = { header: 'x-own', fallback: true };
    const { chat, seen, plane, lines, records } = await start(
      ({ up }) => [
        {
          model,
          tiers: [[backend(up, bound(azure, { override }))], [backend(up, bound(apiKey))]],
        },
      ],
      world,
    );
    const answers: string[] = [];
    for (const mode of ['answer', 'refuse', 'fail'] as const) {
      world.http.mode = mode;
      world.putSecret('azure', { 'client-secret': `${planted}-client-secret`, mode });
      for (const headers of [{}, { 'x-own': `${planted}-own` }]) {
        const answer = await chat(body, { ...headers, 'x-headgate-debug': 'true' });
        answers.push(JSON.stringify(answer.headers), await answer.body.text());
      }
    }
    expect(seen.length).toBeGreaterThan(3);
    expect(JSON.stringify(seen)).toContain(planted);
    const told = [lines, records, answers, plane.routes().table, plane.stats(), await plane.metrics()];
    expect(lines.length).toBeGreaterThan(6);
    expect(JSON.stringify(told)).not.toContain(planted);
  });
});
