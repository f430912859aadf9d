import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { startApiServer } from '../../src/apiserver/server.ts';
import { startAIGatewayControllers } from '../../src/controllers/aigateway/controller.ts';
import { embeddedClasses, ensureGatewayClasses } from '../../src/controllers/gateway/classes.ts';
import { startGatewayController } from '../../src/controllers/gateway/controller.ts';
import { apiVersionOf, type Kind } from '../../src/kinds/kind.ts';
import { groupOf, type KubeObject, type ObjectRef } from '../../src/kinds/object.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import type { InformerCache } from '../../src/kube/informer.ts';
import type { GatewaySockets } from '../../src/routing/compile.ts';
import type { ProgrammedGateway } from '../../src/routing/gatewaystatus.ts';
import type { RouteTable } from '../../src/routes/table.ts';
import { createControllerEnvironment } from '../../src/reconcile/pass.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** An embedded API with the routing controllers, and a data plane that only takes notes. */
export interface TestCluster {
  client: KubeClient;
  informers: InformerCache;
  /** Every table published so far. */
  tables: RouteTable[];
  /** Creates the objects of a YAML text, in namespace default where they name none. */
  apply(yaml: string): Promise<void>;
  /** The object once `holds` is true of it (undefined: it does not exist). */
  eventually<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean,
  ): Promise<T | undefined>;
  /** The newest table once `holds` is true of it. */
  table(holds: (table: RouteTable) => boolean): Promise<RouteTable>;
  stop(): Promise<void>;
}

const patienceMs = 10_000;

export async function startTestCluster(): Promise<TestCluster> {
  const log = createLog({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-controllers-'));
  const api = await startApiServer({ dataDir, kinds: allKinds, log });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  const informers = createInformerCache(client, log);
  const tables: RouteTable[] = [];
  const listeners = new Set<() => void>();
  await ensureGatewayClasses(client);
  const gateway = await startGatewayController({
    client,
    informers,
    log,
    claimedControllers: Object.values(embeddedClasses),
    publish: (table) => {
      tables.push(table);
      for (const listener of listeners) listener();
    },
    program: (gateways) => Promise.resolve(takeNotes(gateways)),
    nodeName: 'headgate',
  });
  const ai = await startAIGatewayControllers(
    createControllerEnvironment({ client, informers, log, operatorNamespace: 'default' }),
  );

  return {
    client,
    informers,
    tables,
    apply: async (yaml) => {
      for (const document of parseAllDocuments(yaml)) await create(client, document.toJS() as KubeObject);
    },
    eventually: async (kind, ref, holds) => {
      const informer = informers.informer(kind);
      return waitFor(
        (listener) => informer.onChange(listener),
        () => holds(informer.get(ref)),
        () => informer.get(ref),
        `${kind.kind} ${ref.name}`,
      );
    },
    table: async (holds) => {
      const newest = (): RouteTable => {
        const table = tables.at(-1);
        if (table === undefined) throw new Error('no table yet');
        return table;
      };
      const subscribe = (listener: () => void): (() => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      };
      return waitFor(subscribe, () => tables.length > 0 && holds(newest()), newest, 'route table');
    },
    stop: async () => {
      await ai.stop();
      await gateway.stop();
      await informers.stop();
      await client.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function takeNotes(gateways: readonly GatewaySockets[]): Map<string, ProgrammedGateway> {
  return new Map(
    gateways.map(({ key, listeners, preferredAddress = '127.10.200.1' }) => [
      key,
      {
        addresses: [preferredAddress],
        listeners: new Map(listeners.map(({ name, port }) => [name, { ok: true, boundPort: port }])),
      },
    ]),
  );
}

async function create(client: KubeClient, object: KubeObject): Promise<void> {
  // Older versions of our kinds are written at the one that is stored.
  const named = allKinds.filter((candidate) => candidate.kind === object.kind);
  const kind = named.find((candidate) => candidate.group === groupOf(object.apiVersion)) ?? named[0];
  if (kind === undefined) throw new Error(`unknown kind ${object.kind}`);
  const metadata = kind.namespaced ? { namespace: 'default', ...object.metadata } : object.metadata;
  await client.create(kind, { ...object, apiVersion: apiVersionOf(kind), metadata });
}

/** Waits on changes, not on a clock; the clock only ends a wait that is in vain. */
async function waitFor<R>(
  subscribe: (listener: () => void) => () => void,
  holds: () => boolean,
  result: () => R,
  what: string,
): Promise<R> {
  return new Promise((resolve, reject) => {
    let done = false;
    let unsubscribe: () => void = () => undefined;
    const timeout = setTimeout(() => {
      finish(() => {
        reject(new Error(`${what} did not come to the wanted state: ${JSON.stringify(result())}`));
      });
    }, patienceMs);
    const finish = (settle: () => void): void => {
      if (done) return;
      done = true;
      clearTimeout(timeout);
      unsubscribe();
      settle();
    };
    const check = (): void => {
      if (!done && holds())
        finish(() => {
          resolve(result());
        });
    };
    unsubscribe = subscribe(check);
    if (done) unsubscribe();
    check();
  });
}
