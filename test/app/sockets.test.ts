import { expect, it } from 'vitest';
import { isOutside, sharedAddress } from '../../src/app/sharedaddress.ts';
import { createSockets, type BindRequest, type BindResult, type SharedAddress } from '../../src/app/sockets.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** A system that refuses ports below 1024 to users other than root, and where other processes hold some sockets. */
function system(options: { root: boolean; taken?: readonly string[]; exclusive?: boolean; shared?: SharedAddress }) {
  const open = new Map<string, BindRequest>();
  const held: string[] = [];
  let next = 1;
  const sockets = createSockets({
    allocate: (preferred) => {
      const address = preferred ?? `127.10.200.${next++}`;
      held.push(address);
      return address;
    },
    release: (address) => {
      held.splice(held.indexOf(address), 1);
    },
    bind: (key, request) => {
      open.set(key, request);
      return Promise.resolve(
        request.listeners.map(({ port, bindPort }): BindResult => {
          if (bindPort < 1024 && !options.root) return { port, boundPort: 0, error: 'EACCES' };
          const others = [...open].filter(([other]) => other !== key).flatMap(([, { listeners }]) => listeners);
          const held = options.exclusive === true && others.some((listener) => listener.bindPort === bindPort);
          if (held || options.taken?.includes(`${request.address}:${bindPort}`) === true)
            return { port, boundPort: 0, error: 'EADDRINUSE' };
          return { port, boundPort: bindPort };
        }),
      );
    },
    unbind: (key) => {
      open.delete(key);
      return Promise.resolve();
    },
    shared: options.shared,
    log: createLog({ level: 'silent' }),
  });
  return { sockets, open, held };
}

const http = { key: 'default/web', listeners: [{ name: 'http', port: 80 }] };

it('binds the declared port on an address of its own', async () => {
  const { sockets } = system({ root: true });
  const programmed = await sockets.program([http, { ...http, key: 'default/other' }]);
  expect([...programmed.values()].map(({ addresses }) => addresses)).toEqual([['127.10.200.1'], ['127.10.200.2']]);
  expect(programmed.get('default/web')?.listeners.get('http')).toEqual({ ok: true, boundPort: 80 });
});

it('moves a privileged port up by 8000 where the system refuses it, and leaves the others', async () => {
  const { sockets } = system({ root: false });
  const listeners = [...http.listeners, { name: 'alt', port: 9000 }];
  const gateway = (await sockets.program([{ ...http, listeners }])).get('default/web');
  expect(gateway?.listeners.get('http')).toEqual({ ok: true, boundPort: 8080 });
  expect(gateway?.listeners.get('alt')).toEqual({ ok: true, boundPort: 9000 });
});

it('moves a privileged port past a listener that is 8000 higher', async () => {
  const { sockets } = system({ root: false });
  const listeners = [...http.listeners, { name: 'alt', port: 8080 }];
  const gateway = (await sockets.program([{ ...http, listeners }])).get('default/web');
  expect(gateway?.listeners.get('http')).toEqual({ ok: true, boundPort: 16080 });
  expect(gateway?.listeners.get('alt')).toEqual({ ok: true, boundPort: 8080 });
});

it('goes to another address when a port is taken, and gives the first one back', async () => {
  const { sockets, held } = system({ root: true, taken: ['127.10.200.1:80'] });
  const gateway = (await sockets.program([http])).get('default/web');
  expect(gateway?.addresses).toEqual(['127.10.200.2']);
  expect(held).toEqual(['127.10.200.2']);
});

it('keeps the address when listeners change, reports a port it cannot have, and closes what is gone', async () => {
  const { sockets, open, held } = system({ root: true, taken: ['127.10.200.1:90'] });
  await sockets.program([http]);
  const more = { ...http, listeners: [...http.listeners, { name: 'more', port: 90 }] };
  const gateway = (await sockets.program([more])).get('default/web');
  expect(gateway?.addresses).toEqual(['127.10.200.1']);
  expect(gateway?.listeners.get('more')).toEqual({
    ok: false,
    message: 'cannot listen on 127.10.200.1:90: EADDRINUSE',
  });
  await sockets.program([]);
  expect([...open.keys()]).toEqual([]);
  expect(held).toEqual([]);
});

it('gives each port of an address that all share a place of its own, and keeps it', async () => {
  const shared = { address: '0.0.0.0', reachedAt: ['127.0.0.1', '192.0.2.7'] };
  const { sockets, held } = system({ root: false, taken: ['0.0.0.0:8080'], shared });
  const demands = [http, { key: 'default/other', listeners: [{ name: 'http', port: 9000 }] }];
  const programmed = await sockets.program(demands);
  const web = programmed.get('default/web');
  expect(web?.addresses).toEqual(['127.0.0.1', '192.0.2.7']);
  expect(web?.listeners.get('http')).toEqual({ ok: true, boundPort: 8081 });
  expect(programmed.get('default/other')?.listeners.get('http')).toEqual({ ok: true, boundPort: 9000 });
  expect((await sockets.program(demands)).get('default/web')?.listeners.get('http')).toEqual({
    ok: true,
    boundPort: 8081,
  });
  await sockets.program([]);
  expect(held).toEqual([]);
});

it('gives two Gateways of one address two ports', async () => {
  const shared = { address: '127.0.0.1', reachedAt: ['127.0.0.1'] };
  const { sockets } = system({ root: true, exclusive: true, shared });
  const programmed = await sockets.program([http, { ...http, key: 'default/other' }]);
  const ports = [...programmed.values()].map(({ listeners }) => listeners.get('http'));
  expect(ports).toEqual([
    { ok: true, boundPort: 80 },
    { ok: true, boundPort: 81 },
  ]);
});

it.each([
  ['localhost', '127.0.0.1', false],
  ['::1', '::1', false],
  ['0.0.0.0', '0.0.0.0', true],
])('takes --listen %s', (given, address, outside) => {
  const shared = sharedAddress(given);
  expect(shared.address).toBe(address);
  expect(shared.reachedAt[0]).toBe(address === '0.0.0.0' ? '127.0.0.1' : address);
  expect(isOutside(shared)).toBe(outside);
});

it('refuses to listen on a name', () => {
  expect(() => sharedAddress('example.com')).toThrow(/--listen example\.com: use an IP address/);
});
