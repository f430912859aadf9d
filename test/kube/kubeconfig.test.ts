import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Namespace } from '../../src/kinds/core/namespace.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { tokenFileCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { readKubeconfig } from '../../src/kube/kubeconfig.ts';
import { startTestApi, type TestApi } from '../apiserver/harness.ts';

/** Every way to log in that kubectl has. */

let api: TestApi;
let directory: string;
const clients: KubeClient[] = [];

beforeAll(async () => {
  api = await startTestApi();
  directory = await mkdtemp(join(tmpdir(), 'headgate-kubeconfig-'));
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

let files = 0;
async function kubeconfig(user: object, cluster: object = {}): Promise<string> {
  files += 1;
  const file = join(directory, `kubeconfig-${String(files)}`);
  const authority = { 'certificate-authority-data': Buffer.from(api.server.caCertificate).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: api.server.url, ...authority, ...cluster } }],
    users: [{ name: 'u', user }],
  };
  await writeFile(file, stringify(config), { mode: 0o600 });
  return file;
}

async function clientOf(file: string): Promise<KubeClient> {
  const client = createKubeClient(await readKubeconfig(file));
  clients.push(client);
  return client;
}

const works = async (client: KubeClient): Promise<boolean> =>
  (await client.get(Namespace, { name: 'default' })) !== undefined;

describe('a kubeconfig', () => {
  it('logs in by a token', async () => {
    expect(await works(await clientOf(await kubeconfig({ token: api.server.token })))).toBe(true);
  });

  it('logs in by a client certificate, as files or inline', async () => {
    const openssl = (...args: string[]): void => {
      const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
    };
    const signer = ['-CA', join(api.dataDir, 'pki', 'ca.crt'), '-CAkey', join(api.dataDir, 'pki', 'ca.key')];
    await writeFile(join(directory, 'usage.txt'), 'extendedKeyUsage = clientAuth\n');
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'u.key',
      '-out',
      'u.csr',
      '-subj',
      '/CN=jane/O=system:masters',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'u.csr',
      ...signer,
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      'usage.txt',
      '-out',
      'u.crt',
    );
    const file = await kubeconfig({
      'client-certificate': join(directory, 'u.crt'),
      'client-key': join(directory, 'u.key'),
    });
    expect(await works(await clientOf(file))).toBe(true);
  });

  it('logs in by what an exec plugin prints', async () => {
    const status = { token: api.server.token };
    const answer = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(answer))})`],
      interactiveMode: 'Never',
    };
    expect(await works(await clientOf(await kubeconfig({ exec })))).toBe(true);
    const missing = await clientOf(await kubeconfig({ exec: { ...exec, command: join(directory, 'no-such-plugin') } }));
    await expect(works(missing)).rejects.toThrow(/kubeconfig .*: user u cannot log in/);
  });

  it('takes any certificate where it says so, and only there', async () => {
    const unknown = { 'certificate-authority-data': undefined };
    const trusting = await kubeconfig({ token: api.server.token }, { ...unknown, 'insecure-skip-tls-verify': true });
    expect(await works(await clientOf(trusting))).toBe(true);
    await expect(works(await clientOf(await kubeconfig({ token: api.server.token }, unknown)))).rejects.toThrow();
  });

  it('is read again when it is written anew', async () => {
    const file = await kubeconfig({ token: 'none' });
    const client = await clientOf(file);
    await expect(works(client)).rejects.toThrow(/Unauthorized/);
    const renewed = await kubeconfig({ token: api.server.token });
    await writeFile(file, await readFile(renewed));
    expect(await works(client)).toBe(true);
  });

  it.each([
    ['without a file', undefined, /kubeconfig .*nothing-here: ENOENT/],
    ['with a proxy', { 'proxy-url': 'http://127.0.0.1:1' }, /proxy-url is not supported/],
  ])('%s is refused by name', async (_, cluster, message) => {
    const file = cluster === undefined ? join(directory, 'nothing-here') : await kubeconfig({}, cluster);
    await expect(readKubeconfig(file)).rejects.toThrow(message);
  });
});

describe('a token file', () => {
  it('is read again when its token is refused', async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'an old token\n');
    const credentials = tokenFileCredentials(file, api.server.caCertificate);
    const client = createKubeClient({ server: api.server.url, credentials });
    clients.push(client);
    await expect(works(client)).rejects.toThrow(/Unauthorized/);
    await writeFile(file, `${api.server.token}\n`);
    expect(await works(client)).toBe(true);
    await rm(file);
    expect(await works(client)).toBe(true);
  });
});
