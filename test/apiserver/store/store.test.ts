import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoredObject } from '../../../src/apiserver/store/object.ts';
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
