import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openContainerLog, type LiveLogs } from '../../src/local/containerlog.ts';
import { processRecords } from '../../src/local/leftovers.ts';
import { startProcess, type RunningProcess } from '../../src/local/process.ts';
import { createShims, type Shims } from '../../src/local/shim/client.ts';

/** What can be told of a container's program, whichever way it runs: as a process, or as a thread of a shim. */

const entry = fileURLToPath(new URL('scriptentry.ts', import.meta.url));
const env = { PATH: process.env['PATH'] ?? '', FROM: 'the pod' };

let directory: string;
let shims: Shims;
let pids: Set<number>;
let started = 0;
const live: LiveLogs = new Map();
const running: RunningProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-shims-'));
  const records = processRecords(join(directory, 'processes'));
  pids = new Set();
  shims = createShims({
    // As little heap as a program can have that is to run out of it soon.
    entry: { execPath: process.execPath, args: ['--max-old-space-size=48', entry] },
    env: { PATH: env.PATH },
    records: {
      ...records,
      add: (pid) => {
        pids.add(pid);
        return records.add(pid);
      },
      remove: (pid) => {
        pids.delete(pid);
        return records.remove(pid);
      },
    },
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop(0)));
  await vi.waitFor(() => {
    expect(pids).toEqual(new Set());
  });
  await rm(directory, { recursive: true, force: true });
});

interface Run {
  program: RunningProcess;
  /** What it has written. */
  output: () => Promise<string>;
  /** Resolves when it has written this. */
  says: (text: string) => Promise<void>;
}

type Start = (script: string) => Promise<Run>;

async function run(
  start: (script: string, log: Awaited<ReturnType<typeof openContainerLog>>) => RunningProcess,
  script: string,
): Promise<Run> {
  const path = join(directory, `${String(++started)}.log`);
  const log = await openContainerLog(path, live);
  const program = start(script, log);
  running.push(program);
  const output = async (): Promise<string> => (await readFile(path, 'utf8')).replaceAll(/^\S+ /gm, '');
  return {
    program,
    output,
    says: (text) =>
      vi.waitFor(
        async () => {
          expect(await output()).toContain(text);
        },
        { timeout: 30_000, interval: 20 },
      ),
  };
}

const inProcess: Start = (script) =>
  run(
    (text, log) =>
      startProcess(
        { command: [process.execPath, '--max-old-space-size=48', entry, text], env, cwd: directory, parentPipe: false },
        log,
        processRecords(join(directory, 'processes')),
      ),
    script,
  );
const inGroup =
  (group: string): Start =>
  (script) =>
    run((text, log) => shims.start(group, { program: 'script', args: [text], env }, log), script);

/** Says a number again and again, and ends when it is told to. */
const clock = `let n = 0; setInterval(() => console.log('tick ' + ++n), 20);`;

describe.each<[string, Start]>([
  ['a process of its own', inProcess],
  ['a thread of the shared shim', inGroup('')],
])('a program in %s', (_, start) => {
  let neighbour: Run;
  beforeEach(async () => {
    neighbour = await start(clock);
    await neighbour.says('tick 1\n');
  });
  /** The neighbour goes on: its next numbers come. */
  const neighbourGoesOn = async (): Promise<void> => {
    const last = Number(/tick (\d+)\n$/.exec(await neighbour.output())?.[1] ?? 0);
    await neighbour.says(`tick ${String(last + 3)}\n`);
  };

  test('has the environment of its container, and both of its outputs in the log', async () => {
    const { program, output } = await start(
      `console.log(process.env.FROM, Object.keys(process.env).includes('HEADGATE_SHIM')); console.error('and errors'); setTimeout(() => process.exit(0), 50);`,
    );
    expect(await program.exited).toMatchObject({ exitCode: 0 });
    expect((await output()).split('\n').toSorted()).toEqual(['', 'and errors', 'the pod false']);
  });

  test('ends with the code that it exits with, and what it said last is not lost', async () => {
    const { program, output } = await start(`setTimeout(() => { console.log('last words'); process.exit(3); }, 10);`);
    expect(await program.exited).toMatchObject({ exitCode: 3 });
    expect(await output()).toBe('last words\n');
    await neighbourGoesOn();
  });

  test('that throws ends with code 1 and says where', async () => {
    const { program, output } = await start(`setTimeout(function late() { throw new Error('no way out'); }, 10);`);
    expect(await program.exited).toMatchObject({ exitCode: 1 });
    expect(await output()).toMatch(/Error: no way out\n\s+at .*late/);
    await neighbourGoesOn();
  });

  test('whose promise is rejected ends with code 1', async () => {
    const { program, output } = await start(`Promise.reject(new Error('nobody listens'));`);
    expect(await program.exited).toMatchObject({ exitCode: 1 });
    expect(await output()).toContain('nobody listens');
    await neighbourGoesOn();
  });

  test('that runs out of heap ends as by SIGABRT and says so', async () => {
    const { program, output } = await start(`const all = []; for (;;) all.push({ of: [all.length, 'it'] });`);
    expect(await program.exited).toMatchObject({ exitCode: 134, signal: 6 });
    expect(await output()).toMatch(/memory/);
    await neighbourGoesOn();
  });

  test('ends in its own time when it is told to', async () => {
    const { program, says, output } = await start(
      `setInterval(() => 0, 1000); onTerminate(() => setTimeout(() => { console.log('done'); process.exit(7); }, 50)); console.log('up');`,
    );
    await says('up');
    expect(await program.stop(20_000)).toMatchObject({ exitCode: 7 });
    expect(await output()).toBe('up\ndone\n');
    await neighbourGoesOn();
  });

  test.each([
    ['takes no notice', `setInterval(() => 0, 1000); onTerminate(() => undefined); console.log('up');`],
    ['never comes back to its event loop', `for (;;);`],
    ['is stuck in a regular expression', `/^(a+)+$/.test('a'.repeat(60) + '!');`],
  ])('that %s is killed when its grace is over', async (_case, stuck) => {
    const { program, says } = await start(
      `setInterval(() => 0, 1000); onTerminate(() => { ${stuck} }); console.log('up');`,
    );
    await says('up');
    const stopped = program.stop(300);
    await neighbourGoesOn();
    expect(await stopped).toMatchObject({ exitCode: 137, signal: 9 });
    await neighbourGoesOn();
  });

  test('is killed at once without grace, and a second call may shorten the first', async () => {
    const { program, says } = await start(
      `setInterval(() => 0, 1000); onTerminate(() => undefined); console.log('up');`,
    );
    await says('up');
    const first = program.stop(600_000);
    expect(await program.stop(0)).toMatchObject({ exitCode: 137 });
    expect(await first).toMatchObject({ exitCode: 137 });
  });

  test('writes no faster than its log takes it, and loses nothing', async () => {
    const { program, output } = await start(
      `for (let i = 0; i < 20000; i++) console.log('line ' + i); process.stdout.write('', () => process.exit(0));`,
    );
    await program.exited;
    const lines = (await output()).trimEnd().split('\n');
    expect(lines.length).toBe(20_000);
    expect(lines.at(-1)).toBe('line 19999');
  });
});

test('threads share a process in a group, other groups have others, and each ends with its last program', async () => {
  const shared = [await inGroup('')(clock), await inGroup('')(clock)];
  const own = await inGroup('pod-1')(clock);
  await Promise.all([...shared, own].map(({ says }) => says('tick 1\n')));
  expect(pids.size).toBe(2);
  await own.program.stop(10_000);
  await vi.waitFor(() => {
    expect(pids.size).toBe(1);
  });
  await Promise.all(shared.map(({ program }) => program.stop(10_000)));
  await vi.waitFor(() => {
    expect(pids.size).toBe(0);
  });
});

test('the programs of a shim that is killed count as killed, and others start again', async () => {
  const first = await inGroup('')(clock);
  await first.says('tick 1\n');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  expect(await first.program.exited).toMatchObject({ exitCode: 137, signal: 9 });
  const second = await inGroup('')(clock);
  await second.says('tick 1\n');
});

test('tells what a thread uses', async () => {
  const busy = await inGroup('')(
    `const held = Buffer.alloc(30e6, 1); const end = Date.now() + 300; while (Date.now() < end); console.log('up'); setInterval(() => held.length, 1000);`,
  );
  const idle = await inGroup('')(`console.log('up'); setInterval(() => 0, 1000);`);
  await Promise.all([busy.says('up'), idle.says('up')]);
  const [used, little] = await Promise.all([busy.program.usage?.(), idle.program.usage?.()]);
  expect(used?.bytes).toBeGreaterThan(30e6);
  expect(little?.bytes).toBeLessThan(30e6);
  expect(used?.cpuSeconds).toBeGreaterThan(little?.cpuSeconds ?? Infinity);
  await idle.program.stop(0);
  expect(await idle.program.usage?.()).toBeUndefined();
});
