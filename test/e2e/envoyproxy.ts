/** A real Envoy with the bootstrap of examples/envoy, on free ports, for a picker and model servers on theirs. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const installer = at('../tools/envoy/install');
const bootstrap = at('../../examples/envoy/envoy.yaml');

/** The binary that ENVOY names, one on the PATH, or one that the installer has cached; with CI=true it is installed now. */
export function findEnvoy(): string | undefined {
  if (process.env['CI'] === 'true') return execFileSync(installer, { encoding: 'utf8', timeout: 300_000 }).trim();
  const cached = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'headgate-ci');
  const version = /^version="(.+)"$/m.exec(readFileSync(installer, 'utf8'))?.[1] ?? '';
  const candidates = [
    process.env['ENVOY'] ?? '',
    ...(process.env['PATH'] ?? '').split(path.delimiter).map((directory) => path.join(directory, 'envoy')),
    path.join(cached, `envoy-${version}`, 'envoy'),
  ];
  return candidates.find((file) => file !== '' && existsSync(file));
}

export const envoySkipMessage = 'skipped: there is no Envoy; test/tools/envoy/install installs one';

export interface Envoy {
  /** FULL_DUPLEX_STREAMED, fails without the picker. */
  duplex: string;
  /** BUFFERED, goes on without the picker. */
  buffered: string;
  stop(): Promise<void>;
}

/** @param pool port of the picker, and the servers as `address:port`: where the FailOpen listener goes without the picker */
export async function startEnvoy(binary: string, pool: { picker: number; servers: readonly string[] }): Promise<Envoy> {
  const directory = await mkdtemp(path.join(tmpdir(), 'headgate-envoy-'));
  const text = await readFile(bootstrap, 'utf8');
  const replaced: Record<string, number> = { 9901: 0, 10000: 0, 10001: 0, 9002: pool.picker };
  const config = withServers(
    text.replaceAll(/port_value: (\d+)/g, (_, port: string) => `port_value: ${String(replaced[port] ?? port)}`),
    pool.servers,
  );
  const configFile = path.join(directory, 'envoy.yaml');
  const adminFile = path.join(directory, 'admin');
  await writeFile(configFile, config);
  const child = spawn(
    binary,
    ['-c', configFile, '--admin-address-path', adminFile, '--use-dynamic-base-id', '--concurrency', '1', '-l', 'warn'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(directory, { recursive: true });
  };

  const deadline = Date.now() + 30_000;
  for (;;) {
    const listeners = await listening(adminFile).catch(() => undefined);
    const [duplex, buffered] = [listeners?.get('duplex'), listeners?.get('buffered')];
    if (duplex !== undefined && buffered !== undefined) return { duplex, buffered, stop };
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`Envoy does not listen:\n${output}`);
    }
    await delay(50);
  }
}

/** The bootstrap with these servers in place of its three. */
function withServers(bootstrapText: string, servers: readonly string[]): string {
  const three = /(?: *- endpoint: .*port_value: 810\d.*\n){3}/;
  if (!three.test(bootstrapText)) throw new Error('the example has no list of three servers');
  const endpoints = servers.map((server) => {
    const [address = '', port = ''] = server.split(':');
    return `              - endpoint: { address: { socket_address: { address: ${address}, port_value: ${port} } } }\n`;
  });
  return bootstrapText.replace(three, () => endpoints.join(''));
}

/** The URLs of Envoy's listeners, by name, once it is live. */
async function listening(adminFile: string): Promise<Map<string, string>> {
  const admin = await readFile(adminFile, 'utf8');
  const ready = await fetch(`http://${admin}/ready`);
  if (ready.status !== 200) throw new Error('not live yet');
  const response = await fetch(`http://${admin}/listeners?format=json`);
  const { listener_statuses: statuses } = (await response.json()) as {
    listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
  };
  return new Map(
    statuses.map(({ name, local_address: { socket_address: address } }) => [
      name,
      `http://127.0.0.1:${String(address.port_value)}`,
    ]),
  );
}
