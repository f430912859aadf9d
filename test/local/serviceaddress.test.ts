import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startApiServer } from '../../src/apiserver/server.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { poolsOf } from '../../src/local/network.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startLocalCluster } from './cluster.ts';

/** Nobody else may answer where a Service says that it is. */

const log = createLog({ level: 'silent' });

const serviceOf = (name: string, port: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port }] },
});

test('after a restart in another network a Service has an address of that network, and keeps it', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-addresses-'));
  /** The address of the Service in a run whose network is this block. */
  const addressIn = async (block: number, create = false): Promise<string[]> => {
    const { services } = poolsOf(block);
    const server = await startApiServer({ dataDir, kinds: allKinds, log, serviceAddresses: services });
    const api = createKubeClient({
      server: server.url,
      credentials: fixedCredentials({ ca: server.caCertificate, token: server.token }),
    });
    try {
      if (create) await api.create(Service, serviceOf('web', 8080));
      const service = await api.get(Service, { namespace: 'default', name: 'web' });
      const { clusterIP = '', clusterIPs = [] } = service?.spec ?? {};
      // It is held: no other Service can have it.
      expect(services.isFree(clusterIP)).toBe(false);
      return [clusterIP, ...clusterIPs];
    } finally {
      await api.close();
      await server.close();
    }
  };
  try {
    const [first] = await addressIn(10, true);
    expect(first).toMatch(/^127\.10\./);
    const [moved, ...others] = await addressIn(11);
    expect(moved).toMatch(/^127\.11\./);
    expect(others).toEqual([moved]);
    expect(await addressIn(11)).toEqual([moved, moved]);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});

test('a Service is told to have no address while another program has its port there', async () => {
  const other = createServer().listen(0, '0.0.0.0');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const cluster = await startLocalCluster();
  const condition = async (): Promise<unknown> =>
    (await cluster.api.get(Service, { namespace: 'default', name: 'web' }))?.status?.conditions?.[0];
  try {
    await cluster.api.create(Service, serviceOf('web', port));
    await vi.waitFor(
      async () => {
        expect(await condition()).toMatchObject({
          type: 'headgate.dev/AddressAvailable',
          status: 'False',
          message: expect.stringContaining(`:${String(port)} (EADDRINUSE): another program answers there`) as string,
        });
      },
      { timeout: 30_000 },
    );
    other.close();
    await vi.waitFor(
      async () => {
        expect(await condition()).toMatchObject({ status: 'True', message: '' });
      },
      { timeout: 30_000 },
    );
  } finally {
    other.close();
    await cluster.close();
  }
});
