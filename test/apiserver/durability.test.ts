import { spawn } from 'node:child_process';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { startTestApi } from './harness.ts';

/** Runs writer.ts until it has acknowledged `count` writes, kills it, and returns what it acknowledged. */
async function writeUntilKilled(dataDir: string, run: string, count: number): Promise<Map<string, number>> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), dataDir, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => writer.on('exit', resolve));
  const acknowledged = new Map<string, number>();
  for await (const line of createInterface({ input: writer.stdout })) {
    const [name, revision] = line.split(' ');
    if (name !== undefined) acknowledged.set(name, Number(revision));
    if (acknowledged.size === count) writer.kill('SIGKILL');
  }
  await ended;
  return acknowledged;
}

test('a server killed in the middle of writes finds every acknowledged object, and versions never go back', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-killed-'));
  const first = await writeUntilKilled(dataDir, 'a', 300);
  const second = await writeUntilKilled(dataDir, 'b', 300);
  const api = await startTestApi({ dataDir });
  try {
    const list = await api.call('GET', '/api/v1/namespaces/default/configmaps');
    const stored = new Map(
      (list.body.items ?? []).map((item) => [item.metadata?.['name'], Number(item.metadata?.['resourceVersion'])]),
    );
    for (const [name, revision] of [...first, ...second]) expect(stored.get(name)).toBe(revision);
    expect(Math.min(...second.values())).toBeGreaterThan(Math.max(...first.values()));
    expect(new Set(stored.values()).size).toBe(stored.size);
    // A watch goes on where the killed server left it: what the second run wrote comes, in order and whole.
    const last = Math.max(...first.values());
    const path = `/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${last}`;
    const missed = [...stored].filter(([, revision]) => revision > last).toSorted(([, one], [, other]) => one - other);
    const seen: [unknown, number][] = [];
    const done = new AbortController();
    for await (const { type, object } of api.watch(path, done.signal)) {
      expect(type).toBe('ADDED');
      seen.push([object.metadata?.['name'], Number(object.metadata?.['resourceVersion'])]);
      if (seen.length === missed.length) done.abort();
    }
    expect(seen).toEqual(missed);
  } finally {
    await api.close();
  }
});

test('a restart keeps address, certificate authority and token; their files are private', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-restart-'));
  const first = await startTestApi({ dataDir });
  const { url, caCertificate, token } = first.server;
  expect((await stat(join(dataDir, 'pki', 'identity.json'))).mode & 0o777).toBe(0o600);
  await first.server.close();
  const second = await startTestApi({ dataDir });
  try {
    expect(second.server).toMatchObject({ url, caCertificate, token });
  } finally {
    await second.close();
  }
});
