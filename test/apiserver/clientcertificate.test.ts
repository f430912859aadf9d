import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Agent, request } from 'undici';
import { startTestApi, type TestApi } from './harness.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.warn('openssl is not installed: the tests of client certificates are skipped');

describe.skipIf(!hasOpenssl && process.env['CI'] !== 'true')('client certificates', () => {
  let api: TestApi;
  let directory: string;
  const agents: Agent[] = [];

  beforeAll(async () => {
    api = await startTestApi();
    directory = await mkdtemp(join(tmpdir(), 'headgate-certificate-'));
  });
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.destroy()));
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  };

  /** As docs/embedded-api.md tells users to make one. */
  async function certificate(subject: string, authority = join(api.dataDir, 'pki'), usage = 'clientAuth') {
    await writeFile(join(directory, 'usage.txt'), `extendedKeyUsage = ${usage}\n`);
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'user.key', '-out', 'user.csr', '-subj', subject);
    const signer = ['-CA', `${authority}/ca.crt`, '-CAkey', `${authority}/ca.key`, '-CAcreateserial'];
    openssl('x509', '-req', '-in', 'user.csr', ...signer, '-days', '1', '-extfile', 'usage.txt', '-out', 'user.crt');
    const read = (name: string) => readFileSync(join(directory, name), 'utf8');
    return { cert: read('user.crt'), key: read('user.key') };
  }

  async function whoAmI(client: { cert: string; key: string }, headers: Record<string, string> = {}) {
    const agent = new Agent({ connect: { ca: api.server.caCertificate, ...client } });
    agents.push(agent);
    const { statusCode, body } = await request(`${api.server.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
    });
    const answer = (await body.json()) as { status?: { userInfo?: unknown } };
    return [statusCode, answer.status?.userInfo ?? undefined];
  }

  test('name the user and its groups', async () => {
    const jane = await certificate('/CN=jane/O=developers/O=testers');
    const groups = ['developers', 'testers', 'system:authenticated'];
    expect(await whoAmI(jane)).toEqual([201, { username: 'jane', groups }]);
    const agent = agents.at(-1);
    const { statusCode } = await request(`${api.server.url}/api/v1/secrets`, agent && { dispatcher: agent });
    expect(statusCode).toBe(403);
  });

  test('of system:masters may do everything', async () => {
    const root = await certificate('/CN=root/O=system:masters');
    await whoAmI(root);
    const agent = agents.at(-1);
    const { statusCode } = await request(`${api.server.url}/api/v1/secrets`, agent && { dispatcher: agent });
    expect(statusCode).toBe(200);
  });

  test('that another authority has signed, are for servers, or name nobody open nothing, but a token does', async () => {
    const selfSigned = 'req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 1 -subj /CN=headgate-ca';
    openssl(...selfSigned.split(' '));
    const token = { authorization: `Bearer ${api.server.token}` };
    for (const client of [
      await certificate('/CN=root/O=system:masters', directory),
      await certificate('/CN=root/O=system:masters', undefined, 'serverAuth'),
      await certificate('/O=system:masters'),
    ]) {
      expect(await whoAmI(client)).toEqual([401, undefined]);
      expect(await whoAmI(client, token)).toMatchObject([201, { username: 'kubernetes-admin' }]);
    }
  });

  test('are signed with a key for its owner only', async () => {
    for (const file of ['ca.key', 'ca.crt', 'identity.json']) {
      expect(((await stat(join(api.dataDir, 'pki', file))).mode & 0o777).toString(8)).toBe('600');
    }
  });
});
