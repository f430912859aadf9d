import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { UpstreamTls } from '../../src/credentials/tls.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createAuthority, type Authority, type Issued } from '../credentials/certificates.ts';
import { createWorld } from '../credentials/world.ts';
import { backend, endpointAt, startFixture, table, target } from './fixture.ts';

let authority: Authority;
let server: Issued;
let client: Issued;

beforeAll(async () => {
  authority = await createAuthority();
  server = await authority.issue([
    { type: 'dns', value: 'api.example.com' },
    { type: 'ip', value: '127.0.0.1' },
  ]);
  client = await authority.issue([{ type: 'dns', value: 'gateway' }]);
});

const tlsOf = (more: Partial<UpstreamTls> = {}): UpstreamTls => ({
  declaredBy: 'BackendTLSPolicy default/p',
  serverName: 'api.example.com',
  authorities: { pem: authority.pem },
  ...more,
});

/** A gateway before a server that speaks TLS. */
async function start(options: TlsOptions = {}, world = createWorld()) {
  const connections: { name: string; resumed: boolean; peer: boolean }[] = [];
  const secured = createServer({ ...server, ...options }, (request, response) => {
    if (request.url === '/close') response.setHeader('connection', 'close');
    response.end(`host ${request.headers.host ?? ''}`);
  });
  secured.on('secureConnection', (socket: TLSSocket & { servername: string | false }) => {
    connections.push({ name: String(socket.servername), resumed: socket.isSessionReused(), peer: socket.authorized });
  });
  secured.on('tlsClientError', () => undefined);
  secured.listen(0, '127.0.0.1');
  await once(secured, 'listening');
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const fixture = await startFixture({ credentials: world, log: createLog({ level: 'debug', destination }) });
  onTestFinished(async () => {
    await fixture.close();
    secured.closeAllConnections();
    secured.close();
  });
  const { port } = secured.address() as AddressInfo;
  const serve = (tls: UpstreamTls, gateway: Parameters<typeof table>[1] = {}): void => {
    const up = { ...target([endpointAt(port)]), protocol: 'https' as const, tls };
    fixture.plane.apply(table([{ backends: [backend(up)] }], gateway));
  };
  const call = (path: string, more?: Parameters<typeof fixture.call>[1]) => fixture.call(path, more);
  const raw = (bytes: string) => fixture.raw(bytes);
  return { call, raw, plane: fixture.plane, world, connections, lines, serve };
}

describe('backends over TLS', () => {
  it('are asked by the name that is declared, on connections that are kept, whatever Host the clients send', async () => {
    const { call, serve, connections } = await start();
    serve(tlsOf());
    for (const host of ['a.test', 'b.test', 'c.test']) {
      const answer = await call('/', { headers: { host } });
      expect([answer.statusCode, await answer.body.text()]).toEqual([200, `host ${host}`]);
    }
    expect(connections).toEqual([{ name: 'api.example.com', resumed: false, peer: false }]);
  });

  it('resume sessions on new connections', async () => {
    const { call, serve, connections } = await start();
    serve(tlsOf());
    for (let i = 0; i < 3; i += 1) await (await call('/close')).body.dump();
    expect(connections.map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });

  it('at an address are verified by it, and sent no name', async () => {
    const { call, serve, connections } = await start();
    serve({ declaredBy: 'Backend default/b', authorities: { pem: authority.pem } });
    expect((await call('/', { headers: { host: 'api.example.com' } })).statusCode).toBe(200);
    expect(connections[0]?.name).toBe('false');
  });

  it.each<[string, () => UpstreamTls, string]>([
    ['for another name', () => tlsOf({ serverName: 'other.example.com' }), 'its certificate is for another name'],
    ['from nobody known', () => tlsOf({ authorities: 'system' }), 'an authority that is not trusted'],
    [
      'without the name that is wanted',
      () => tlsOf({ names: [{ type: 'URI', value: 'spiffe://x' }] }),
      'its certificate is for another name',
    ],
  ])('with a certificate %s get nothing: 503, and the log says which policy, host and reason', async (_, tls, why) => {
    const { call, serve, lines } = await start();
    serve(tls());
    expect((await call('/')).statusCode).toBe(503);
    expect(lines.join('')).toMatch(new RegExp(`TLS to 127.0.0.1:\\d+: .*${why}.*BackendTLSPolicy default/p`));
  });

  it('are shown the client certificate of the backend, else of the Gateway, as its Secret is now', async () => {
    const { call, serve, world, connections } = await start({
      ca: authority.pem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const clientCertificate = { namespace: 'default', name: 'client' };
    serve(tlsOf({ maxVersion: 'TLSv1.2' }));
    expect((await call('/')).statusCode).toBe(503);
    serve(tlsOf({ maxVersion: 'TLSv1.2', clientCertificate }));
    const missing = await call('/');
    expect([missing.statusCode, await missing.body.text()]).toEqual([
      500,
      'a backend of this route is not usable: client certificate: Secret default/client not found',
    ]);
    world.putSecret('client', { 'tls.crt': client.cert, 'tls.key': client.key });
    expect((await call('/')).statusCode).toBe(200);
    serve(tlsOf({ maxVersion: 'TLSv1.2' }), { clientCertificate });
    expect((await call('/')).statusCode).toBe(200);
    expect(connections.every(({ peer }) => peer)).toBe(true);
  });

  it('whose TLS is not set up get nothing and say why', async () => {
    const { call, plane } = await start();
    plane.apply(
      table([{ backends: [backend({ ...target([]), problem: 'BackendTLSPolicy default/p: no certificate' })] }]),
    );
    const answer = await call('/');
    expect([answer.statusCode, await answer.body.text()]).toEqual([
      500,
      'a backend of this route is not usable: BackendTLSPolicy default/p: no certificate',
    ]);
  });

  it('switch protocols over TLS only', async () => {
    const { serve, raw, connections } = await start();
    serve(tlsOf());
    const answer = await raw('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(answer).toContain('200');
    expect(connections.map(({ name }) => name)).toEqual(['api.example.com']);
  });
});
