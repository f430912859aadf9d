import { afterEach, describe, expect, it, vi } from 'vitest';
import { frame, GrpcError, GrpcStatus } from '../../src/wire/grpc.ts';
import { createGrpcClient, type ClientCall, type GrpcClient } from '../../src/wire/grpcclient.ts';
import { startGrpcServer, type GrpcServerOptions } from '../../src/wire/grpcserver.ts';
import type { CallHandler, StreamMethod } from '../../src/wire/grpcstream.ts';
import { selfSignedCertificate } from '../../src/extproc/certificate.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const path = '/test.Service/Talk';

async function serve(method: StreamMethod, options: Partial<GrpcServerOptions> = {}): Promise<GrpcClient> {
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    methods: {},
    streams: { [path]: method },
    ...options,
  });
  const scheme = options.tls === undefined ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${String(server.port)}`;
  const client = createGrpcClient({ url, insecureSkipVerify: true, maxMessageBytes: 64 * 1024 * 1024 });
  closers.push(() => server.close(100), client.close);
  return client;
}

/** Sends back every message, and ends when the client does. */
const echo: StreamMethod = (call): CallHandler => ({
  message: (message) => {
    call.send([frame(message)]);
  },
  end: call.end.bind(call),
  closed: () => undefined,
});

interface Talk {
  call: ClientCall;
  messages: Buffer[];
  /** The status at the end; undefined is OK. */
  ended: Promise<GrpcError | undefined>;
}

function talk(client: GrpcClient, options: { timeoutMs?: number; path?: string } = {}): Talk {
  const messages: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<GrpcError | undefined>();
  const handler = { message: (message: Buffer) => void messages.push(message), closed: resolve };
  const call = client.open(options.path ?? path, handler, options);
  return { call, messages, ended: promise };
}

describe('bidirectional gRPC calls', () => {
  it.each([
    ['plaintext', {}],
    ['TLS', { tls: selfSignedCertificate }],
  ])('carry messages of any size both ways over %s', async (_, options) => {
    const client = await serve(echo, { maxMessageBytes: 16 * 1024 * 1024, ...options });
    const { call, messages, ended } = talk(client);
    const sizes = [0, 1, 16_384, 65_536, 5_000_000];
    for (const size of sizes) call.send([frame(Buffer.alloc(size, 'x'))]);
    call.end();
    expect(await ended).toBeUndefined();
    expect(messages.map(({ length }) => length)).toEqual(sizes);
  });

  it('run side by side on one connection', async () => {
    const client = await serve(echo);
    const talks = Array.from({ length: 200 }, (_, at) => {
      const one = talk(client);
      one.call.send([frame(Buffer.from(String(at)))]);
      one.call.end();
      return one;
    });
    for (const [at, { messages, ended }] of talks.entries()) {
      expect(await ended).toBeUndefined();
      expect(messages.map(String)).toEqual([String(at)]);
    }
  });

  it('end with the error that the handler throws', async () => {
    const client = await serve(() => ({
      message: () => {
        throw new GrpcError(GrpcStatus.INVALID_ARGUMENT, 'größer');
      },
      end: () => undefined,
      closed: () => undefined,
    }));
    const { call, ended } = talk(client);
    call.send([frame(Buffer.from('x'))]);
    expect(await ended).toMatchObject({ code: GrpcStatus.INVALID_ARGUMENT, message: 'größer' });
  });

  it('end as RESOURCE_EXHAUSTED for a message over the limit, UNIMPLEMENTED for an unknown method', async () => {
    const client = await serve(echo, { maxMessageBytes: 100 });
    const large = talk(client);
    large.call.send([frame(Buffer.alloc(101))]);
    expect(await large.ended).toMatchObject({ code: GrpcStatus.RESOURCE_EXHAUSTED });
    expect(await talk(client, { path: '/test.Service/Other' }).ended).toMatchObject({ code: GrpcStatus.UNIMPLEMENTED });
  });

  it('end at their deadline, which the server learns of', async () => {
    const closed = vi.fn<() => void>();
    const client = await serve(() => ({ message: () => undefined, end: () => undefined, closed }));
    const { ended } = talk(client, { timeoutMs: 50 });
    expect(await ended).toMatchObject({ code: GrpcStatus.DEADLINE_EXCEEDED });
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  });

  it('close once for the server when the client cancels, and the connection outlives thousands of that', async () => {
    const closed = vi.fn<() => void>();
    const client = await serve((call) => ({
      message: (message) => {
        call.send([frame(message)]);
      },
      end: () => undefined,
      closed,
    }));
    for (let round = 0; round < 10; round += 1) {
      const talks = Array.from({ length: 300 }, () => talk(client));
      for (const { call } of talks) call.send([frame(Buffer.from('x'))]);
      for (const { call } of talks) call.cancel();
      for (const { ended } of talks) expect(await ended).toMatchObject({ code: GrpcStatus.CANCELLED });
    }
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(3000), { timeout: 10_000 });
    const after = talk(client);
    after.call.send([frame(Buffer.from('still there'))]);
    await vi.waitFor(() => expect(after.messages.map(String)).toEqual(['still there']));
    after.call.cancel();
  });

  it('hold the client back while it does not read the answers', async () => {
    let received = 0;
    const client = await serve((call) => ({
      message: (message) => {
        received += message.length;
        call.send([frame(message)]);
      },
      end: () => {
        call.end();
      },
      closed: () => undefined,
    }));
    const { call, messages, ended } = talk(client);
    call.pause();
    const piece = frame(Buffer.alloc(256 * 1024));
    const total = 256;
    for (let sent = 0; sent < total; sent += 1) call.send([piece]);
    call.end();
    // Windows of both ends are full well before the 64 MiB: then nothing moves any more.
    let before = -1;
    await vi.waitFor(
      () => {
        const moved = received !== before;
        before = received;
        expect(moved).toBe(false);
      },
      { interval: 200, timeout: 10_000 },
    );
    expect(received).toBeLessThan(32 * 1024 * 1024);
    call.resume();
    expect(await ended).toBeUndefined();
    expect(messages).toHaveLength(total);
  });

  it('end as UNAVAILABLE when nobody listens, and connect anew afterwards', async () => {
    const client = createGrpcClient({ url: 'http://127.0.0.1:1' });
    closers.push(client.close);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await talk(client).ended).toMatchObject({ code: GrpcStatus.UNAVAILABLE });
    }
  });
});
