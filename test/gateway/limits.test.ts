import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, readAll, startFixture, table, target, until, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture({
    maxBufferedBytes: 2 * 1024 * 1024,
    serverLimits: { lingerMs: 200, maxHeaderBytes: 8 * 1024, maxHeaders: 20 },
  });
});
afterEach(() => fixture.close());

const post = (length: string, path = '/v1/chat/completions'): string =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\ncontent-type: application/json\r\n${length}\r\n\r\n`;

describe('limits on requests', () => {
  it('refuses a 60 MiB body with 413 before it is read, and says which field raises the limit', async () => {
    fixture.plane.apply(table([{ model: 'm', backends: [] }]));
    const before = process.memoryUsage().arrayBuffers;
    const answer = await fixture.raw(post(`Content-Length: ${60 * 1024 * 1024}`) + '{"model":');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('connection: close');
    expect(answer).toContain('larger than 1048576 bytes');
    expect(answer).toContain('spec.connection.bufferLimit');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });

  it('lets a client that goes on sending read the 413', async () => {
    fixture.plane.apply(table([{ model: 'm', backends: [] }]));
    const answer = await fixture.chat(`{"model":"m","x":"${'x'.repeat(3_000_000)}"}`);
    expect(answer.statusCode).toBe(413);
    await answer.body.text();
  });

  it('refuses a chunked body once it is over the limit, buffered or streamed', async () => {
    const upstream = await fixture.upstream((request) => request.resume());
    fixture.plane.apply(table([{ model: 'm', backends: [] }, { backends: [backend(target([upstream.endpoint]))] }]));
    for (const path of ['/v1/chat/completions', '/upload']) {
      const body = Readable.from(
        (function* () {
          for (let sent = 0; sent < 40; sent += 1) yield Buffer.alloc(64 * 1024, 0x20);
        })(),
      );
      const answer = await fixture.call(path, { method: 'POST', body });
      expect([path, answer.statusCode]).toEqual([path, 413]);
      await answer.body.text();
    }
    await until(() => upstream.connections.size === 0, 'the upload was cut off upstream');
    expect(fixture.plane.stats().bufferedBytes).toBe(0);
  });

  it('answers 503 when it holds too many bodies at a time', async () => {
    fixture.plane.apply(table([{ model: 'm', backends: [] }], { bodyLimitBytes: 50 * 1024 * 1024 }));
    const answer = await fixture.chat(`{"model":"m","x":"${'x'.repeat(3_000_000)}"}`);
    expect([answer.statusCode, await answer.body.text()]).toEqual([
      503,
      expect.stringContaining('too many request bodies'),
    ]);
    expect(fixture.plane.stats().bufferedBytes).toBe(0);
  });

  it('431 for headers that are too many or too large', async () => {
    fixture.plane.apply(table([{ backends: [] }]));
    const many = Array.from({ length: 30 }, (_, at) => `x-${at}: v`).join('\r\n');
    expect(await fixture.raw(`GET / HTTP/1.1\r\nHost: h\r\n${many}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await fixture.raw(`GET / HTTP/1.1\r\nHost: h\r\nx: ${'v'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it.each([
    ['Content-Length beside Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
    ['a length that is no number', 'Content-Length: +5'],
    ['an unknown transfer coding last', 'Transfer-Encoding: chunked, identity'],
    ['space before the colon', 'Content-Length : 5'],
    ['a folded header', 'x: a\r\n b: c\r\nContent-Length: 5'],
    ['two hosts', 'Host: other\r\nContent-Length: 0'],
  ])('400 and a closed connection for %s', async (_, header) => {
    let reached = 0;
    const upstream = await fixture.upstream((request, response) => {
      reached += 1;
      request.resume();
      response.end();
    });
    fixture.plane.apply(table([{ backends: [backend(target([upstream.endpoint]))] }]));
    const answer = await fixture.raw(`${post(header, '/')}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(reached).toBe(0);
  });
});

describe('bodies that are allowed', () => {
  it('asks for a body announced with Expect: 100-continue, or refuses it at once', async () => {
    const upstream = await fixture.upstream((request, response) => {
      void readAll(request).then((body) => response.end(`${request.headers.expect} ${body}`));
    });
    fixture.plane.apply(table([{ model: 'm', backends: [backend(target([upstream.endpoint]))] }]));
    const socket = fixture.socket();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(post('Content-Length: 13\r\nExpect: 100-continue'));
    await until(() => answer.startsWith('HTTP/1.1 100 Continue\r\n\r\n'), 'the body was asked for');
    socket.write('{"model":"m"}');
    await until(() => answer.includes('undefined {"model":"m"}'), 'the answer came');
    const refused = await fixture.raw(post('Content-Length: 9999999\r\nExpect: 100-continue'));
    expect(refused).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('streams a large upload with its length, byte for byte', async () => {
    const upstream = await fixture.upstream((request, response) => {
      void readAll(request).then((body) => {
        response.end(`${request.headers['content-length']} ${createHash('sha256').update(body).digest('hex')}`);
      });
    });
    fixture.plane.apply(table([{ backends: [backend(target([upstream.endpoint]))] }]));
    const body = 'abcdefghij'.repeat(90_000);
    const answer = await fixture.call('/upload', { method: 'PUT', body });
    expect(await answer.body.text()).toBe(`900000 ${createHash('sha256').update(body).digest('hex')}`);
  });

  it('takes absolute-form targets, whose authority counts', async () => {
    const upstream = await fixture.upstream((request, response) => {
      response.end(`${request.headers.host} ${request.url}`);
    });
    fixture.plane.apply(
      table(
        [{ backends: [backend(target([upstream.endpoint]))] }],
        {},
        {},
        {
          attachments: [{ gateway: 'default/gw', listener: 'http', hosts: ['right.example'] }],
        },
      ),
    );
    const answer = await fixture.raw(
      'GET http://Right.example:81/p?q HTTP/1.1\r\nHost: wrong\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('Right.example:81 /p?q');
  });

  it('answers HEAD without a body', async () => {
    const upstream = await fixture.upstream((_, response) => response.setHeader('content-length', 12).end());
    fixture.plane.apply(table([{ backends: [backend(target([upstream.endpoint]))] }]));
    const answer = await fixture.call('/', { method: 'HEAD' });
    expect([answer.statusCode, answer.headers['content-length'], await answer.body.text()]).toEqual([200, '12', '']);
  });

  it.each([
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['user information', 'GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a path in the host', 'GET / HTTP/1.1\r\nHost: a/b?c\r\n\r\n', 400],
    ['a space in the host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    [
      'a body that is compressed in transfer',
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
      501,
    ],
  ])('refuses %s', async (_, bytes, status) => {
    fixture.plane.apply(table([{ filters: [{ type: 'DirectResponse', statusCode: 200, body: '' }] }]));
    expect(await fixture.raw(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it.each(['h', 'h:80', 'A.Example', '127.0.0.1:8080', '[::1]:80', 'a_b.c'])('takes the host %s', async (host) => {
    fixture.plane.apply(table([{ filters: [{ type: 'DirectResponse', statusCode: 200, body: '' }] }]));
    expect(await fixture.raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 200 /,
    );
  });
});

it('closes the connection of a client that never reads its answer', async () => {
  const plain = await startFixture({ serverLimits: { stalledReaderMs: 100, keepAliveTimeoutMs: 100 } });
  try {
    const upstream = await plain.upstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${'x'.repeat(32 * 1024 * 1024)}\n\n`);
    });
    plain.plane.apply(table([{ streamIdleTimeoutMs: 400, backends: [backend(target([upstream.endpoint]))] }]));
    const client = plain.socket();
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(() => plain.plane.stats().requests === 1, 'the stream was given up');
    await until(() => plain.plane.stats().connections === 0, 'the connection was closed');
  } finally {
    await plain.close();
  }
});
