import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodAccess } from '../../src/apiserver/server.ts';
import { run } from '../e2e/kubectl.ts';
import { startTestApi, type TestApi } from './harness.ts';

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

/** A "node" that runs commands in this process's environment. */
const podAccess: PodAccess = {
  exec({ command: [file = '', ...args] }) {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const exited = new Promise<{ exitCode: number }>((resolve) => {
      child.once('exit', (code) => {
        resolve({ exitCode: code ?? 1 });
      });
    });
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exited,
      kill: () => child.kill('SIGKILL'),
    };
  },
};

// In CI kubectl must be there: without it the tests run and fail.
describe.skipIf(!hasKubectl && process.env['CI'] !== 'true')('kubectl reaches into a Pod', () => {
  let api: TestApi;
  let directory: string;
  let env: Record<string, string>;
  let program: Server;

  beforeAll(async () => {
    api = await startTestApi({ podAccess });
    directory = await mkdtemp(join(tmpdir(), 'headgate-pods-'));
    await writeFile(join(directory, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
    env = { HOME: directory, KUBECONFIG: join(directory, 'kubeconfig') };
    program = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => program.listen(0, '127.0.0.1', resolve));
    const pods = '/api/v1/namespaces/default/pods';
    await api.call('POST', pods, {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'box' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      },
    });
    await api.call('PATCH', `${pods}/box/status`, {
      body: { status: { phase: 'Running', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } },
      contentType: 'application/merge-patch+json',
    });
  });
  afterAll(async () => {
    await api.close();
    program.close();
    await rm(directory, { recursive: true, force: true });
  });

  const kubectl = (args: readonly string[], input?: string) =>
    run('kubectl', args, { env, timeoutMs: 20_000, ...(input !== undefined && { input }) });

  test('exec passes on input, both outputs and the exit code', async () => {
    const script = 'cat; echo wrong >&2; exit 3';
    const outcome = await kubectl(['exec', '-i', 'box', '--', 'sh', '-c', script], 'given\n');
    expect(outcome).toMatchObject({ code: 3, stdout: 'given\n' });
    expect(outcome.stderr).toContain('wrong\n');
  });

  test('exec carries megabytes', async () => {
    const { code, stdout } = await kubectl(['exec', 'box', '--', 'sh', '-c', 'head -c 5000000 /dev/zero | tr "\\0" x']);
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 5_000_000 });
  });

  test('port-forward carries connections to the address of the Pod', async () => {
    const { port } = program.address() as AddressInfo;
    const forward = spawn('kubectl', ['port-forward', 'pod/box', `:${port}`], { env: { ...process.env, ...env } });
    const lines = createInterface({ input: forward.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    const local = Number(/127\.0\.0\.1:(\d+) ->/.exec(line)?.[1]);
    const { connect } = await import('node:net');
    for (const size of [5, 300_000]) {
      const socket = connect({ host: '127.0.0.1', port: local });
      socket.end(Buffer.alloc(size, 'x'));
      let received = 0;
      for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
      expect(received).toBe(size);
    }
    forward.kill();
    await once(forward, 'exit');
  });

  test('a request that does not ask for an upgrade is told so', async () => {
    const answer = await api.call('GET', '/api/v1/namespaces/default/pods/box/exec?command=sh');
    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('Upgrade request required') as string },
    });
  });

  test('who may not exec is refused before anything starts', async () => {
    const { code, stderr } = await kubectl(['exec', 'box', '--as=system:serviceaccount:default:default', '--', 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('forbidden');
  });

  test('an eviction deletes the Pod', async () => {
    const answer = await api.call('POST', '/api/v1/namespaces/default/pods/box/eviction', {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'box' } },
    });
    expect(answer).toMatchObject({ status: 201, body: { status: 'Success' } });
    expect((await api.call('GET', '/api/v1/namespaces/default/pods/box')).status).toBe(404);
  });
});
