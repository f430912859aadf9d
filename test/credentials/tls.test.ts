import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { mismatch, TlsDials, tlsProblem, type UpstreamTls } from '../../src/credentials/tls.ts';
import { createAuthority, type Authority, type Issued } from './certificates.ts';
import { createWorld } from './world.ts';

let authority: Authority;
let stranger: Authority;
let server: Issued;
let expired: Issued;
let client: Issued;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  server = await authority.issue([
    { type: 'dns', value: 'api.example.com' },
    { type: 'dns', value: '*.wild.example.com' },
    { type: 'url', value: 'spiffe://example.com/ns/a,b' },
  ]);
  expired = await authority.issue([{ type: 'dns', value: 'api.example.com' }], new Date('2021-01-01'));
  client = await authority.issue([{ type: 'dns', value: 'gateway' }]);
});

async function listen(options: TlsOptions): Promise<{ port: number; names: string[]; resumed: boolean[] }> {
  const names: string[] = [];
  const resumed: boolean[] = [];
  const listening = createServer(options, (socket) => {
    // `false`: the client named no host.
    names.push(String((socket as TLSSocket & { servername: string | false }).servername));
    resumed.push(socket.isSessionReused());
    socket.on('error', () => undefined);
    socket.end('hello');
  });
  listening.on('tlsClientError', () => undefined);
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  onTestFinished(() => {
    listening.close();
  });
  return { port: (listening.address() as AddressInfo).port, names, resumed };
}

const tlsOf = (more: Partial<UpstreamTls> = {}): UpstreamTls => ({
  declaredBy: 'BackendTLSPolicy default/p',
  serverName: 'api.example.com',
  authorities: { pem: authority.pem },
  ...more,
});

/** What comes of a connection: `hello`, or why there is none. */
async function dialled(
  port: number,
  tls: UpstreamTls,
  dials = new TlsDials(createWorld().secrets),
): Promise<string | undefined> {
  const socket = connect({ ...dials.dial(tls).options, port, host: '127.0.0.1' });
  return new Promise((resolve) => {
    socket.on('data', (data: Buffer) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.on('error', (error: Error) => {
      resolve(tlsProblem(error, tls, '127.0.0.1:1') ?? error.message);
    });
  });
}

describe('TLS to backends', () => {
  it('sends the server name and verifies the certificate by it', async () => {
    const { port, names } = await listen(server);
    expect(await dialled(port, tlsOf())).toBe('hello');
    expect(names).toEqual(['api.example.com']);
    expect(await dialled(port, tlsOf({ serverName: 'a.wild.example.com' }))).toBe('hello');
    expect(await dialled(port, tlsOf({ serverName: 'other.example.com' }))).toBe(
      'TLS to 127.0.0.1:1: its certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID; BackendTLSPolicy default/p)',
    );
  });

  it.each<[UpstreamTls['names'], boolean]>([
    [[{ type: 'Hostname', value: 'api.example.com' }], true],
    [[{ type: 'Hostname', value: 'x.wild.example.com' }], true],
    [[{ type: 'Hostname', value: '*.wild.example.com' }], true],
    [[{ type: 'Hostname', value: '*.example.com' }], false],
    [[{ type: 'Hostname', value: 'other.example.com' }], false],
    [[{ type: 'URI', value: 'spiffe://example.com/ns/a,b' }], true],
    [[{ type: 'URI', value: 'spiffe://example.com/ns/a' }], false],
    [
      [
        { type: 'URI', value: 'api.example.com' },
        { type: 'Hostname', value: 'api.example.com' },
      ],
      true,
    ],
  ])('verifies the names that are wanted in place of the server name: %j', async (names, fits) => {
    const { port } = await listen(server);
    const outcome = await dialled(port, tlsOf({ serverName: 'sni.example.com', ...(names && { names }) }));
    if (fits) expect(outcome).toBe('hello');
    else expect(outcome).toContain('its certificate is for another name');
  });

  it('says why a certificate is not good', async () => {
    const [strange, old, selfSigned] = await Promise.all([
      listen(await stranger.issue([{ type: 'dns', value: 'api.example.com' }])),
      listen(expired),
      listen(server),
    ]);
    expect(await dialled(strange.port, tlsOf())).toContain('comes from an authority that is not trusted');
    expect(await dialled(selfSigned.port, tlsOf({ authorities: 'system' }))).toContain(
      'an authority that is not trusted',
    );
    expect(await dialled(old.port, tlsOf())).toContain('its certificate has expired');
    expect(await dialled(old.port, tlsOf({ authorities: 'anyone' }))).toBe('hello');
  });

  it('shows a client certificate, and another one as soon as its Secret changes', async () => {
    const world = createWorld();
    const dials = new TlsDials(world.secrets);
    const { port } = await listen({ ...server, ca: authority.pem, requestCert: true, rejectUnauthorized: true });
    const tls = tlsOf({ clientCertificate: { namespace: 'default', name: 'client' }, maxVersion: 'TLSv1.2' });
    expect(() => dials.dial(tls)).toThrow('client certificate: Secret default/client not found');
    expect(await dialled(port, tlsOf({ maxVersion: 'TLSv1.2' }), dials)).not.toBe('hello');
    world.putSecret('client', { 'tls.crt': client.cert, 'tls.key': client.key });
    expect(await dialled(port, tls, dials)).toBe('hello');
    const { key } = dials.dial(tls);
    expect(dials.dial(tls).key).toBe(key);
    const other = await stranger.issue([{ type: 'dns', value: 'gateway' }]);
    world.putSecret('client', { 'tls.crt': other.cert, 'tls.key': other.key });
    expect(dials.dial(tls).key).not.toBe(key);
    expect(await dialled(port, tls, dials)).not.toBe('hello');
    world.putSecret('client', { 'tls.crt': client.cert, 'tls.key': other.key });
    expect(() => dials.dial(tls)).toThrow(/^BackendTLSPolicy default\/p: TLS cannot be set up: .*mismatch/);
  });

  it('shows the certificate of the Gateway where the backend wants no other', async () => {
    const world = createWorld();
    world.putSecret('gateway', { 'tls.crt': client.cert, 'tls.key': client.key });
    const dials = new TlsDials(world.secrets);
    const certificate = { namespace: 'default', name: 'gateway' };
    const tls = tlsOf();
    expect(dials.dial(tls, certificate)).toBe(dials.dial(tls, certificate));
    expect(dials.dial(tls, certificate)).not.toBe(dials.dial(tls));
  });

  it('speaks no version before 1.2, and the versions that are wanted', async () => {
    const { port } = await listen({ ...server, minVersion: 'TLSv1.3' });
    expect(await dialled(port, tlsOf({ maxVersion: 'TLSv1.2' }))).toContain('TLS to 127.0.0.1:1');
    expect(await dialled(port, tlsOf({ minVersion: 'TLSv1.3' }))).toBe('hello');
  });

  it('reads names in quotes as Node writes them', () => {
    const subject = { CN: 'x' } as never;
    const certificate = { subject, subjectaltname: 'DNS:"a, DNS:evil.example.com", URI:spiffe://x, DNS:b.example.com' };
    const has = (value: string) => mismatch([{ type: 'Hostname', value }], certificate) === undefined;
    expect([has('b.example.com'), has('evil.example.com')]).toEqual([true, false]);
  });

  it('leaves errors that are not of TLS to others', () => {
    expect(tlsProblem(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), tlsOf(), 'h')).toBeUndefined();
  });
});
