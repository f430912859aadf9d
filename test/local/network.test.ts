import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { canBind, claimNetwork, poolsOf, type LoopbackNetwork } from '../../src/local/network.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function dataDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-network-'));
  cleanups.push(() => rm(directory, { recursive: true }));
  return directory;
}

async function claim(directory: string): Promise<LoopbackNetwork> {
  // A lock port of its own keeps this test from competing with a running `headgate up`.
  const network = await claimNetwork({ dataDir: directory, lockPort: 10299, blocks: [201, 220] });
  cleanups.push(() => network.close());
  return network;
}

test('two processes get different blocks, and a restart its own one again', async () => {
  const [first, second] = [await dataDir(), await dataDir()];
  const a = await claim(first);
  const b = await claim(second);
  expect(b.cidr).not.toBe(a.cidr);
  await b.close();
  const again = await claim(second);
  expect(again.cidr).toBe(b.cidr);
  expect(again.node).toBe(b.node);
});

test('the error names the range when no block is free', async () => {
  const directory = await dataDir();
  const network = await claimNetwork({ dataDir: directory, lockPort: 10298, blocks: [230, 230] });
  cleanups.push(() => network.close());
  await expect(claimNetwork({ dataDir: await dataDir(), lockPort: 10298, blocks: [230, 230] })).rejects.toThrow(
    'no free loopback network: 127.230.0.1 to 127.230.0.1 are all taken',
  );
});

test('a pool hands out its range, each address once, and takes addresses back', () => {
  const { pods, services, gateways } = poolsOf(10);
  expect(pods.allocate()).toBe('127.10.0.2');
  expect(pods.allocate()).toBe('127.10.0.3');
  expect(services.allocate()).toBe('127.10.100.1');
  expect(gateways.allocate()).toBe('127.10.200.1');
  expect(services.allocate('127.10.150.7')).toBe('127.10.150.7');
  expect(() => services.allocate('127.10.150.7')).toThrow('127.10.150.7 is already allocated');
  expect(() => services.allocate('127.10.3.1')).toThrow(
    '127.10.3.1 is not in the range 127.10.100.1 to 127.10.199.254',
  );
  services.release('127.10.150.7');
  expect(services.isFree('127.10.150.7')).toBe(true);
  expect(services.allocate('127.10.150.7')).toBe('127.10.150.7');
});

test('a released address rests until the others have been used', () => {
  const { pods } = poolsOf(10);
  const first = pods.allocate();
  pods.release(first);
  expect(pods.allocate()).not.toBe(first);
});

test('no two holders ever have the same address', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(60), { nil: undefined }), { maxLength: 300 }), (steps) => {
      const { gateways } = poolsOf(10);
      const held: string[] = [];
      for (const step of steps) {
        if (step === undefined || held.length === 0) {
          const address = gateways.allocate();
          expect(held).not.toContain(address);
          held.push(address);
        } else {
          const [address = ''] = held.splice(step % held.length, 1);
          gateways.release(address);
          expect(gateways.isFree(address)).toBe(true);
        }
      }
    }),
  );
});

test('an exhausted pool says so', () => {
  const { gateways } = poolsOf(10);
  for (let i = 0; i < 55 * 254; i++) gateways.allocate();
  expect(() => gateways.allocate()).toThrow('all 13970 addresses in the range 127.10.200.1 to 127.10.254.254');
});

test('canBind tells whether an address and port are free', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(await canBind('127.0.0.1', port)).toBe(false);
  expect(await canBind('127.0.0.2', port)).toBe(true);
});
