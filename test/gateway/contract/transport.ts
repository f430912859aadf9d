/**
 * What every implementation of `Transport` does, whatever HTTP client is behind it. An implementation runs `transportContract`; the
 * servers of the cases are plain sockets that say what the case wants, so that nothing of a server library is in between.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import type {
  Destination,
  Transport,
  TransportCall,
  TransportEvents,
  TransportFailure,
  TransportLimits,
  UpstreamRequest,
} from '../../../src/gateway/transport.ts';
import { defaultTransportLimits } from '../../../src/gateway/transport.ts';
import { closedPort, endpointAt, until } from '../fixture.ts';

type CreateTransport = (limits: TransportLimits, now: () => number) => Transport;

/** A connection as the server of a case sees it. */
interface Peer {
  readonly socket: Socket;
  readonly received: string;
}

export function transportContract(create: CreateTransport): void {
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0)) await close();
  });

  const transportWith = (limits: Partial<TransportLimits> = {}): Transport => {
    const transport = create({ ...defaultTransportLimits, ...limits }, () => performance.now());
    opened.push(() => transport.close());
    return transport;
  };

  /** Calls `onRequest` whenever a connection has a complete head (and what of its body has come). */
  const serverOf = async (onRequest: (peer: Peer, count: number) => void): Promise<Upstream> => {
    const peers: Peer[] = [];
    const server = createServer((socket) => {
      let received = '';
      let count = 0;
      const peer: Peer = {
        socket,
        get received() {
          return received;
        },
      };
      peers.push(peer);
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
        const heads = received.split('\r\n\r\n').length - 1;
        while (count < heads) onRequest(peer, (count += 1));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(async () => {
      for (const { socket } of peers) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return { peers, destination: { protocol: 'http', endpoint: endpointAt(portOf(server)) } };
  };

  const answering = (bytes: string): Promise<Upstream> =>
    serverOf(({ socket }) => {
      socket.write(bytes, 'latin1');
    });

  const ask = (transport: Transport, to: Destination, more: Partial<UpstreamRequest> = {}, fresh = false): Answer => {
    const answer = new Answer();
    answer.call = transport.send(to, { ...get(), ...more }, answer, fresh);
    return answer;
  };

  it('sends method, target, host, headers and a body of known length', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const answer = ask(transportWith(), server.destination, {
      method: 'POST',
      target: '/a%20b?x=1',
      host: 'name.example:81',
      headers: ['x-one', '1', 'x-one', '2'],
      body: Buffer.from('body'),
    });
    await answer.ended();
    expect(answer.seen()).toEqual({ status: 200, headers: ['content-length', '2'], body: 'ok', trailers: [] });
    const received = server.peers[0]?.received ?? '';
    expect(received).toMatch(/^POST \/a%20b\?x=1 HTTP\/1\.1\r\n/);
    expect(received.toLowerCase()).toMatch(/\r\nhost: name\.example:81\r\n/);
    expect(received.toLowerCase()).toContain('x-one: 1\r\nx-one: 2\r\n');
    expect(received.toLowerCase()).toContain('content-length: 4\r\n');
    expect(received.endsWith('\r\n\r\nbody')).toBe(true);
  });

  it('sends a body that flows: in chunks, or with the length that the headers say', async () => {
    const server = await serverOf((peer, count) => {
      const answerWhole = (): void => {
        if (/\r\n0\r\n\r\n$|\r\n\r\nabc$/.test(peer.received)) {
          peer.socket.off('data', answerWhole).write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        }
      };
      if (count > 1) return;
      peer.socket.on('data', answerWhole);
      answerWhole();
    });
    const transport = transportWith();
    const chunked = ask(transport, server.destination, {
      method: 'POST',
      body: Readable.from([Buffer.from('ab'), Buffer.from('c')]),
    });
    await chunked.ended();
    expect(server.peers[0]?.received).toMatch(/transfer-encoding: chunked\r\n[^]*\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/i);
    const counted = ask(
      transport,
      server.destination,
      { method: 'POST', headers: ['content-length', '3'], body: Readable.from([Buffer.from('ab'), Buffer.from('c')]) },
      true,
    );
    await counted.ended();
    expect(server.peers.at(-1)?.received).toMatch(/content-length: 3\r\n[^]*\r\nabc$/i);
  });

  it('leaves out headers of the connection and those that it names, and gives trailers', async () => {
    const server = await answering(
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n' +
        'Trailer: X-Last\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Last: 9\r\n\r\n',
    );
    const answer = ask(transportWith(), server.destination);
    await answer.ended();
    expect(answer.seen()).toEqual({
      status: 200,
      headers: ['x-end', '2', 'set-cookie', 'a', 'set-cookie', 'b'],
      body: 'abc',
      trailers: ['x-last', '9'],
    });
  });

  it('skips interim answers', async () => {
    const server = await answering(
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
    );
    const answer = ask(transportWith(), server.destination);
    await answer.ended();
    expect(answer.seen()).toMatchObject({ status: 200, body: 'x' });
  });

  it.each([204, 304])('takes %i as complete without a body', async (status) => {
    const server = await answering(`HTTP/1.1 ${status} X\r\nX-A: 1\r\n\r\n`);
    const answer = ask(transportWith(), server.destination);
    await answer.ended();
    expect(answer.seen()).toMatchObject({ status, body: '' });
  });

  it('takes the answer to HEAD as complete without a body', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n');
    const answer = ask(transportWith(), server.destination, { method: 'HEAD' });
    await answer.ended();
    expect(answer.seen()).toMatchObject({ status: 200, headers: ['content-length', '7'], body: '' });
  });

  it('takes an answer without a length as complete when the connection ends', async () => {
    const server = await serverOf(({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
    const answer = ask(transportWith(), server.destination);
    await answer.ended();
    expect(answer.seen()).toMatchObject({ status: 200, body: 'until the end' });
  });

  it('uses a connection again, and a new one when that is asked for', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const transport = transportWith();
    for (let count = 0; count < 3; count += 1) await ask(transport, server.destination).ended();
    expect(server.peers).toHaveLength(1);
    await ask(transport, server.destination, {}, true).ended();
    expect(server.peers).toHaveLength(2);
  });

  it('counts requests in flight, and sends no more than it may', async () => {
    const server = await serverOf(() => undefined);
    const transport = transportWith({ connectionsPerEndpoint: 2 });
    const first = ask(transport, server.destination);
    const second = ask(transport, server.destination, { target: '/second' });
    expect(transport.inFlight(server.destination)).toBe(2);
    expect(ask(transport, server.destination).call).toBeUndefined();
    first.call?.cancel();
    expect(transport.inFlight(server.destination)).toBe(1);
    await until(() => server.peers.some(({ received }) => received.includes('/second')), 'the second request');
    for (const { socket } of server.peers) socket.destroy();
    await second.failed();
    expect(transport.inFlight(server.destination)).toBe(0);
  });

  it('fails with nothing sent where nobody listens, or the connection does not come in time', async () => {
    const transport = transportWith();
    const answer = ask(transport, { protocol: 'http', endpoint: endpointAt(await closedPort()) });
    expect(await answer.failed()).toMatchObject({ sent: false });
  });

  it.each([
    ['ends the connection without an answer', ''],
    ['ends it in the head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['ends it in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'],
    ['ends it in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['speaks no HTTP', 'what is this\r\n\r\n'],
  ])('fails with the request sent when the server %s', async (_, bytes) => {
    const server = await serverOf(({ socket }) => socket.end(bytes, 'latin1'));
    expect(await ask(transportWith(), server.destination).failed()).toMatchObject({ sent: true });
  });

  it('fails on a head that is too large', async () => {
    const server = await answering(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    const answer = ask(transportWith({ maxHeaderBytes: 8192 }), server.destination);
    expect(await answer.failed()).toMatchObject({ sent: true });
  });

  it('holds a server back whose answer is read more slowly', async () => {
    const size = 32 * 1024 * 1024;
    const server = await serverOf(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      socket.write(Buffer.alloc(size));
    });
    const answer = new Answer();
    answer.takes = false;
    answer.call = transportWith().send(server.destination, get(), answer);
    await until(() => answer.size > 0, 'the first bytes');
    const sent = (): number => {
      const socket = server.peers[0]?.socket;
      return socket === undefined ? 0 : socket.bytesWritten - socket.writableLength;
    };
    for (let before = -1; before !== sent();) {
      before = sent();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(answer.size).toBeLessThan(size / 2);
    answer.takes = true;
    answer.call?.resume();
    await answer.ended();
    expect(answer.size).toBe(size);
  });

  it('tells nothing after it was cancelled, and closes the connection', async () => {
    const server = await serverOf(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    });
    const answer = ask(transportWith(), server.destination);
    await until(() => answer.size > 0, 'the first bytes');
    answer.call?.cancel();
    const { size } = answer;
    await until(() => server.peers[0]?.socket.closed === true, 'the connection is closed');
    expect([answer.size, answer.failure, answer.complete]).toEqual([size, undefined, false]);
  });

  it('can be cancelled before the connection is there', async () => {
    const server = await serverOf(() => undefined);
    const transport = transportWith();
    const answer = ask(transport, server.destination);
    answer.call?.cancel();
    expect(transport.inFlight(server.destination)).toBe(0);
    ask(transport, server.destination, { target: '/second' });
    await until(() => server.peers.some(({ received }) => received.includes('/second')), 'the second request');
    expect([answer.failure, answer.complete]).toEqual([undefined, false]);
  });

  it('sends nothing any more once it is closed', async () => {
    const server = await serverOf(() => undefined);
    const transport = create(defaultTransportLimits, () => performance.now());
    const answer = ask(transport, server.destination);
    await until(() => server.peers.length === 1, 'the request');
    await transport.close();
    expect(await answer.failed()).toBeDefined();
    expect(ask(transport, server.destination).call).toBeUndefined();
  });

  it('switches protocols, and hands over the connection with what has come on it', async () => {
    const server = await serverOf(({ socket }) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\nfirst',
      );
      socket.on('data', (chunk) => socket.write(chunk));
    });
    const transport = transportWith();
    const answer = ask(transport, server.destination, { upgrade: 'websocket', headers: ['x-b', '2'] });
    await until(() => answer.connection !== undefined, 'the switch');
    expect(answer.seen()).toMatchObject({ status: 101, headers: ['x-a', '1'] });
    expect(server.peers[0]?.received.toLowerCase()).toMatch(
      /x-b: 2\r\n[^]*connection: upgrade\r\nupgrade: websocket\r\n/,
    );
    let received = '';
    answer.connection?.on('data', (chunk: Buffer) => (received += chunk.toString()));
    answer.connection?.write(' and more');
    await until(() => received === 'first and more', 'what came');
    expect(transport.inFlight(server.destination)).toBe(1);
    answer.connection?.destroy();
    await until(() => transport.inFlight(server.destination) === 0, 'it is over');
  });

  it('gives the answer of a server that does not switch', async () => {
    const server = await answering('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
    const answer = ask(transportWith(), server.destination, { upgrade: 'websocket' });
    await answer.ended();
    expect(answer.seen()).toMatchObject({ status: 401, body: 'no' });
  });

  it('forgets destinations that have been idle', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const transport = transportWith({ idlePoolMs: 20 });
    await ask(transport, server.destination).ended();
    expect(transport.size).toBe(1);
    await until(() => transport.size === 0, 'the destination is forgotten');
    await ask(transport, server.destination).ended();
  });
}

interface Upstream {
  readonly peers: readonly Peer[];
  readonly destination: Destination;
}

class Answer implements TransportEvents {
  call: TransportCall | undefined;
  takes = true;
  size = 0;
  complete = false;
  failure: TransportFailure | undefined;
  connection: Duplex | undefined;
  #status = 0;
  #headers: string[] = [];
  #trailers: string[] = [];
  readonly #chunks: Buffer[] = [];

  onHead(status: number, headers: string[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  onChunk(chunk: Buffer): boolean {
    this.size += chunk.length;
    this.#chunks.push(chunk);
    return this.takes;
  }

  onEnd(trailers: string[]): void {
    this.complete = true;
    this.#trailers = trailers;
  }

  onUpgrade(headers: string[], connection: Duplex): void {
    this.#status = 101;
    this.#headers = headers;
    this.connection = connection;
  }

  onFailure(failure: TransportFailure): void {
    this.failure = failure;
  }

  async ended(): Promise<void> {
    await until(() => this.complete || this.failure !== undefined, 'the answer');
    if (this.failure !== undefined) throw new Error(this.failure.message);
  }

  async failed(): Promise<TransportFailure | undefined> {
    await until(() => this.complete || this.failure !== undefined, 'the failure');
    return this.failure;
  }

  seen(): { status: number; headers: string[]; body: string; trailers: string[] } {
    const body = Buffer.concat(this.#chunks).toString();
    return { status: this.#status, headers: this.#headers, body, trailers: this.#trailers };
  }
}

function get(): UpstreamRequest {
  return { method: 'GET', target: '/', host: 'h', headers: [], body: undefined };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
