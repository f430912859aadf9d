import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasKubectl, run, skipMessage } from './kubectl.ts';
import { bin, chat, startHeadgate, until } from './headgate.ts';

const quickstart = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('headgate up', () => {
  it('prints Ready, the API, the models, the Gateways and a command to try; stops in time and leaves no process', async () => {
    const headgate = await startHeadgate(['-f', quickstart]);
    onTestFinished(() => headgate.kill());
    const output = headgate.output();
    expect(output).toMatch(/^Ready in /m);
    expect(output).toMatch(/^Kubernetes API +https:\/\/127\.0\.0\.1:\d+$/m);
    expect(output).toContain(`export KUBECONFIG=${headgate.kubeconfig}\n`);
    expect(output).toMatch(/^MODEL +ROUTE +BACKEND +ENDPOINTS$/m);
    expect(output).toMatch(/^mistral:latest +default\/\S+ +InferencePool default\/mistral +3$/m);
    expect(output).toMatch(/^Whoever may create or enter Pods runs commands as you do: RBAC ends there/m);
    const url = /^Gateway default\/\S+ +(http:\S+)$/m.exec(output)?.[1] ?? '';
    expect(output).toMatch(new RegExp(`^ {2}curl ${url}/v1/chat/completions `, 'm'));
    expect((await chat(url, 'mistral:latest')).status).toBe(200);
    const metrics = /^Metrics +(http:\S+)$/m.exec(output)?.[1] ?? '';
    expect(await (await fetch(metrics)).text()).toMatch(
      /^headgate_requests_total\{route="httproute\/default\/\S+",backend="\S+",status="200"\} 1$/m,
    );

    expect((await stat(headgate.kubeconfig)).mode & 0o777).toBe(0o600);
    expect((await stat(headgate.dataDir)).mode & 0o777).toBe(0o700);

    const pids = (await readdir(path.join(headgate.dataDir, 'processes'))).map(Number);
    // All nine built-in programs run in one.
    expect(pids).toHaveLength(1);
    expect(pids.filter(alive)).toEqual(pids);

    const asked = performance.now();
    expect(await headgate.stop()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(pids.filter(alive)).toEqual([]);
  });

  it('lets a stream that is under way end before it stops', async () => {
    const headgate = await startHeadgate(['-f', quickstart]);
    onTestFinished(() => headgate.kill());
    const url = /^Gateway default\/\S+ +(http:\S+)$/m.exec(headgate.output())?.[1] ?? '';
    // One event every 200 ms: the stream is still under way when the signal comes.
    const response = await chat(url, 'some-cool-self-hosted-model', { stream: true });
    const stopped = headgate.stop();
    expect(await response.text()).toMatch(/data: \[DONE\]/);
    expect(await stopped).toBe(0);
  });

  it('kills at its next start what a killed run left behind, and serves again', async () => {
    const first = await startHeadgate(['-f', quickstart]);
    onTestFinished(() => first.kill());
    const pids = (await readdir(path.join(first.dataDir, 'processes'))).map(Number);
    await first.kill();
    const second = await startHeadgate([], { dataDir: first.dataDir });
    onTestFinished(() => second.kill());
    await until(
      () => !pids.some(alive),
      () => `processes of the first run survive: ${pids.filter(alive).join(', ')}`,
    );
    const url = /^Gateway default\/\S+ +(http:\S+)$/m.exec(second.output())?.[1] ?? '';
    // What the killed run has left in statuses may say for a moment that its servers are ready.
    await until(
      async () => (await chat(url, 'mistral:latest')).status === 200,
      () => 'the model does not answer again',
    );
    expect(await second.stop()).toBe(0);
    await first.discard();
  });

  it('refuses a data directory that another process uses', async () => {
    const headgate = await startHeadgate();
    onTestFinished(() => headgate.kill());
    const second = await run(process.execPath, [bin, 'up', '--data-dir', headgate.dataDir]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`is in use by process ${headgate.process.pid}`);
    expect(await headgate.stop()).toBe(0);
  });

  it('ends with a message when the port that it is to have for its API is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    onTestFinished(() => void holder.close());
    const { port } = holder.address() as AddressInfo;
    const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-taken-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const words = [bin, 'up', '--data-dir', dataDir, '--api-port', String(port)];
    const { code, stderr } = await run(process.execPath, words);
    expect(code).toBe(1);
    expect(stderr).toContain(`error: cannot listen on 127.0.0.1:${String(port)} for the Kubernetes API`);
    expect(stderr).toContain('--api-port');
    // Nothing is held: the same directory serves at another port.
    const headgate = await startHeadgate([], { dataDir });
    onTestFinished(() => headgate.kill());
    expect(await headgate.stop()).toBe(0);
  });

  it('ends when the process of an older Node that the user sees is killed', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-older-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    // What bin/headgate.js does on a Node that cannot run TypeScript, whichever Node this is.
    const older = `
      const child = require('node:child_process').spawn(process.execPath, ${JSON.stringify([bin, 'up', '--data-dir', dataDir])}, {
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...process.env, HEADGATE_HANDED_OVER: '1' } });
      console.log('child ' + child.pid);`;
    const visible = spawn(process.execPath, ['-e', older], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    visible.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(
      () => /^Ready/m.test(output),
      () => `it is not ready: ${output}`,
      90_000,
    );
    const child = Number(/^child (\d+)$/m.exec(output)?.[1]);
    expect(alive(child)).toBe(true);
    visible.kill('SIGKILL');
    await until(
      () => !alive(child),
      () => `process ${String(child)} goes on`,
    );
  });

  it.each([
    ['kind: Thing\napiVersion: example.com/v1\nmetadata: { name: x }', /no kind "Thing" in version "example\.com\/v1"/],
    [
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata: [1]',
      /data: Invalid value|cannot unmarshal|must be/,
    ],
    ['a: [', /bad\.yaml: .*at line 1/s],
  ])('ends with a message that names the file when it is given %j', async (text, message) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'headgate-bad-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = path.join(directory, 'bad.yaml');
    await writeFile(file, text);
    const { code, stderr } = await run(process.execPath, [
      bin,
      'up',
      '--data-dir',
      path.join(directory, 'data'),
      '-f',
      file,
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*bad\.yaml/);
    expect(stderr).toMatch(message);
  });
});

describe.skipIf(!hasKubectl)(`images without a program (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  it('leave the Pod waiting with the lines that map them', async () => {
    const headgate = await startHeadgate();
    onTestFinished(() => headgate.kill());
    await headgate.kubectl(['create', 'deployment', 'strange', '--image=example.com/strange:1']);
    let state = '';
    await until(
      async () => {
        const json = '{.items[*].status.containerStatuses[*].state.waiting}';
        state = await headgate.kubectl(['get', 'pods', '-l', 'app=strange', '-o', `jsonpath=${json}`]);
        return state.includes('ImageNotInCatalog');
      },
      () => `the Pod does not wait: ${state}`,
    );
    expect(state).toContain('example.com/strange');
    expect(await headgate.kubectl(['get', 'pods'])).toMatch(/strange-\S+ +0\/1 +ImageNotInCatalog/);
    expect(await headgate.kubectl(['describe', 'pods'])).toContain('ImageNotInCatalog');
    expect(await headgate.stop()).toBe(0);
  });
});
