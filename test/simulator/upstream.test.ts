import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startUpstream } from '../../src/simulator/upstream.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });

test('requests are passed on behind the path of the URL, streams as they come', async () => {
  let release = (): void => undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.setHeader('x-asked', `${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''}`);
      response.write(`first ${Buffer.concat(chunks).toString()}`);
      release = () => response.end(' second');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const upstream = await startUpstream(['--url', `http://${origin}/base/`], { env: { PORT: '0' }, log });
  try {
    const answer = await fetch(`${upstream.url}/v1/models?a=b`, { method: 'POST', body: 'hello' });
    expect(answer.headers.get('x-asked')).toBe(`POST /base/v1/models?a=b ${origin}`);
    const reader = answer.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first hello');
    release();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(' second');
  } finally {
    await upstream.close();
    server.close();
  }
});

test('a server that does not answer is a 502 that names it', async () => {
  const upstream = await startUpstream(['--url', 'http://127.0.0.1:1'], { env: { PORT: '0' }, log });
  try {
    const answer = await fetch(`${upstream.url}/v1/models`);
    expect(answer.status).toBe(502);
    expect(await answer.text()).toContain('the server at http://127.0.0.1:1 does not answer');
  } finally {
    await upstream.close();
  }
});

test.each([[[]], [['--url', 'nowhere']], [['--port', '1']]])('%j is refused', async (argv) => {
  await expect(startUpstream(argv, { env: {}, log })).rejects.toThrow('takes --url URL');
});
