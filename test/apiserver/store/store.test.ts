import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoredObject } from '../../../src/apiserver/store/object.ts';
import { checkStore, sealStore } from '../../../src/apiserver/store/damage.ts';
import { openStore } from '../../../src/apiserver/store/store.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const object = (name: string, value: string): StoredObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { value },
});

test('100,000 updates of one object leave the file as large as the first thousands did', async () => {
  const store = openStore(join(directory, 'objects'), { events: 1000, bytes: 1024 * 1024 });
  const size = async (): Promise<number> => (await stat(join(directory, 'objects', 'data.mdb'))).size;
  const update = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 100) {
      const put = (index: number) =>
        ({ action: 'put', object: object('a', `${done + index} ${'x'.repeat(300)}`) }) as const;
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => store.write('/configmaps', 'default/a', () => put(index))),
      );
    }
  };
  await update(10_000);
  const early = await size();
  await update(90_000);
  expect(await size()).toBeLessThan(early * 2);
  expect(store.revision()).toBe(100_000);
  expect(store.history.oldest()).toBe(99_000);
  await store.close();
}, 60_000);

test('the past is known beyond what of it is in memory, after a restart, too', async () => {
  let store = openStore(join(directory, 'objects'));
  // More than is kept in memory, in steps that take an object through all it can meet.
  const write = async (name: string, value: string): Promise<void> => {
    const put = object(name, `${value} ${'x'.repeat(300_000)}`);
    await store.write('/configmaps', `default/${name}`, () => ({ action: 'put', object: put }));
  };
  const remove = (name: string): Promise<unknown> =>
    store.write('/configmaps', `default/${name}`, (newest = object(name, '')) => ({
      action: 'remove',
      object: newest,
    }));
  await write('a', 'one');
  await write('b', 'only');
  await write('a', 'two');
  await remove('a');
  await write('a', 'three');
  for (let filler = 0; filler < 20; filler += 1) await write('c', String(filler));
  const valueOf = (of: StoredObject | undefined): unknown => {
    const data: unknown = of?.['data'];
    return typeof data === 'object' && data !== null && 'value' in data ? String(data.value).split(' ')[0] : undefined;
  };
  const seen = (): unknown[] =>
    store.history
      .since(0)
      .slice(0, 5)
      .map(({ revision, type, object: after, previous }) => [
        revision,
        after.metadata.resourceVersion,
        type,
        valueOf(previous),
        valueOf(after),
      ]);
  const expected = [
    [1, '1', 'ADDED', undefined, 'one'],
    [2, '2', 'ADDED', undefined, 'only'],
    [3, '3', 'MODIFIED', 'one', 'two'],
    [4, '4', 'DELETED', 'two', 'two'],
    [5, '5', 'ADDED', undefined, 'three'],
  ];
  expect(seen()).toEqual(expected);
  expect(store.listAt(3, '/configmaps', 'default')?.map(valueOf)).toEqual(['two', 'only']);
  await store.close();
  store = openStore(join(directory, 'objects'));
  expect(seen()).toEqual(expected);
  expect(store.listAt(4, '/configmaps', 'default')?.map(valueOf)).toEqual(['only']);
  await store.close();
});

test('the past is known although its objects are no longer in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const store = openStore(join(directory, 'objects'));
  const write = async (value: string): Promise<WeakRef<StoredObject>> =>
    new WeakRef(await store.write('/configmaps', 'default/a', () => ({ action: 'put', object: object('a', value) })));
  const first = await write('first');
  const second = await write('second');
  await expect.poll(() => (collectGarbage(), first.deref())).toBeUndefined();
  const [added, modified] = store.history.since(0);
  expect(added).toMatchObject({
    type: 'ADDED',
    object: { metadata: { resourceVersion: '1' }, data: { value: 'first' } },
  });
  expect(modified?.previous).toEqual(added?.object);
  expect(modified?.object).toBe(second.deref());
  expect(store.listAt(1, '/configmaps')).toEqual([added?.object]);
  await store.close();
});

// The limit is set and lifted by util-linux; with CI=true its absence must fail, not skip.
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0 || process.env['CI'] === 'true';
const diskTitle = `a disk that is full refuses writes, not reads, and takes writes again when there is room (${hasPrlimit ? 'with prlimit' : 'skipped: there is no prlimit on the PATH'})`;
test.skipIf(!hasPrlimit)(
  diskTitle,
  async () => {
    // Nothing of this process may grow a file beyond 600 KiB; that it may not is reported as an error, not a signal.
    const script = join(import.meta.dirname, 'fulldisk.ts');
    const limited = `trap '' XFSZ; ulimit -S -f 600; exec "$0" "$@"`;
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      limited,
      process.execPath,
      script,
      join(directory, 'objects'),
    ]);
    expect(JSON.parse(stdout)).toEqual({
      refused: { code: 500, reason: 'InternalError', says: true },
      readable: true,
      nothingOfTheRefused: true,
      takenAgain: true,
      afterRestart: true,
    });
  },
  60_000,
);

// A small disk of its own, for this process alone: a user namespace may mount one.
const mountDisk = 'mount -t tmpfs -o size=32m none "$1" && shift && exec "$@"';
const inNamespace = (command: readonly string[], disk: string) => [
  '-rm',
  'bash',
  '-c',
  mountDisk,
  'bash',
  disk,
  ...command,
];
const hasNamespaces = spawnSync('unshare', inNamespace(['true'], tmpdir())).status === 0;
test.skipIf(!hasNamespaces)(
  `a disk that others have filled still takes deletions (${hasNamespaces ? 'with unshare' : 'skipped: unshare may not mount a disk here'})`,
  async () => {
    const script = join(import.meta.dirname, 'fulldisk-deletes.ts');
    const { stdout } = await promisify(execFile)(
      'unshare',
      inNamespace([process.execPath, script, directory], directory),
    );
    expect(JSON.parse(stdout)).toEqual({ created: 507, removed: ['done'], left: 0 });
  },
  60_000,
);

test('its files are for the owner alone', async () => {
  const store = openStore(join(directory, 'objects'));
  await store.write('/configmaps', 'a', () => ({ action: 'put', object: object('a', '1') }));
  for (const file of readdirSync(join(directory, 'objects'))) {
    expect([file, statSync(join(directory, 'objects', file)).mode & 0o777]).toEqual([file, 0o600]);
  }
  await store.close();
});

test.each([
  ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['overwritten', (bytes: Buffer) => bytes.fill(0xa5, 8192, bytes.length - 4096)],
  ['something else', () => Buffer.from('not a database'.repeat(4096))],
])(
  'a store that is damaged (%s) is refused with its name and the way out',
  async (_how, damage) => {
    const path = join(directory, 'objects');
    await expect(checkStore(path)).resolves.toBeUndefined();
    const store = openStore(path);
    for (let index = 0; index < 200; index += 1) {
      await store.write('/configmaps', `a-${index}`, () => ({
        action: 'put',
        object: object('a', 'x'.repeat(2000) + index),
      }));
    }
    await store.close();
    // Not closed in order: a look at the whole finds nothing wrong.
    await expect(checkStore(path)).resolves.toBeUndefined();
    sealStore(path);
    writeFileSync(join(path, 'data.mdb'), damage(readFileSync(join(path, 'data.mdb'))));
    await expect(checkStore(path)).rejects.toThrow(/data\.mdb is damaged .*headgate restore/);
  },
  60_000,
);
