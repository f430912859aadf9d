import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backup, restore } from '../../src/app/backup.ts';
import { openDataDir } from '../../src/app/datadir.ts';
import { startTestApi, type TestApi } from './harness.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
let api: TestApi;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-backup-'));
  api = await startTestApi();
});
afterEach(async () => {
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

async function createMany(prefix: string, count: number): Promise<void> {
  const body = (index: number) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${prefix}-${index}` },
    data: { text: `é ${index}` },
  });
  await Promise.all(Array.from({ length: count }, (_, index) => api.call('POST', configMaps, { body: body(index) })));
}

test('a backup of a running server holds one moment, and brings it back with its credentials', async () => {
  await createMany('kept', 50);
  const writing = createMany('meanwhile', 200);
  const file = join(directory, 'backup');
  const { objects, revision } = backup(file, api.dataDir);
  await writing;
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  const restored = join(directory, 'data');
  expect(await restore(file, restored)).toMatchObject({ objects, replaced: undefined });
  expect((await stat(join(restored, 'pki', 'identity.json'))).mode & 0o777).toBe(0o600);
  const wanted = (await api.call('GET', configMaps)).body.items ?? [];
  const second = await startTestApi({ dataDir: restored });
  try {
    expect(second.server.token).toBe(api.server.token);
    const list = await second.call('GET', configMaps);
    const expected = wanted.filter((item) => Number(item.metadata?.['resourceVersion']) <= revision);
    expect(expected.length).toBeGreaterThanOrEqual(50);
    expect(list.body.items).toEqual(expected);
    // Whoever watched before the restore must list again, and no version is used twice.
    const old = await second.call('GET', `${configMaps}?watch=true&resourceVersion=${revision}`);
    expect(old.body).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    expect(Number(list.body.metadata?.['resourceVersion'])).toBeGreaterThan(revision + 1000);
  } finally {
    await second.close();
  }
}, 60_000);

test('a restore keeps what it replaces, and refuses a directory in use and a file that is not whole', async () => {
  await createMany('kept', 3);
  const file = join(directory, 'backup');
  const { revision } = backup(file, api.dataDir);
  expect(() => backup(file, api.dataDir)).toThrow('exists already');
  expect(() => backup(join(directory, 'other'), directory)).toThrow('is no data directory');

  const target = join(directory, 'data');
  await restore(file, target);
  const again = await restore(file, target);
  expect(again.revision).toBeGreaterThan(revision);
  expect((await stat(again.replaced ?? '')).isDirectory()).toBe(true);

  const text = await readFile(file, 'utf8');
  await writeFile(join(directory, 'changed'), text.replace('kept-1', 'kept-9'));
  await expect(restore(join(directory, 'changed'), target)).rejects.toThrow('its checksum does not match');
  await truncate(file, Math.floor(text.length / 2));
  await expect(restore(file, target)).rejects.toThrow('not a whole Headgate backup');

  const held = await openDataDir(join(directory, 'held'));
  await writeFile(join(held.path, 'lock.9'), await lockOfParent());
  await expect(restore(file, held.path)).rejects.toThrow('is in use by process');
  await held.release();
}, 60_000);

/** The lock file as another process that runs would have written it. */
async function lockOfParent(): Promise<string> {
  const { processIdentity } = await import('../../src/local/leftovers.ts');
  return `${process.ppid}\n${(await processIdentity(process.ppid)) ?? ''}\n`;
}
