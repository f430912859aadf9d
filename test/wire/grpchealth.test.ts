import { once } from 'node:events';
import { connect, createServer as createHttp2Server } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createFrameReader,
  decodeGrpcMessage,
  encodeGrpcMessage,
  formatGrpcTimeout,
  frame,
  GrpcError,
  GrpcStatus,
  parseGrpcTimeout,
} from '../../src/wire/grpc.ts';
import { startGrpcServer, type GrpcServerOptions } from '../../src/wire/grpcserver.ts';
import {
  decodeHealthCheckRequest,
  decodeHealthCheckResponse,
  decodeHealthListResponse,
  encodeHealthCheckRequest,
  encodeHealthCheckResponse,
  encodeHealthListResponse,
  type ServingStatus,
} from '../../src/wire/grpchealth.ts';
import { checkHealth } from '../../src/wire/grpchealthclient.ts';
import { healthMethods } from '../../src/wire/grpchealthserver.ts';
import { ProtobufError, readFields } from '../../src/wire/protobuf.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(options: Partial<GrpcServerOptions>): Promise<number> {
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, methods: {}, ...options });
  closers.push(() => server.close(100));
  return server.port;
}

/** A TCP server that is not gRPC; its connections are cut when the test ends. */
async function serveTcp(connected: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket.on('error', () => undefined).resume());
    connected(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const check = (port: number, service = '', timeoutMs = 5000) =>
  checkHealth({ host: '127.0.0.1', port, service, timeoutMs });

/** One call with any bytes: the status and message that come back. */
async function call(port: number, path: string, body: Uint8Array, headers: Record<string, string> = {}) {
  const session = connect(`http://127.0.0.1:${String(port)}`);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      ...headers,
    });
    const result = { http: 0, code: -1, message: '', body: Buffer.alloc(0) };
    const read = (fields: Record<string, unknown>): void => {
      if (fields['grpc-status'] === undefined) return;
      result.code = Number(fields['grpc-status']);
      if (typeof fields['grpc-message'] === 'string') result.message = decodeGrpcMessage(fields['grpc-message']);
    };
    stream.on('response', (fields) => {
      result.http = fields[':status'] ?? 0;
      read(fields);
    });
    stream.on('trailers', read);
    stream.on('data', (chunk: Buffer) => (result.body = Buffer.concat([result.body, chunk])));
    stream.end(body);
    await once(stream, 'close');
    return result;
  } finally {
    session.destroy();
  }
}

describe('gRPC health over HTTP/2', () => {
  const known: Record<string, ServingStatus> = { '': 'SERVING', ready: 'SERVING', broken: 'NOT_SERVING' };
  const methods = healthMethods((service) => known[service] ?? 'SERVICE_UNKNOWN', Object.keys(known));

  it.each([
    ['', 'SERVING'],
    ['ready', 'SERVING'],
    ['broken', 'NOT_SERVING'],
    ['nobody', 'SERVICE_UNKNOWN'],
  ])('service %j is %s', async (service, status) => {
    expect(await check(await serve({ methods }), service)).toBe(status);
  });

  it('lists services with their status', async () => {
    const { code, body } = await call(await serve({ methods }), '/grpc.health.v1.Health/List', frame(new Uint8Array()));
    expect(code).toBe(GrpcStatus.OK);
    expect(Object.fromEntries(decodeHealthListResponse(body.subarray(5)))).toEqual(known);
  });

  it('does not serve Watch', async () => {
    const { code } = await call(await serve({ methods }), '/grpc.health.v1.Health/Watch', frame(new Uint8Array()));
    expect(code).toBe(GrpcStatus.UNIMPLEMENTED);
  });

  it('fails as UNAVAILABLE where nothing listens, and where something else does', async () => {
    const port = await serve({});
    await closers.splice(0)[0]?.();
    await expect(check(port)).rejects.toMatchObject({ code: GrpcStatus.UNAVAILABLE });
    const web = await serveTcp((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    await expect(check(web)).rejects.toMatchObject({ code: GrpcStatus.UNAVAILABLE });
  });

  it('fails as DEADLINE_EXCEEDED when the server accepts and says nothing', async () => {
    const mute = await serveTcp(() => undefined);
    await expect(check(mute, '', 50)).rejects.toMatchObject({
      code: GrpcStatus.DEADLINE_EXCEEDED,
    });
  });

  it('fails as UNIMPLEMENTED on a gRPC server without health', async () => {
    await expect(check(await serve({}))).rejects.toMatchObject({ code: GrpcStatus.UNIMPLEMENTED });
  });

  it('refuses an answer that is larger than any health answer', async () => {
    const big = createHttp2Server();
    big.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(frame(new Uint8Array(100_000)));
    });
    big.listen(0, '127.0.0.1');
    await once(big, 'listening');
    closers.push(() => new Promise((resolve) => big.close(resolve)));
    await expect(check((big.address() as AddressInfo).port)).rejects.toMatchObject({
      code: GrpcStatus.RESOURCE_EXHAUSTED,
    });
  });
});

describe('gRPC server', () => {
  const echo = { '/t.T/Echo': (message: Uint8Array) => message };

  it('answers what the method returns, and its errors with their status', async () => {
    const port = await serve({
      methods: {
        ...echo,
        '/t.T/Missing': () => {
          throw new GrpcError(GrpcStatus.NOT_FOUND, 'köin such thing, 100 %\nreally');
        },
      },
    });
    const answer = await call(port, '/t.T/Echo', frame(Buffer.from('hello')));
    expect([answer.code, answer.body.subarray(5).toString()]).toEqual([GrpcStatus.OK, 'hello']);
    const missing = await call(port, '/t.T/Missing', frame(Buffer.alloc(0)));
    expect([missing.code, missing.message]).toEqual([GrpcStatus.NOT_FOUND, 'köin such thing, 100 %\nreally']);
  });

  it('says why a path is not implemented', async () => {
    const port = await serve({ methods: echo, unimplemented: { '/t.T/Process': 'not in this build' } });
    expect(await call(port, '/t.T/Process', frame(Buffer.alloc(3)))).toMatchObject({
      code: GrpcStatus.UNIMPLEMENTED,
      message: 'not in this build',
    });
  });

  it.each([
    ['larger than the limit', frame(Buffer.alloc(33)), GrpcStatus.RESOURCE_EXHAUSTED],
    ['compressed', Buffer.from([1, 0, 0, 0, 1, 0]), GrpcStatus.UNIMPLEMENTED],
    ['cut off', Buffer.from([0, 0, 0, 0, 9, 1]), GrpcStatus.INTERNAL],
    ['absent', Buffer.alloc(0), GrpcStatus.INTERNAL],
    ['more than one', Buffer.concat([frame(Buffer.alloc(1)), frame(Buffer.alloc(1))]), GrpcStatus.UNIMPLEMENTED],
  ])('refuses a request message that is %s', async (_, body, code) => {
    const port = await serve({ methods: echo, maxMessageBytes: 32 });
    expect(await call(port, '/t.T/Echo', body)).toMatchObject({ code });
    expect((await call(port, '/t.T/Echo', frame(Buffer.alloc(32)))).code).toBe(GrpcStatus.OK);
  });

  it('ends a call at its deadline and aborts the method', async () => {
    const aborted = Promise.withResolvers<void>();
    const port = await serve({
      methods: {
        '/t.T/Hang': (_, { signal }) =>
          new Promise(() => signal.addEventListener('abort', () => aborted.resolve(), { once: true })),
      },
    });
    const { code } = await call(port, '/t.T/Hang', frame(Buffer.alloc(0)), { 'grpc-timeout': '20m' });
    expect(code).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    await aborted.promise;
  });

  it('answers 415 to what is not gRPC', async () => {
    expect(
      (await call(await serve({ methods: echo }), '/t.T/Echo', Buffer.alloc(0), { 'content-type': 'text/html' })).http,
    ).toBe(415);
  });

  it('survives callers that reset their streams and break their connections', async () => {
    const port = await serve({ methods: echo });
    for (let i = 0; i < 20; i++) {
      const session = connect(`http://127.0.0.1:${String(port)}`);
      session.on('error', () => undefined);
      const stream = session.request({ ':method': 'POST', ':path': '/t.T/Echo', 'content-type': 'application/grpc' });
      stream.on('error', () => undefined);
      stream.write(frame(Buffer.alloc(10)).subarray(0, 7));
      if (i % 2 === 0) stream.close(8);
      session.destroy();
    }
    const garbage = connectTcp(port, '127.0.0.1', () => garbage.end('not http2 at all'));
    garbage.on('error', () => undefined).resume();
    await once(garbage, 'close');
    expect((await call(port, '/t.T/Echo', frame(Buffer.from('x')))).code).toBe(GrpcStatus.OK);
  });
});

describe('gRPC wire format', () => {
  it('finds messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(frame));
          const reader = createFrameReader(50);
          const found: Buffer[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            found.push(...reader.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(found.map((message) => message.toString('hex'))).toEqual(
            messages.map((message) => Buffer.from(message).toString('hex')),
          );
          expect(reader.pendingBytes()).toBe(0);
        },
      ),
    );
  });

  it('grpc-message survives encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeGrpcMessage(text);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeGrpcMessage(encoded)).toBe(text);
      }),
    );
  });

  it.each([
    ['100m', 100],
    ['2S', 2000],
    ['1M', 60_000],
    ['1H', 3_600_000],
    ['5000u', 5],
    ['', undefined],
    ['5', undefined],
    ['123456789m', undefined],
    ['-1S', undefined],
  ])('grpc-timeout %j is %j ms', (text, ms) => {
    expect(parseGrpcTimeout(text)).toBe(ms);
  });

  it('formats a timeout that can be parsed again', () => {
    expect(parseGrpcTimeout(formatGrpcTimeout(1234.2))).toBe(1235);
  });

  it('health messages survive encoding', () => {
    fc.assert(
      fc.property(fc.string(), (service) => {
        expect(decodeHealthCheckRequest(encodeHealthCheckRequest(service))).toEqual({ service });
      }),
    );
    for (const status of ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const) {
      expect(decodeHealthCheckResponse(encodeHealthCheckResponse(status))).toEqual({ status });
    }
    expect(decodeHealthListResponse(encodeHealthListResponse(new Map([['a', 'SERVING']])))).toEqual(
      new Map([['a', 'SERVING']]),
    );
  });

  it('SERVING has the bytes that other implementations send', () => {
    expect([...encodeHealthCheckResponse('SERVING')]).toEqual([0x08, 0x01]);
    expect([...encodeHealthCheckRequest('ab')]).toEqual([0x0a, 0x02, 0x61, 0x62]);
  });

  it('any bytes are read or refused with a ProtobufError', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          readFields(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
    );
  });
});
