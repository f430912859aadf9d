import { expect, it } from 'vitest';
import { createSockets, type BindRequest, type BindResult } from '../../src/app/sockets.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** A system that refuses ports below 1024 to users other than root, and where other processes hold some sockets. */
function system(options: { root: boolean; taken?: readonly string[] }) {
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
          if (options.taken?.includes(`${request.address}:${bindPort}`) === true)
            return { port, boundPort: 0, error: 'EADDRINUSE' };
          return { port, boundPort: bindPort };
        }),
      );
    },
    unbind: (key) => {
      open.delete(key);
      return Promise.resolve();
    },
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
