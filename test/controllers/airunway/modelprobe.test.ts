import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createModelProbe, type ModelProbe, type ProbeLimits } from '../../../src/controllers/airunway/modelprobe.ts';
import { createLog } from '../../../src/telemetry/log.ts';

/** What model servers may do when they are asked for their model (airunway.md 4.1.7, trap 4). */

const limits: ProbeLimits = { timeoutMs: 300, maxBytes: 64 * 1024, concurrency: 4, retryMs: [20] };
const servers: Server[] = [];
let probe: ModelProbe | undefined;

afterEach(async () => {
  await probe?.stop();
  probe = undefined;
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function serve(listener: RequestListener): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}/v1/models`, asked: () => asked };
}

const start = (changed: Partial<ProbeLimits> = {}): ModelProbe => {
  probe = createModelProbe(createLog({ level: 'silent' }), { ...limits, ...changed });
  return probe;
};

const models =
  (...ids: string[]): RequestListener =>
  (_request, response) => {
    response.end(JSON.stringify({ object: 'list', data: ids.map((id) => ({ id })) }));
  };

const text =
  (body: string, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status).end(body);
  };

/** Resolves with the name once the probe has one. */
function found(asking: ModelProbe, deployment: string, url: string, generation = 1): Promise<string> {
  return new Promise((resolve) => {
    const look = (): void => {
      const model = asking.modelOf(deployment, { url, generation }, look);
      if (model !== undefined) resolve(model);
    };
    look();
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('the first model that the server lists is the one', async () => {
  const { url } = await serve(models('baked/in', 'another'));
  expect(await found(start(), 'd', url)).toBe('baked/in');
});

test('a redirect is followed', async () => {
  const { url } = await serve(models('behind/redirect'));
  const redirecting = await serve((_request, response) => response.writeHead(307, { location: url }).end());
  expect(await found(start(), 'd', redirecting.url)).toBe('behind/redirect');
});

describe.each<[string, RequestListener]>([
  ['never answers', () => undefined],
  [
    'sends its answer byte by byte',
    (_request, response) => {
      response.write('{');
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(drip);
      });
    },
  ],
  ['is larger than allowed', text(`{"data":[{"id":"${'x'.repeat(limits.maxBytes)}"}]}`)],
  ['says 404', text('{"data":[{"id":"wrong"}]}', 404)],
  ['says 204', text('', 204)],
  ['says 503', text('loading', 503)],
  ['is no JSON', text('<html>')],
  ['is empty', text('')],
  ['lists nothing', models()],
  ['lists an empty name', models('')],
  ['lists numbers', text('{"data":[{"id":7}]}')],
  ['lists no objects', text('{"data":["qwen"]}')],
  ['is an array', text('[{"id":"x"}]')],
  ['is null', text('null')],
  ['redirects to itself', (request, response) => response.writeHead(302, { location: request.url ?? '/' }).end()],
  ['breaks off', (_request, response) => response.writeHead(200, { 'content-length': '100' }).destroy()],
])('a server whose answer %s', (_name, listener) => {
  test('tells no model, is asked again, and holds no other up', async () => {
    const bad = await serve(listener);
    const good = await serve(models('good'));
    const asking = start({ concurrency: 1 });
    expect(asking.modelOf('bad', { url: bad.url, generation: 1 }, () => undefined)).toBeUndefined();
    // With one place, the good server's turn comes only when the bad one's time is up.
    expect(await found(asking, 'good', good.url)).toBe('good');
    await until(() => bad.asked() >= 2);
    expect(asking.modelOf('bad', { url: bad.url, generation: 1 }, () => undefined)).toBeUndefined();
  });
});

test('a port that nobody listens at tells no model until somebody does', async () => {
  const { url } = await serve(models('late'));
  const [server] = servers.splice(0);
  await new Promise((resolve) => server?.close(resolve));
  const asking = start();
  const name = found(asking, 'd', url);
  const late = createServer(models('late'));
  servers.push(late);
  await new Promise<void>((resolve) => late.listen(Number(new URL(url).port), '127.0.0.1', resolve));
  expect(await name).toBe('late');
});

test('many silent servers hold each other up no longer than the time of their turns', async () => {
  const silent = await serve(() => undefined);
  const good = await serve(models('good'));
  const asking = start({ concurrency: 4 });
  for (let i = 0; i < 20; i += 1)
    asking.modelOf(`silent-${String(i)}`, { url: silent.url, generation: 1 }, () => undefined);
  expect(await found(asking, 'good', good.url)).toBe('good');
  expect(silent.asked()).toBeGreaterThan(0);
});

test('the name stays while the same server is asked anew, and changes when its answer does', async () => {
  let id = 'first';
  const { url, asked } = await serve((request, response) => {
    models(id)(request, response);
  });
  const asking = start();
  expect(await found(asking, 'd', url, 1)).toBe('first');
  id = 'second';
  const changed = new Promise<void>((resolve) => {
    expect(asking.modelOf('d', { url, generation: 2 }, resolve)).toBe('first');
  });
  await changed;
  expect(asked()).toBe(2);
  expect(asking.modelOf('d', { url, generation: 2 }, () => undefined)).toBe('second');
});

test('the name outlives failures of its own server, and not those of another', async () => {
  let ill = false;
  const one = await serve((request, response) => {
    if (ill) text('', 500)(request, response);
    else models('one')(request, response);
  });
  const other = await serve(text('', 500));
  const asking = start();
  expect(await found(asking, 'd', one.url, 1)).toBe('one');
  ill = true;
  const before = one.asked();
  asking.modelOf('d', { url: one.url, generation: 2 }, () => undefined);
  await until(() => one.asked() > before + 1);
  expect(asking.modelOf('d', { url: one.url, generation: 2 }, () => undefined)).toBe('one');

  await new Promise<void>((resolve) => {
    expect(asking.modelOf('d', { url: other.url, generation: 3 }, resolve)).toBe('one');
  });
  expect(asking.modelOf('d', { url: other.url, generation: 3 }, () => undefined)).toBeUndefined();
});

test('a server that is forgotten is asked no more', async () => {
  const { url, asked } = await serve(text('', 500));
  const witness = await serve(text('', 500));
  const asking = start();
  asking.modelOf('d', { url, generation: 1 }, () => undefined);
  asking.modelOf('witness', { url: witness.url, generation: 1 }, () => undefined);
  await until(() => asked() >= 1);
  asking.forget('d');
  const when = asked();
  const seen = witness.asked();
  await until(() => witness.asked() >= seen + 5);
  // One request may have been on its way.
  expect(asked()).toBeLessThanOrEqual(when + 1);
});

test('stopping does not wait for silent servers', async () => {
  const { url, asked } = await serve(() => undefined);
  const asking = start({ timeoutMs: 600_000, concurrency: 1 });
  for (const name of ['a', 'b', 'c']) asking.modelOf(name, { url, generation: 1 }, () => undefined);
  await until(() => asked() === 1);
  await asking.stop();
  expect(asked()).toBe(1);
});
