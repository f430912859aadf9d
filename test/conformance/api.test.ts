import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer, type ServiceAddresses } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { behaviours } from './api/behaviours.ts';
import { hasRealApiServer, skipMessage, startRealApiServer, type ApiTarget } from './apiserver.ts';
import type { Behaviour } from './behaviour.ts';
import { knownDifferences } from './knowndifferences.ts';
import { createPerformer, type Performer } from './perform.ts';

const all = Object.values(behaviours).flat();
const reasons = new Map(
  knownDifferences.flatMap(({ reason, behaviours: names }) => names.map((name) => [name, reason])),
);

describe('the table of API behaviours', () => {
  it('has at least 120, each with a name of its own', () => {
    expect(all.length).toBeGreaterThanOrEqual(120);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('has every known difference', () => {
    const names = new Set(all.map(({ name }) => name));
    expect([...reasons.keys()].filter((name) => !names.has(name))).toEqual([]);
  });

  it('has the known differences that docs/embedded-api.md tells users, with the same reasons', async () => {
    const text = await readFile(new URL('../../docs/embedded-api.md', import.meta.url), 'utf8');
    const section = text.split('## Known differences from kube-apiserver\n')[1]?.split('\n## ')[0] ?? '';
    const rows = section.split('\n').filter((line) => line.startsWith('| '));
    const told = rows.slice(1).map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, 3),
    );
    expect(told).toEqual([...reasons].map(([name, reason]) => [name, reason]));
  });
});

if (!hasRealApiServer) console.warn(`test/conformance: ${skipMessage}`);

describe.skipIf(!hasRealApiServer)('kube-apiserver', () => {
  runTable(startRealApiServer, (behaviour, perform) => {
    it.skipIf(behaviour.needsControllers === true || behaviour.handVerified !== undefined)(behaviour.name, perform);
  });
});

describe('the embedded API', () => {
  runTable(startEmbedded, (behaviour, perform) => {
    const reason = reasons.get(behaviour.name);
    if (reason === undefined) it(behaviour.name, perform);
    else {
      it(`${behaviour.name} (known difference: ${reason})`, async () => {
        const worked = await perform().then(
          () => true,
          () => false,
        );
        if (worked) throw new Error(`"${behaviour.name}" works now: take it out of knowndifferences.ts`);
      });
    }
  });
});

type Target = ApiTarget & { close(): Promise<void> };

/** Declares the whole table as tests of one API, which is started before the first and stopped after the last. */
function runTable(
  start: () => Promise<Target>,
  declare: (behaviour: Behaviour, perform: () => Promise<void>) => void,
): void {
  let running: { target: Target; performer: Performer } | undefined;
  beforeAll(async () => {
    const target = await start();
    running = { target, performer: createPerformer(target, 'conformance') };
  }, 120_000);
  afterAll(async () => {
    await running?.performer.close();
    await running?.target.close();
  });
  for (const [topic, table] of Object.entries(behaviours)) {
    describe(topic, () => {
      for (const behaviour of table) {
        declare(behaviour, async () => {
          if (running === undefined) throw new Error('the API did not start');
          await running.performer.perform(behaviour);
        });
      }
    });
  }
}

async function startEmbedded(): Promise<Target> {
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-conformance-'));
  const log = createLog({ level: 'silent' });
  const server = await startApiServer({ dataDir, kinds: allKinds, log, serviceAddresses: createServiceAddresses() });
  return {
    url: server.url,
    caCertificate: server.caCertificate,
    token: server.token,
    runsControllers: true,
    async close() {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Cluster IPs that nothing listens on: `headgate up` takes them from its node's network. */
function createServiceAddresses(): ServiceAddresses {
  const taken = new Set<string>();
  let next = 0;
  return {
    allocate(preferred) {
      const address = preferred ?? `127.250.100.${(next += 1)}`;
      if (taken.has(address)) throw new Error(`${address} is taken`);
      taken.add(address);
      return address;
    },
    release: (address) => taken.delete(address),
  };
}
