import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDir } from '../../src/app/datadir.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-datadir-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const run = promisify(execFile);
const module = JSON.stringify(new URL('../../src/app/datadir.ts', import.meta.url).href);

/** A process that takes the directory at a moment (or says why not), and holds it until `until`. */
async function start(at: number, until: number): Promise<string> {
  const script = `
    const { openDataDir } = await import(${module});
    while (Date.now() < ${at});
    const outcome = await openDataDir(${JSON.stringify(directory)}).then(() => 'taken', (error) => error.message);
    process.stdout.write(outcome);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, ${until} - Date.now())));
    process.kill(process.pid, 'SIGKILL');`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

test('of several that start at the same instant one takes the directory, again and again', async () => {
  for (let round = 0; round < 3; round += 1) {
    const at = Date.now() + 1500;
    // They hold it as long as it may take the slowest to try.
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => start(at, at + 6000)));
    expect(outcomes.toSorted()).toEqual([
      'taken',
      ...Array.from({ length: 3 }, (): unknown =>
        expect.stringMatching(/^the data directory .* is in use by process \d+/),
      ),
    ]);
  }
  expect((await readdir(directory)).length).toBe(1);
}, 60_000);

test('what a killed process or a released directory leaves holds up nobody', async () => {
  await start(0, 0);
  const first = await openDataDir(directory);
  await first.release();
  const second = await openDataDir(directory);
  expect(await readdir(directory)).toEqual(['lock.3']);
  await second.release();
});
