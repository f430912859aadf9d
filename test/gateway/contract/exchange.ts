/**
 * What every implementation of `Exchange` does, whatever HTTP server is behind it. An implementation runs `exchangeContract` with a
 * way to start a server; cases speak to it with raw sockets, so that nothing of a client library is in between.
 */
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Exchange, ExchangeHandler } from '../../../src/gateway/exchange.ts';

export interface ExchangeServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a server that hands each request to `onExchange`. */
export type StartServer = (onExchange: (exchange: Exchange) => void) => Promise<ExchangeServer>;

const ignored: ExchangeHandler = {
  onBodyChunk: () => undefined,
  onBodyEnd: () => undefined,
  onDrain: () => undefined,
  onClientGone: () => undefined,
};

const text = ['content-type', 'text/plain'];

/** Reads the whole body, then answers with what it was. */
function echo(exchange: Exchange): void {
  let body = '';
  const answer = (): void => {
    exchange.reply(200, [...text], `${exchange.method} ${exchange.path}${exchange.search} ${body}`, false);
  };
  exchange.handler = {
    ...ignored,
    onBodyChunk: (chunk) => (body += chunk.toString()),
    onBodyEnd: answer,
  };
  if (exchange.hasBody) exchange.readBody();
  else answer();
}

export function exchangeContract(start: StartServer): void {
  const serving = async (
    onExchange: (exchange: Exchange) => void,
    use: (client: Client) => Promise<void>,
  ): Promise<void> => {
    const server = await start(onExchange);
    const client = new Client(server.port);
    try {
      await use(client);
    } finally {
      client.socket.destroy();
      await server.close();
    }
  };

  it('tells the request line, the host and the headers as they were sent', async () => {
    const seen: Exchange[] = [];
    await serving(
      (exchange) => {
        seen.push(exchange);
        echo(exchange);
      },
      async (client) => {
        client.send('GET /a%20b?x=1&y HTTP/1.1\r\nHost: Some.Host:8080\r\nX-One: 1\r\nx-one: 2\r\n\r\n');
        await client.answers(1);
        client.send('GET http://other.example:81/p?q HTTP/1.1\r\nHost: ignored\r\n\r\n');
        await client.answers(2);
        const [first, second] = seen;
        expect(first).toMatchObject({ method: 'GET', scheme: 'http', path: '/a%20b', search: '?x=1&y' });
        expect(first).toMatchObject({ authority: 'Some.Host:8080', host: 'some.host', hasBody: false });
        expect(first?.rawHeaders).toEqual(['Host', 'Some.Host:8080', 'X-One', '1', 'x-one', '2']);
        expect([first?.header('x-one'), first?.header('none')]).toEqual(['1, 2', undefined]);
        expect(second).toMatchObject({ authority: 'other.example:81', host: 'other.example', path: '/p' });
      },
    );
  });

  it('hands out bodies of a declared length and in chunks, and what follows on the connection', async () => {
    await serving(echo, async (client) => {
      client.send('POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel');
      client.send(
        'loPOST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n',
      );
      client.send('GET /after HTTP/1.1\r\nHost: h\r\n\r\n');
      expect(await client.answers(3)).toEqual(['POST /l hello', 'POST /c abcde', 'GET /after ']);
    });
  });

  it('says what it knows of the length of a body', async () => {
    const seen: [number | undefined, boolean][] = [];
    await serving(
      (exchange) => {
        seen.push([exchange.contentLength, exchange.hasBody]);
        echo(exchange);
      },
      async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n');
        client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx');
        client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
        await client.answers(4);
        expect(seen).toEqual([
          [undefined, false],
          [0, false],
          [1, true],
          [undefined, true],
        ]);
      },
    );
  });

  it('asks for the body of a client that waits only when somebody reads it', async () => {
    let exchange: Exchange | undefined;
    await serving(
      (given) => (exchange = given),
      async (client) => {
        client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
        await until(() => exchange !== undefined);
        expect(client.received).toBe('');
        if (exchange !== undefined) echo(exchange);
        await client.receives('HTTP/1.1 100 Continue\r\n\r\n');
        client.send('ok');
        await client.receives('POST / ok');
      },
    );
  });

  it('holds a client back that sends faster than it is read', async () => {
    let exchange: Exchange | undefined;
    let size = 0;
    let ended = false;
    await serving(
      (given) => {
        exchange = given;
        given.handler = {
          ...ignored,
          onBodyChunk(chunk) {
            size += chunk.length;
            given.pauseBody();
          },
          onBodyEnd: () => (ended = true),
        };
        given.readBody();
      },
      async (client) => {
        const length = 32 * 1024 * 1024;
        client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`);
        client.socket.write(Buffer.alloc(length));
        await until(() => size > 0);
        await quiet(() => client.socket.bytesWritten - client.socket.writableLength);
        expect(size).toBeLessThan(length / 2);
        expect(client.socket.writableLength).toBeGreaterThan(0);
        while (!ended) {
          exchange?.resumeBody();
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(size).toBe(length);
      },
    );
  });

  it('sends a head at once, bytes as they come, and trailers', async () => {
    let exchange: Exchange | undefined;
    await serving(
      (given) => {
        exchange = given;
        given.handler = ignored;
      },
      async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        await until(() => exchange !== undefined);
        expect(exchange?.headSent).toBe(false);
        exchange?.sendHead(200, ['x-a', '1', 'x-a', '2', 'trailer', 't'], true);
        expect(exchange?.headSent).toBe(true);
        await client.receives('\r\n\r\n');
        expect(client.received.toLowerCase()).toContain('x-a: 1\r\nx-a: 2\r\n');
        exchange?.write('one');
        await client.receives('one');
        exchange?.write(Buffer.from('two'));
        await client.receives('two');
        exchange?.end(['t', 'last']);
        await client.receives('0\r\n');
        await client.receives('last\r\n\r\n');
      },
    );
  });

  it('says when a client reads more slowly, and when it takes bytes again', async () => {
    let drained = 0;
    let exchange: Exchange | undefined;
    await serving(
      (given) => {
        exchange = given;
        given.handler = { ...ignored, onDrain: () => (drained += 1) };
      },
      async (client) => {
        client.socket.pause();
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        await until(() => exchange !== undefined);
        exchange?.sendHead(200, ['content-length', String(64 * 1024 * 1024)], false);
        let written = 0;
        while (written < 64 * 1024 * 1024 && exchange?.write(Buffer.alloc(1024 * 1024)) === true)
          written += 1024 * 1024;
        expect(written).toBeLessThan(64 * 1024 * 1024);
        expect(drained).toBe(0);
        client.socket.resume();
        await until(() => drained === 1);
      },
    );
  });

  it('tells that the client went away, once, and not after a complete answer', async () => {
    let gone = 0;
    let begun = 0;
    await serving(
      (exchange) => {
        begun += 1;
        exchange.handler = { ...ignored, onClientGone: () => (gone += 1) };
        if (exchange.path === '/whole') exchange.reply(200, [...text], 'x', false);
        else exchange.sendHead(200, [...text], true);
      },
      async (client) => {
        client.send('GET /whole HTTP/1.1\r\nHost: h\r\n\r\n');
        await client.receives('\r\n\r\nx');
        client.send('GET /open HTTP/1.1\r\nHost: h\r\n\r\n');
        await until(() => begun === 2);
        expect(gone).toBe(0);
        client.socket.destroy();
        await until(() => gone === 1);
      },
    );
  });

  it.each([204, 304])('answers %i without a body, and goes on', async (status) => {
    await serving(
      (exchange) => {
        exchange.handler = ignored;
        if (exchange.path === '/next') exchange.reply(200, [...text], 'next', false);
        else {
          exchange.sendHead(status, ['x-a', '1'], false);
          exchange.end();
        }
      },
      async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n');
        await client.receives('next');
        expect(client.received).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*?\r\n\r\nHTTP/1.1 200 `));
      },
    );
  });

  it('answers HEAD with the head that GET has and no body', async () => {
    await serving(echo, async (client) => {
      client.send('HEAD /h HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n');
      await client.receives('GET /next ');
      expect(client.received).toMatch(/^HTTP\/1.1 200 [^]*content-length: 8\r\n[^]*?\r\n\r\nHTTP\/1.1 200 /i);
    });
  });

  it('closes after an answer that says so, and carries out nothing that follows', async () => {
    const paths: string[] = [];
    await serving(
      (exchange) => {
        paths.push(exchange.path);
        exchange.handler = ignored;
        exchange.reply(400, [...text], 'no', true);
      },
      async (client) => {
        client.send('GET /one HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\n');
        await client.closed();
        expect(client.received).toMatch(/connection: close[^]*no$/i);
        expect(paths).toEqual(['/one']);
      },
    );
  });

  it('begins a pipelined request when the one before it has its answer', async () => {
    const open: Exchange[] = [];
    await serving(
      (exchange) => {
        exchange.handler = ignored;
        open.push(exchange);
      },
      async (client) => {
        client.send(
          'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
        );
        for (const number of [1, 2, 3]) {
          await until(() => open.length === number);
          await new Promise((resolve) => setImmediate(resolve));
          expect(open.map(({ path }) => path)).toEqual(['/1', '/2', '/3'].slice(0, number));
          open.at(-1)?.reply(200, [...text], `answer ${number};`, false);
          await client.receives(`answer ${number};`);
        }
      },
    );
  });

  it('answers what came before a request that cannot be read, then says what is wrong and closes', async () => {
    let first: Exchange | undefined;
    await serving(
      (exchange) => {
        exchange.handler = ignored;
        first = exchange;
      },
      async (client) => {
        client.send('GET /1 HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n');
        await until(() => first !== undefined);
        await new Promise((resolve) => setImmediate(resolve));
        first?.reply(200, [...text], 'first', false);
        await client.closed();
        expect(client.received).toMatch(/^HTTP\/1.1 200 [^]*firstHTTP\/1.1 400 /);
      },
    );
  });

  it.each([
    [
      'a coding it does not know',
      'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1.1 (400|501) /,
    ],
    [
      'a length and a coding',
      'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1.1 400 /,
    ],
    [
      'two lengths',
      'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde',
      /^HTTP\/1.1 400 /,
    ],
    ['a length with a sign', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd', /^HTTP\/1.1 400 /],
    ['a broken chunk', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', /^HTTP\/1.1 400 /],
    ['a space before a colon', 'GET /x HTTP/1.1\r\nHost : h\r\n\r\n', /^HTTP\/1.1 400 /],
    ['a folded header', 'GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n', /^HTTP\/1.1 400 /],
    ['two hosts', 'GET /x HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n', /^HTTP\/1.1 400 /],
    ['no host', 'GET /x HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 /],
    ['a URL without a host', 'GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n', /^HTTP\/1.1 400 /],
    ['version 2.0', 'GET /x HTTP/2.0\r\nHost: h\r\n\r\n', /^HTTP\/1.1 (400|505) /],
    ['version 0.9', 'GET /x HTTP/0.9\r\nHost: h\r\n\r\n', /^HTTP\/1.1 (400|505) /],
    ['no version', 'GET /x\r\n\r\n', /^HTTP\/1.1 (400|505) /],
  ])('refuses %s, closes, and carries out nothing that follows', async (_, bytes, expected) => {
    const paths: string[] = [];
    await serving(
      (exchange) => {
        paths.push(exchange.path);
        echo(exchange);
      },
      async (client) => {
        client.send(`${bytes}GET /next HTTP/1.1\r\nHost: h\r\n\r\n`);
        await client.closed();
        expect(client.received).toMatch(expected);
        expect(client.received.match(/HTTP\/1.1 \d/g)).toHaveLength(1);
        expect(paths).not.toContain('/next');
      },
    );
  });

  it('hands over the connection of a client that switches protocols', async () => {
    await serving(
      (exchange) => {
        exchange.handler = ignored;
        expect(exchange.upgrade).toBe('websocket');
        const connection = exchange.switchProtocols(['x-a', '1']);
        connection.on('data', (chunk: Buffer) => connection.write(`<${chunk.toString()}>`));
      },
      async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly');
        await client.receives('\r\n\r\n<early>');
        expect(client.received).toMatch(/^HTTP\/1.1 101 [^]*connection: Upgrade\r\nupgrade: websocket\r\nx-a: 1\r\n/);
        client.send('later');
        await client.receives('<later>');
      },
    );
  });

  it('answers a client that wants to switch and may not', async () => {
    await serving(
      (exchange) => {
        exchange.handler = ignored;
        exchange.reply(404, [...text], 'nothing here', false);
      },
      async (client) => {
        client.send('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        await client.closed();
        expect(client.received).toMatch(/^HTTP\/1.1 404 [^]*nothing here$/);
      },
    );
  });

  it('serves a request that offers a protocol nobody speaks here as if nothing was said', async () => {
    await serving(echo, async (client) => {
      client.send(
        'POST /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok',
      );
      expect(await client.answers(1)).toEqual(['POST /x ok']);
    });
  });

  it('closes after HTTP/1.0 with a transfer coding', async () => {
    await serving(echo, async (client) => {
      client.send(
        'POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /next HTTP/1.0\r\n\r\n',
      );
      await client.closed();
      expect(client.received).not.toContain('/next');
    });
  });
}

class Client {
  readonly socket: Socket;
  received = '';
  #from = 0;
  #closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.#closed = true));
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  /** Waits for this text behind what was waited for before. */
  async receives(wanted: string): Promise<void> {
    await until(() => this.received.includes(wanted, this.#from));
    this.#from = this.received.indexOf(wanted, this.#from) + wanted.length;
  }

  closed(): Promise<void> {
    return until(() => this.#closed);
  }

  /** The bodies of so many answers with a declared length. */
  async answers(count: number): Promise<string[]> {
    const shape = /HTTP\/1.1 200 [^]*?content-length: (\d+)\r\n[^]*?\r\n\r\n/gi;
    const bodies = (): string[] =>
      Array.from(this.received.matchAll(shape), (match) => {
        const from = match.index + match[0].length;
        return this.received.slice(from, from + Number(match[1]));
      });
    await until(() => bodies().length >= count);
    return bodies();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until a figure no longer changes. */
async function quiet(figure: () => number): Promise<void> {
  for (let before = -1; before !== figure();) {
    before = figure();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
