import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { processRecords } from '../../src/local/leftovers.ts';

test('takes along, on any exit, a program that ignores SIGTERM', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-leftovers-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const stubborn = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['-e', stubborn], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const records = processRecords(directory);
  await records.add(child.pid ?? 0);
  child.kill('SIGTERM');
  records.killAll();
  expect(await exited).toEqual([null, 'SIGKILL']);
});
