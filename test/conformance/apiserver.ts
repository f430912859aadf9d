import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** Where a Kubernetes API is and how its administrator gets in. */
export interface ApiTarget {
  url: string;
  caCertificate: string;
  token: string;
  /** It does itself what kube-controller-manager does in a cluster. */
  runsControllers: boolean;
}

export interface RealApiServer extends ApiTarget {
  /** Stops both processes and deletes their files. */
  close(): Promise<void>;
}

const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headgate-ci/bin');
const kubeApiServer = findProgram('kube-apiserver');
const etcd = findProgram('etcd');

/** Whether the real API can be started. With CI=true a missing program must fail the suite, not skip it. */
export const hasRealApiServer = (kubeApiServer !== undefined && etcd !== undefined) || process.env['CI'] === 'true';
export const skipMessage =
  'skipped: needs etcd on the PATH and kube-apiserver (test/tools/kube-apiserver/build makes it)';

function findProgram(name: string): string | undefined {
  const directories = [cached, ...(process.env['PATH'] ?? '').split(':')];
  return directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
}

/** Starts etcd and kube-apiserver (RBAC, default admission plugins, no anonymous access) on free loopback ports. */
export async function startRealApiServer(): Promise<RealApiServer> {
  if (kubeApiServer === undefined || etcd === undefined) throw new Error(skipMessage);
  const directory = await mkdtemp(join(tmpdir(), 'headgate-kube-apiserver-'));
  const processes: Running[] = [];
  const close = async (): Promise<void> => {
    for (const running of processes.toReversed()) await stop(running.process);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [clients, peers, secure] = await freePorts(3);
    const etcdUrl = `http://127.0.0.1:${clients}`;
    const peerUrl = `http://127.0.0.1:${peers}`;
    processes.push(
      start(etcd, [
        `--data-dir=${join(directory, 'etcd')}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=default=${peerUrl}`,
        '--log-level=error',
      ]),
    );
    const token = randomBytes(16).toString('hex');
    await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin-uid,system:masters\n`, { mode: 0o600 });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = join(directory, 'service-account.key');
    await writeFile(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
    const certificates = join(directory, 'certificates');
    const server = start(kubeApiServer, [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      // A loopback address cannot be an Endpoint of the `kubernetes` Service.
      '--endpoint-reconciler-type=none',
      `--secure-port=${secure}`,
      `--cert-dir=${certificates}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--anonymous-auth=false',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-signing-key-file=${key}`,
      `--service-account-key-file=${key}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--allow-privileged=true',
      '--v=0',
    ]);
    processes.push(server);
    const url = `https://127.0.0.1:${secure}`;
    const caFile = join(certificates, 'apiserver.crt');
    await untilReady(url, token, caFile, processes);
    return { url, token, caCertificate: readFileSync(caFile, 'utf8'), runsControllers: false, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Running {
  name: string;
  process: ChildProcess;
  output: () => string;
}

function start(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-16_384);
  });
  child.on('error', (error) => {
    output += error.message;
  });
  // A test process that ends without close() takes its servers along.
  const endWithTest = (): boolean => child.kill('SIGKILL');
  process.once('exit', endWithTest);
  child.once('exit', () => process.off('exit', endWithTest));
  return { name: program, process: child, output: () => output };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  // Nothing here is to outlive the test, so there is nothing to wind down gracefully.
  child.kill('SIGKILL');
  await exited;
}

async function untilReady(url: string, token: string, caFile: string, processes: readonly Running[]): Promise<void> {
  const end = performance.now() + 90_000;
  let last = 'no answer yet';
  while (performance.now() < end) {
    const ended = processes.find(({ process: child }) => child.exitCode !== null || child.pid === undefined);
    if (ended !== undefined) throw new Error(`${ended.name} ended:\n${ended.output()}`);
    if (existsSync(caFile)) {
      const agent = new Agent({ connect: { ca: readFileSync(caFile, 'utf8') } });
      try {
        const { statusCode, body } = await request(`${url}/readyz`, {
          dispatcher: agent,
          headers: { authorization: `Bearer ${token}` },
        });
        last = await body.text();
        if (statusCode === 200) return;
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
      } finally {
        await agent.destroy();
      }
    }
    await delay(200);
  }
  throw new Error(`kube-apiserver is not ready: ${last}\n${processes.map(({ output }) => output()).join('\n')}`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
