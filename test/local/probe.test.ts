import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Probe } from 'kubernetes-types/core/v1.js';
import { afterEach, expect, test } from 'vitest';
import { noResults, runProbe, tally, timingOf, type ProbeTarget } from '../../src/local/probe.ts';
import { probeContainer } from '../../src/local/prober.ts';
import { container } from './objects.ts';

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: Pick<Server, 'listen' | 'address' | 'close'>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function target(fields = {}): ProbeTarget {
  return {
    container: container(fields),
    podIP: '127.0.0.1',
    exec: (command) => Promise.resolve({ exitCode: command[0] === 'true' ? 0 : 1, output: command.join(' ') }),
  };
}

test('httpGet: 2xx and 3xx pass, the rest fail with their code; ports go by number or name', async () => {
  const port = await listen(
    createServer((request, response) => response.writeHead(Number(request.url?.slice(1))).end()),
  );
  const get = (path: string, named: number | string = port): Promise<string | undefined> =>
    runProbe({ httpGet: { path, port: named } }, target({ ports: [{ name: 'http', containerPort: port }] }));
  expect(await get('/200')).toBeUndefined();
  expect(await get('/307', 'http')).toBeUndefined();
  expect(await get('/503')).toBe('HTTP probe failed with statuscode: 503');
  expect(await get('/200', 'grpc')).toBe('container main has no port named "grpc"');
});

test('httpGet: no answer in time, and nobody there', async () => {
  const port = await listen(createServer(() => undefined));
  expect(await runProbe({ httpGet: { port }, timeoutSeconds: 0.05 }, target())).toContain('context deadline exceeded');
  expect(await runProbe({ httpGet: { port: 1 } }, target())).toContain('ECONNREFUSED');
});

test('tcpSocket and exec', async () => {
  const port = await listen(createServer());
  expect(await runProbe({ tcpSocket: { port } }, target())).toBeUndefined();
  expect(await runProbe({ tcpSocket: { port: 1 } }, target())).toContain('ECONNREFUSED');
  expect(await runProbe({ exec: { command: ['true'] } }, target())).toBeUndefined();
  expect(await runProbe({ exec: { command: ['false', 'x'] } }, target())).toBe('false x');
});

test.each([
  [1, undefined],
  [2, 'service unhealthy (responded with "NOT_SERVING")'],
])('grpc: health status %i', async (status, expected) => {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    // A HealthCheckResponse in its frame: field 1, varint.
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closing.push(() => server.close());
  const port = (server.address() as AddressInfo).port;
  expect(await runProbe({ grpc: { port, service: 'inference-extension' } }, target())).toBe(expected);
});

test('the verdict changes when a threshold is reached in a row', () => {
  const timing = timingOf({ failureThreshold: 3, successThreshold: 2 });
  const verdicts = (results: string): (string | undefined)[] => {
    let state = noResults;
    return results.split('').map((result) => (state = tally(state, result === '+', timing)).verdict);
  };
  expect(verdicts('+-++')).toEqual([undefined, undefined, undefined, 'success']);
  expect(verdicts('++--+---')).toEqual([
    undefined,
    'success',
    'success',
    'success',
    'success',
    'success',
    'success',
    'failure',
  ]);
});

test('a container is ready soon after its process is, however long the period; the startup probe comes first', async () => {
  let up = false;
  const port = await listen(createServer((_request, response) => response.writeHead(up ? 200 : 503).end()));
  const readinessProbe: Probe = { httpGet: { port }, periodSeconds: 30 };
  const startupProbe: Probe = { exec: { command: ['true'] } };
  const seen: string[] = [];
  const stop = new AbortController();
  const ready = new Promise<void>((resolve) => {
    const reports = {
      started: () => seen.push('started'),
      ready: (value: boolean) => {
        seen.push(`ready ${String(value)}`);
        if (value) resolve();
      },
      failed: (kind: string) => seen.push(`${kind} failed`),
      unhealthy: () => seen.push('unhealthy'),
    };
    const done = probeContainer(target({ readinessProbe, startupProbe }), readinessProbe, reports, stop.signal);
    closing.push(
      () => stop.abort(),
      () => done,
    );
  });
  setTimeout(() => (up = true), 300);
  const began = performance.now();
  await ready;
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(seen[0]).toBe('started');
  expect(seen.at(-1)).toBe('ready true');
  // Failures between two periods are nobody's news.
  expect(seen).not.toContain('Readiness failed');
});
