import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openContainerLog, type LiveLogs } from '../../src/local/containerlog.ts';
import { killLeftovers, processRecords } from '../../src/local/leftovers.ts';
import { createPodLogSource, type PodLogRequest } from '../../src/local/logs.ts';
import { startProcess, type RunningProcess } from '../../src/local/process.ts';
import type { Pod } from '../../src/kinds/core/pod.ts';
import type { Informer } from '../../src/kube/informer.ts';
import { pod } from './objects.ts';

/** Processes of containers and their logs, with real processes. */

let directory: string;
let live: LiveLogs;
const processes: RunningProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-containers-'));
  live = new Map();
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop(0)));
  await rm(directory, { recursive: true, force: true });
});

async function run(script: string, options: { run?: number; maxBytes?: number } = {}): Promise<RunningProcess> {
  const path = join(directory, 'uid-web', 'logs', 'main', `${String(options.run ?? 0)}.log`);
  const log = await openContainerLog(path, live, options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
  const spec = {
    command: [process.execPath, '-e', script],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: directory,
    parentPipe: false,
  };
  const started = startProcess(spec, log, processRecords(join(directory, 'processes')));
  processes.push(started);
  return started;
}

function logsOf(web: Pod): (request?: Partial<PodLogRequest>) => Promise<string> {
  const informer = { get: () => web } as unknown as Informer<Pod>;
  const source = createPodLogSource({ pods: informer, podDir: (uid) => join(directory, uid), live });
  return async (request = {}) => {
    const { signal } = new AbortController();
    const all = await source.read({
      namespace: 'default',
      pod: 'web',
      follow: false,
      previous: false,
      timestamps: false,
      signal,
      ...request,
    });
    let text = '';
    for await (const chunk of all) text += Buffer.from(chunk).toString();
    return text;
  };
}

function running(restartCount = 0): Pod {
  const id = (n: number): string => `headgate://uid-web/main/${String(n)}`;
  const lastState = restartCount === 0 ? {} : { terminated: { exitCode: 1, containerID: id(restartCount - 1) } };
  const status = {
    name: 'main',
    image: 'i',
    imageID: 'i',
    ready: true,
    restartCount,
    containerID: id(restartCount),
    state: { running: {} },
    lastState,
  };
  return pod('web', { status: { containerStatuses: [status] } });
}

test('the exit code, and the signal as 128 and its number', async () => {
  expect(await (await run('process.exit(3)')).exited).toMatchObject({ exitCode: 3 });
  const stuck = await run('setInterval(() => {}, 1000)');
  expect(await stuck.stop(5_000)).toMatchObject({ exitCode: 143, signal: 15 });
});

test('a program that does not exist is a start error', async () => {
  const log = await openContainerLog(join(directory, 'x.log'), live);
  const spec = { command: ['/no/such/program'], env: {}, cwd: directory, parentPipe: false };
  const exit = await startProcess(spec, log, processRecords(join(directory, 'processes'))).exited;
  expect(exit).toMatchObject({ exitCode: 128, startError: expect.stringContaining('/no/such/program') as string });
});

test('a process that ignores SIGTERM is killed after its grace, with the children it has', async () => {
  const stubborn = await run(
    `process.on('SIGTERM', () => {});
     const child = require('node:child_process').spawn('sleep', ['300']);
     console.log(child.pid);
     setInterval(() => {}, 1000);`,
  );
  await untilLogged(/^\d+\n/);
  const child = Number(await logsOf(running())());
  expect(await stubborn.stop(50)).toMatchObject({ exitCode: 137, signal: 9 });
  await expect.poll(() => alive(child)).toBe(false);
});

test('a built-in program sees its standard input end when the process that started it is killed', async () => {
  const source = (file: string): string => JSON.stringify(new URL(`../../src/local/${file}`, import.meta.url).href);
  const child = `process.stdin.resume().on('end', () => process.exit()); console.log(process.pid)`;
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { openContainerLog } from ${source('containerlog.ts')};
       import { processRecords } from ${source('leftovers.ts')};
       import { startProcess } from ${source('process.ts')};
       const log = await openContainerLog(${JSON.stringify(join(directory, 'child.log'))}, new Map());
       const spec = { command: [process.execPath, '-e', ${JSON.stringify(child)}], env: {}, cwd: '/', parentPipe: true };
       startProcess(spec, log, processRecords(${JSON.stringify(join(directory, 'processes'))}));`,
    ],
    { stdio: 'ignore' },
  );
  await expect
    .poll(() => readFile(join(directory, 'child.log'), 'utf8').catch(() => ''), { timeout: 10_000 })
    .toMatch(/\d+\n$/);
  const pid = Number((await readFile(join(directory, 'child.log'), 'utf8')).trim().split(' ')[1]);
  expect(alive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => alive(pid), { timeout: 10_000 }).toBe(false);
});

test('what an earlier run left behind is killed, but not another process of the same id', async () => {
  const left = await run('setInterval(() => {}, 1000); console.log("up")');
  await untilLogged(/up/);
  expect(await killLeftovers(join(directory, 'processes'))).toHaveLength(1);
  expect(await left.exited).toMatchObject({ exitCode: 137 });

  const other = await run('setInterval(() => {}, 1000); console.log("up")', { run: 1 });
  await untilLogged(/up/, 1);
  const [pid = ''] = await readdir(join(directory, 'processes'));
  await processRecords(join(directory, 'elsewhere')).add(process.pid);
  await copyFile(join(directory, 'elsewhere', String(process.pid)), join(directory, 'processes', pid));
  expect(await killLeftovers(join(directory, 'processes'))).toEqual([]);
  expect(alive(Number(pid))).toBe(true);
  await other.stop(0);
});

test('logs: both streams, tail, timestamps, limit, since and the previous run', async () => {
  await (
    await run(`console.log('old')`)
  ).exited;
  await (
    await run(`console.log('one'); console.error('two'); process.stdout.write('three')`, { run: 1 })
  ).exited;
  const logs = logsOf(running(1));
  expect((await logs()).split('\n').toSorted()).toEqual(['', 'one', 'three', 'two']);
  expect(await logs({ previous: true })).toBe('old\n');
  expect(await logs({ tailLines: 1 })).toBe('three\n');
  expect(await logs({ tailLines: 0 })).toBe('');
  expect(await logs({ limitBytes: 2 })).toHaveLength(2);
  expect(await logs({ timestamps: true, tailLines: 1 })).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z three\n$/);
  expect(await logs({ sinceTime: new Date(Date.now() + 60_000).toISOString() })).toBe('');
  expect((await logs({ sinceSeconds: 3600 })).split('\n')).toHaveLength(4);
});

test('following ends with the container, across rotations, and loses nothing', async () => {
  const script = `let n = 0; const t = setInterval(() => { for (let i = 0; i < 50; i++) console.log('line', n++); if (n >= 1000) clearInterval(t); }, 5);`;
  const writer = await run(script, { maxBytes: 20_000 });
  const followed = (await logsOf(running())({ follow: true })).trimEnd().split('\n');
  await writer.exited;
  expect(followed).toEqual(Array.from({ length: 1000 }, (_, n) => `line ${String(n)}`));
  // 1000 lines of about 33 bytes have been written: two files of at most 20,000 bytes are left.
  expect((await logsOf(running())()).length).toBeLessThan(40_000);
});

test.each([
  [{ container: 'other' }, 'container other is not valid for pod web'],
  [{ previous: true }, 'previous terminated container "main" in pod "web" not found'],
])("a request that cannot be answered fails with Kubernetes' text: %j", async (request, message) => {
  await expect(logsOf(running())(request)).rejects.toThrow(message);
});

test('a Pod of several containers wants one named, and a waiting one says why', async () => {
  const two = pod('web', { spec: { containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }] } });
  await expect(logsOf(two)()).rejects.toThrow(
    'a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]',
  );
  const waiting = {
    name: 'main',
    image: 'i',
    imageID: '',
    ready: false,
    restartCount: 0,
    state: { waiting: { reason: 'ImageNotInCatalog' } },
  };
  await expect(logsOf(pod('web', { status: { containerStatuses: [waiting] } }))()).rejects.toThrow(
    'container "main" in pod "web" is waiting to start: ImageNotInCatalog',
  );
});

async function untilLogged(pattern: RegExp, restarts = 0): Promise<void> {
  await expect.poll(() => logsOf(running(restarts))(), { timeout: 10_000 }).toMatch(pattern);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
