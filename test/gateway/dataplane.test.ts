import { createServer } from 'node:net';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, listen, startFixture, table, target, until, type Fixture } from './fixture.ts';
import { createServer as createHttpServer } from 'node:http';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

describe('tables', () => {
  it('are swapped under load without a failed request', async () => {
    const upstreams = await Promise.all(
      ['a', 'b'].map((name) =>
        fixture.upstream((request, response) => {
          request.resume().on('end', () => response.end(name));
        }),
      ),
    );
    const tables = upstreams.map(
      ({ endpoint }) =>
        () =>
          table([{ model: 'm', backends: [backend(target([endpoint]))] }]),
    );
    const seen = new Set<string>();
    let swaps = 0;
    fixture.plane.apply(table([{ model: 'm', backends: [] }]));
    const swap = (): void => {
      const make = tables[swaps % 2];
      if (make !== undefined) fixture.plane.apply(make());
      swaps += 1;
    };
    swap();
    const timer = setInterval(swap, 2);
    const load = async (): Promise<void> => {
      for (let round = 0; round < 150; round += 1) {
        const answer = await fixture.chat({ model: 'm' });
        expect(answer.statusCode).toBe(200);
        seen.add(await answer.body.text());
      }
    };
    await Promise.all(Array.from({ length: 8 }, load));
    clearInterval(timer);
    expect(swaps).toBeGreaterThan(10);
    expect(seen).toEqual(new Set(['a', 'b']));
  });

  it('serve no HTTPS listener in the clear', async () => {
    fixture.plane.apply(table([{ backends: [] }], {}, { protocol: 'HTTPS' }));
    expect((await fixture.call('/')).statusCode).toBe(404);
  });
});

describe('sockets', () => {
  it('that stay keep their connections; those that go finish their requests', async () => {
    let held: ServerResponse | undefined;
    const { endpoint } = await fixture.upstream((_, response) => (held = response));
    const gateway = 'default/gw';
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const pending = fixture.call('/');
    await until(() => held !== undefined, 'the request is in flight');
    const same = { address: '127.0.0.1', listeners: [{ port: 80, bindPort: 0 }] };
    expect(await fixture.plane.bind(gateway, same)).toEqual([{ port: 80, boundPort: fixture.port }]);
    expect(fixture.plane.stats().connections).toBe(1);
    const moved = await fixture.plane.bind(gateway, { address: '127.0.0.1', listeners: [{ port: 81, bindPort: 0 }] });
    expect(moved[0]?.boundPort).not.toBe(fixture.port);
    held?.end('done');
    const answer = await pending;
    expect([answer.headers.connection, await answer.body.text()]).toEqual(['close', 'done']);
    await expect(fixture.call('/')).rejects.toThrow();
    await until(() => fixture.plane.stats().connections === 0, 'the old connection is closed');
  });

  it('that cannot be bound say why', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const bound = await fixture.plane.bind('default/other', {
      address: '127.0.0.1',
      listeners: [
        { port: 80, bindPort: port },
        { port: 81, bindPort: 0 },
      ],
    });
    expect(bound[0]).toEqual({ port: 80, boundPort: 0, error: 'EADDRINUSE' });
    expect(bound[1]?.boundPort).toBeGreaterThan(0);
    await fixture.plane.unbind('default/other');
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe('close', () => {
  it('lets requests in flight finish within the grace, and cuts them after it', async () => {
    const held: ServerResponse[] = [];
    const { endpoint, connections } = await fixture.upstream((_, response) => held.push(response));
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const finishing = fixture.call('/');
    const hanging = fixture.call('/').then(
      () => 'answered',
      () => 'cut',
    );
    await until(() => held.length === 2, 'both requests are in flight');
    const [first, second] = held;
    const closing = fixture.plane.close(300);
    first?.end('in time');
    second?.on('close', () => undefined);
    const results = await Promise.all([finishing.then((answer) => answer.body.text()).catch(() => 'cut'), hanging]);
    // Which of the two requests reached the upstream first is up to the sockets; exactly one of them finishes.
    expect(results.filter((result) => result === 'cut')).toHaveLength(1);
    await closing;
    await until(() => connections.size === 0, 'no connection to the upstream is left');
    expect(fixture.plane.stats()).toMatchObject({ connections: 0, inFlight: 0, upstreamPools: 0 });
  });

  it('closes pools that have been idle', async () => {
    await fixture.close();
    fixture = await startFixture({ upstreamLimits: { idlePoolMs: 40 } });
    const server = createHttpServer((_, response) => response.end());
    const port = await listen(server);
    fixture.plane.apply(
      table([{ backends: [backend(target([{ key: `127.0.0.1:${port}`, address: '127.0.0.1', port }]))] }]),
    );
    await (await fixture.call('/')).body.text();
    expect(fixture.plane.stats().upstreamPools).toBe(1);
    await until(() => fixture.plane.stats().upstreamPools === 0, 'the pool is closed');
    await new Promise((resolve) => server.close(resolve));
  });
});
