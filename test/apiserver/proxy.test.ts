import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect as connectTls } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

let api: TestApi;
let backend: Server;
let port: number;
let agent: Agent;

/** Tells what it was asked; `/stream` ends when the test says so. */
let endStream: () => void = () => undefined;

beforeAll(async () => {
  backend = createServer((raw, response) => {
    const path = raw.url ?? '';
    if (path.startsWith('/moved')) response.writeHead(302, { location: '/elsewhere?a=1' }).end();
    else if (path === '/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      endStream = () => response.end('data: 2\n\n');
    } else if (path === '/cut') {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    } else {
      let body = '';
      raw.on('data', (chunk: Buffer) => (body += chunk.toString()));
      raw.on('end', () => {
        response.writeHead(path === '/teapot' ? 418 : 200, { 'content-type': 'application/json', 'x-own': 'yes' });
        response.end(JSON.stringify({ method: raw.method, path, headers: raw.headers, body }));
      });
    }
  });
  backend.on('upgrade', (raw, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${raw.headers.upgrade ?? ''}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  ({ port } = backend.address() as AddressInfo);
  api = await startTestApi();
  agent = new Agent({ connect: { ca: api.server.caCertificate } });

  const metadata = { name: 'shop' };
  const containers = [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: port }] }];
  await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata, spec: { containers } } });
  const headers = { 'content-type': 'application/merge-patch+json' };
  const body = { status: { phase: 'Running', podIP: '127.0.0.1' } };
  await api.call('PATCH', '/api/v1/namespaces/default/pods/shop/status', { body, headers });
  await api.call('POST', '/api/v1/namespaces/default/services', {
    body: { metadata, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } },
  });
  await api.call('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    body: {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'shop' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'] }, { addresses: ['127.0.0.9'], conditions: { ready: false } }],
      ports: [{ name: 'http', port }],
    },
  });
  await api.call('POST', '/api/v1/namespaces/default/services', {
    body: { metadata: { name: 'empty' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } },
  });
  await api.call('POST', '/api/v1/nodes', { body: { metadata: { name: 'here' } } });
  await api.call('PATCH', '/api/v1/nodes/here/status', {
    body: { status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] } },
    headers,
  });
});
afterAll(async () => {
  await agent.close();
  await api.close();
  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
});

const inDefault = '/api/v1/namespaces/default';

test.each([
  ['services', 'shop'],
  ['services', 'shop:80'],
  ['services', 'shop:http'],
  ['services', 'http:shop:http'],
  ['pods', 'shop'],
  ['pods', 'shop:http'],
])('%s/%s', async (plural, name) => {
  const { status, body } = await api.call('GET', `${inDefault}/${plural}/${name}/proxy/a/b?x=1`);
  expect({ status, path: body['path'] }).toEqual({ status: 200, path: '/a/b?x=1' });
});

test('a node, and a port that is written out', async () => {
  const node = await api.call('GET', `/api/v1/nodes/here:${port}/proxy/metrics`);
  const pod = await api.call('GET', `${inDefault}/pods/shop:${port}/proxy/metrics`);
  expect([node.body['path'], pod.body['path']]).toEqual(['/metrics', '/metrics']);
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s goes with its body and status', async (method) => {
  const body = method === 'OPTIONS' ? undefined : 'given';
  const answer = await api.call(method, `${inDefault}/services/shop/proxy/teapot`, { body, contentType: 'text/plain' });
  expect(answer.status).toBe(418);
  expect(answer.headers['x-own']).toBe('yes');
  expect(answer.body).toMatchObject({ method, body: body ?? '' });
});

test('the path goes as it was sent: dots, escapes, empty segments, a slash at the end', async () => {
  const path = '//a/../%2e%2e/x%2Fy/';
  const answer = await rawRequest(`GET ${inDefault}/pods/shop/proxy${path} HTTP/1.1`);
  expect(answer).toContain(`"path":"${path}"`);
});

test('credentials stay here, what the target needs to know of the way is added', async () => {
  const headers = {
    'impersonate-user': 'kubernetes-admin',
    'impersonate-group': 'system:masters',
    'x-remote-user': 'root',
    'x-forwarded-for': '10.1.1.1',
    te: 'trailers',
    'x-mine': 'yes',
  };
  const { body } = await api.call('GET', `${inDefault}/services/shop/proxy/a`, { headers });
  const received = body['headers'] as Record<string, string>;
  expect(Object.keys(received)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(authorization|impersonate-.*|x-remote-.*|te)$/)]),
  );
  expect(received).toMatchObject({
    'x-mine': 'yes',
    'x-forwarded-for': '10.1.1.1, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-uri': `${inDefault}/services/shop/proxy/a`,
  });
});

test('redirects are not followed, and stay behind the proxy', async () => {
  const { status, headers } = await api.call('GET', `${inDefault}/services/shop/proxy/moved`);
  expect(status).toBe(302);
  expect(headers['location']).toBe(`${inDefault}/services/shop/proxy/elsewhere?a=1`);
  const root = await api.call('GET', `${inDefault}/services/shop/proxy?x=1`);
  expect(root).toMatchObject({ status: 301, headers: { location: `${inDefault}/services/shop/proxy/?x=1` } });
});

test('an answer passes as it comes', async () => {
  const { url, token } = api.server;
  const answer = await request(`${url}${inDefault}/services/shop/proxy/stream`, {
    dispatcher: agent,
    headers: { authorization: `Bearer ${token}` },
  });
  const chunks: string[] = [];
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    chunks.push(chunk.toString());
    if (chunks.length === 1) endStream();
  }
  expect(chunks.join('')).toBe('data: 1\n\ndata: 2\n\n');
});

test('half an answer is no answer', async () => {
  await expect(api.call('GET', `${inDefault}/services/shop/proxy/cut`)).rejects.toThrow();
});

test.each([
  [`${inDefault}/services/nobody/proxy/`, 404, 'services "nobody" not found'],
  [`${inDefault}/services/empty/proxy/`, 503, 'no endpoints available for service "empty"'],
  [`${inDefault}/services/shop:81/proxy/`, 503, 'no service port "81" found for service "shop"'],
  [`${inDefault}/services/ftp:shop:80/proxy/`, 400, 'invalid service request'],
  [`${inDefault}/pods/shop:1/proxy/`, 503, 'error trying to reach service'],
  ['/api/v1/nodes/here/proxy/', 400, 'the embedded node has no kubelet API'],
])('%s is refused', async (path, status, message) => {
  const answer = await api.call('GET', path);
  expect(answer.status).toBe(status);
  expect(answer.body.message).toContain(message);
});

test('RBAC is about the subresource and the method', async () => {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/default`;
  const rules = [{ apiGroups: [''], resources: ['services/proxy'], resourceNames: ['shop:http'], verbs: ['get'] }];
  await api.call('POST', `${rbac}/roles`, { body: { metadata: { name: 'looker' }, rules } });
  await api.call('POST', `${rbac}/rolebindings`, {
    body: {
      metadata: { name: 'looker' },
      roleRef: { kind: 'Role', name: 'looker' },
      subjects: [{ kind: 'User', name: 'jane' }],
    },
  });
  const as = { headers: { 'impersonate-user': 'jane' } };
  const statusOf = async (method: string, name: string) =>
    (await api.call(method, `${inDefault}/services/${name}/proxy/a`, as)).status;
  expect(await statusOf('GET', 'shop:http')).toBe(200);
  expect(await statusOf('POST', 'shop:http')).toBe(403);
  expect(await statusOf('GET', 'shop')).toBe(403);
});

/** The text of an answer, and of what follows when the connection is taken over. */
async function rawRequest(line: string, headers = '', then = ''): Promise<string> {
  const { url, caCertificate, token } = api.server;
  const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(url).port), ca: caCertificate });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (data) => {
      const first = text === '';
      text += String(data);
      if (first && then !== '') socket.write(then);
      if (then === '' ? text.includes('}') : text.endsWith(then)) socket.destroy();
    });
    socket.write(`${line}\r\nhost: api\r\nauthorization: Bearer ${token}\r\n${headers}\r\n`);
  });
  return text;
}

test('another protocol passes both ways', async () => {
  const headers = 'connection: Upgrade\r\nupgrade: echo\r\n';
  const text = await rawRequest(`GET ${inDefault}/services/shop/proxy/ws HTTP/1.1`, headers, 'back and forth');
  expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(text).toMatch(/back and forth$/);
  expect(await rawRequest(`GET ${inDefault}/pods/shop:1/proxy/ws HTTP/1.1`, headers)).toMatch(/^HTTP\/1\.1 503 /);
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

// In CI kubectl must be there: without it the test runs and fails.
test.skipIf(!hasKubectl && process.env['CI'] !== 'true')('kubectl get --raw and kubectl proxy', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-proxy-'));
  try {
    await writeFile(join(directory, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
    const env = { ...process.env, HOME: directory, KUBECONFIG: join(directory, 'kubeconfig') };
    const path = `${inDefault}/services/shop:http/proxy/v1/models`;
    const stdout = await new Promise<string>((resolve, reject) => {
      execFile('kubectl', ['get', '--raw', path], { env }, (error, out) =>
        error === null ? resolve(out) : reject(error),
      );
    });
    expect(JSON.parse(stdout)).toMatchObject({ path: '/v1/models', method: 'GET' });

    const proxy = spawn('kubectl', ['proxy', '--port=0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const line = await new Promise<string>((resolve) => createInterface(proxy.stdout).once('line', resolve));
      const local = /127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '';
      const answer = await fetch(`http://${local}${path}`, { method: 'POST', body: 'hello' });
      expect(await answer.json()).toMatchObject({ path: '/v1/models', method: 'POST', body: 'hello' });
    } finally {
      proxy.kill();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
