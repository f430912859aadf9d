import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { startTestApi, type TestApi, type WatchEvent } from './harness.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
/** As many changes of the past as the server keeps in these tests. */
const historyEvents = 20;
let api: TestApi;

beforeEach(async () => {
  api = await startTestApi({ history: { events: historyEvents, bytes: 1024 * 1024 } });
});
afterEach(async () => {
  await api.close();
});

async function create(name: string, data: Record<string, string> = {}): Promise<number> {
  const answer = await api.call('POST', configMaps, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data },
  });
  expect(answer.status).toBe(201);
  return Number(answer.body.metadata?.['resourceVersion']);
}

async function compact(): Promise<void> {
  for (let index = 0; index <= historyEvents; index += 1) await create(`filler-${index}`);
}

async function collect(path: string, count: number): Promise<WatchEvent[]> {
  const done = new AbortController();
  const events: WatchEvent[] = [];
  for await (const event of api.watch(path, done.signal)) {
    events.push(event);
    if (events.length === count) done.abort();
  }
  return events;
}

const namesOf = (items: { metadata?: Record<string, unknown> }[] | undefined): unknown[] =>
  (items ?? []).map(({ metadata }) => metadata?.['name']);

describe('pages', () => {
  test('show the state of the first page, whatever is written meanwhile', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await create(name);
    const first = await api.call('GET', `${configMaps}?limit=2`);
    await create('aa');
    await create('cc');
    await api.call('DELETE', `${configMaps}/c`);
    await api.call('PATCH', `${configMaps}/d`, {
      body: { data: { new: 'x' } },
      contentType: 'application/merge-patch+json',
    });
    const second = await api.call(
      'GET',
      `${configMaps}?limit=10&continue=${String(first.body.metadata?.['continue'])}`,
    );
    expect(namesOf(first.body.items)).toEqual(['a', 'b']);
    expect(namesOf(second.body.items)).toEqual(['c', 'd', 'kube-root-ca.crt']);
    expect(second.body.items?.[1]?.['data']).toEqual({});
    expect(second.body.metadata?.['resourceVersion']).toBe(first.body.metadata?.['resourceVersion']);
  });

  test('that are too old get 410 and a token for an inconsistent rest', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const first = await api.call('GET', `${configMaps}?limit=2`);
    await compact();
    const gone = await api.call('GET', `${configMaps}?limit=100&continue=${String(first.body.metadata?.['continue'])}`);
    expect(gone).toMatchObject({ status: 410, body: { reason: 'Expired', code: 410 } });
    expect(gone.body.message).toContain(
      'The provided continue parameter is too old to display a consistent list result.',
    );
    const rest = await api.call('GET', `${configMaps}?limit=100&continue=${String(gone.body.metadata?.['continue'])}`);
    expect(namesOf(rest.body.items)).toEqual(expect.arrayContaining(['c', 'filler-0', 'filler-20']));
    expect(namesOf(rest.body.items)).not.toContain('b');
  });

  test('count what is left, but not with a selector', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const all = await api.call('GET', `${configMaps}?limit=1`);
    expect(all.body.metadata?.['remainingItemCount']).toBe(3);
    const some = await api.call('GET', `${configMaps}?limit=1&fieldSelector=metadata.name!%3Db`);
    expect(some.body.metadata?.['remainingItemCount']).toBeUndefined();
    expect(some.body.metadata?.['continue']).toBeDefined();
  });
});

describe('resourceVersion of a list', () => {
  test('Exact shows the past, until it is compacted', async () => {
    const version = await create('a');
    await create('b');
    await api.call('DELETE', `${configMaps}/a`);
    const path = `${configMaps}?resourceVersion=${version}&resourceVersionMatch=Exact`;
    const past = await api.call('GET', path);
    expect(namesOf(past.body.items)).toEqual(['a', 'kube-root-ca.crt']);
    expect(past.body.metadata?.['resourceVersion']).toBe(String(version));
    await compact();
    expect(await api.call('GET', path)).toMatchObject({ status: 410, body: { reason: 'Expired' } });
    const newer = await api.call('GET', `${configMaps}?resourceVersion=${version}&resourceVersionMatch=NotOlderThan`);
    expect(newer.status).toBe(200);
  });

  test.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      'resourceVersion=1&resourceVersionMatch=x',
      'Unsupported value: "x": supported values: "Exact", "NotOlderThan", ""',
    ],
    ['sendInitialEvents=true', 'sendInitialEvents is forbidden for list'],
    ['watch=true&sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [
      'watch=true&resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
  ])('%s is refused', async (query, message) => {
    const answer = await api.call('GET', `${configMaps}?${query}`);
    expect(answer.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(answer.body.message).toContain(`ListOptions.meta.k8s.io "" is invalid: `);
    expect(answer.body.message).toContain(message);
  });
});

describe('a watch', () => {
  test('goes on after a restart where it was, deletions included', async () => {
    const version = await create('a', { value: '1' });
    await create('b');
    await api.call('PATCH', `${configMaps}/a`, {
      body: { data: { value: '2' } },
      contentType: 'application/merge-patch+json',
    });
    await api.call('DELETE', `${configMaps}/b`);
    const path = `${configMaps}?watch=true&resourceVersion=${version}`;
    const before = await collect(path, 3);
    await api.server.close();
    api = await startTestApi({ dataDir: api.dataDir, history: { events: historyEvents, bytes: 1024 * 1024 } });
    const after = await collect(path, 3);
    expect(after).toEqual(before);
    expect(after.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  test('of a version that is compacted begins with the error', async () => {
    const version = await create('a');
    await compact();
    const answer = await api.call('GET', `${configMaps}?watch=true&resourceVersion=${version}`);
    expect(answer).toMatchObject({ status: 200, body: { type: 'ERROR', object: { code: 410, reason: 'Expired' } } });
    expect((answer.body['object'] as { message: string }).message).toMatch(/^too old resource version: \d+ \(\d+\)$/);
  });

  test('with sendInitialEvents=false begins now', async () => {
    await create('a');
    const query =
      'watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0&timeoutSeconds=5';
    const events = collect(`${configMaps}?${query}`, 1);
    let first: WatchEvent | undefined;
    void events.then(([event]) => (first = event));
    // Written again until the watch is there to see it.
    for (let count = 0; first === undefined; count += 1) await create(`later-${count}`);
    expect(first.object.metadata?.['name']).toMatch(/^later-/);
  });

  test('ends with a bookmark, so that the next one begins where it ended', async () => {
    await create('a');
    const events = await collect(
      `${configMaps}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dx`,
      1,
    );
    const { body } = await api.call('GET', configMaps);
    expect(events).toMatchObject([
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: body.metadata?.['resourceVersion'] } } },
    ]);
  });
});

test('watchers that see different parts of one burst of events each get their own', async () => {
  const write = (name: string, shown: boolean) =>
    api.call('POST', configMaps, {
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: shown ? { shown: 'yes' } : {} } },
    });
  const from = await create('before');
  const stop = new AbortController();
  const seen: string[][] = ['', '', '&labelSelector=shown'].map((selector) => {
    const names: string[] = [];
    void (async () => {
      const path = `${configMaps}?watch=true&resourceVersion=${from}${selector}`;
      for await (const { object } of api.watch(path, stop.signal)) names.push(String(object.metadata?.['name']));
    })();
    return names;
  });
  await write('begin', true);
  await expect.poll(() => seen.map((names) => names.length)).toEqual([1, 1, 1]);
  const burst = Array.from({ length: 20 }, (_, index) => `burst-${index}`);
  await Promise.all(burst.map((name, index) => write(name, index % 3 === 0)));
  await write('end', true);
  await expect.poll(() => seen.map((names) => names.at(-1))).toEqual(['end', 'end', 'end']);
  stop.abort();
  const [all = [], others, some = []] = seen;
  expect(all.toSorted()).toEqual(['begin', ...burst, 'end'].toSorted());
  expect(others).toEqual(all);
  const shown = ['begin', ...burst.filter((_, index) => index % 3 === 0), 'end'];
  expect(some).toEqual(all.filter((name) => shown.includes(name)));
});

test('a watcher that does not read is cut off, and the others are not held up', async () => {
  const { hostname, port } = new URL(api.server.url);
  const socket = connect({ host: hostname, port: Number(port), ca: api.server.caCertificate });
  await once(socket, 'secureConnect');
  socket.pause();
  const path = `${configMaps}?watch=true&resourceVersion=0`;
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${api.server.token}\r\n\r\n`,
  );
  const versions: number[] = [];
  const done = new AbortController();
  const reading = (async () => {
    for await (const event of api.watch(path, done.signal)) {
      versions.push(Number(event.object.metadata?.['resourceVersion']));
    }
  })();
  const text = 'x'.repeat(900_000);
  let last = await create('large', { text });
  for (let count = 0; count < 50; count += 1) {
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'large' },
      data: { text, count: String(count) },
    };
    const answer = await api.call('PUT', `${configMaps}/large`, { body });
    last = Number(answer.body.metadata?.['resourceVersion']);
  }
  await expect.poll(() => versions.at(-1), { timeout: 10_000 }).toBe(last);
  done.abort();
  await reading;
  // 45 MB did not fit into the 32 that may wait: the server has ended this watch after what was on its way already.
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
  expect(bytes).toBeLessThan(20_000_000);
}, 60_000);

test('watches beyond the limit are refused until one ends', async () => {
  const limited = await startTestApi({ maxWatches: 2 });
  try {
    const ending = [new AbortController(), new AbortController()];
    const path = '/api/v1/namespaces?watch=true';
    const open = ending.map(({ signal }) => limited.watch(path, signal));
    for (const events of open) expect((await events.next()).value).toMatchObject({ type: 'ADDED' });
    const refused = await limited.call('GET', path);
    expect([refused.status, refused.body.reason, refused.headers['retry-after']]).toEqual([
      429,
      'TooManyRequests',
      '5',
    ]);
    expect((await limited.call('GET', '/api/v1/namespaces')).status).toBe(200);
    ending[0]?.abort();
    await vi.waitFor(
      async () => {
        const third = new AbortController();
        const next = await limited.watch(path, third.signal).next();
        third.abort();
        expect(next).toMatchObject({ value: { type: 'ADDED' } });
      },
      { timeout: 30_000, interval: 100 },
    );
    ending[1]?.abort();
    for (const events of open) await events.return(undefined);
  } finally {
    await limited.close();
  }
});
