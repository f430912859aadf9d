import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer } from '../../src/apiserver/server.ts';
import { Event } from '../../src/kinds/core/event.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { createCatalog } from '../../src/local/catalog.ts';
import type { NodeGpus } from '../../src/local/gpus.ts';
import { claimNetwork } from '../../src/local/network.ts';
import { startNode } from '../../src/local/node.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** A node on the embedded API, whose image `example.com/server` is a web server and `example.com/script` is `node -e`. */
export interface LocalCluster {
  api: KubeClient;
  directory: string;
  /** Reasons and messages of the Events about an object. */
  events(name: string): Promise<string[]>;
  /** Stops the node and starts another with these GPUs. */
  restart(gpus: readonly NodeGpus[]): Promise<void>;
  close(): Promise<void>;
}

const log = createLog({ level: 'silent' });
const program = `
require('node:http').createServer((_, response) => response.end(process.env.HOSTNAME))
  .listen(+process.env.PORT, process.env.HEADGATE_LISTEN_ADDRESS);
`;

export async function startLocalCluster(gpus?: readonly NodeGpus[]): Promise<LocalCluster> {
  const stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'headgate-node-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const network = await claimNetwork({ dataDir: directory, lockPort: 10297, blocks: [140, 199] });
  stack.defer(() => network.close());
  const dataDir = join(directory, 'api');
  const server = await startApiServer({ dataDir, kinds: allKinds, log, serviceAddresses: network.services });
  stack.defer(() => server.close());
  const api = createKubeClient({
    server: server.url,
    credentials: fixedCredentials({ ca: server.caCertificate, token: server.token }),
  });
  stack.defer(() => api.close());
  await writeFile(join(directory, 'server.cjs'), program);

  const start = async (has?: readonly NodeGpus[]): Promise<() => Promise<void>> => {
    const informers = createInformerCache(api, log);
    const node = await startNode({
      client: api,
      informers,
      dataDir: directory,
      network,
      ...(has && { gpus: has }),
      catalog: createCatalog([
        {
          images: ['example.com/server'],
          program: { command: [process.execPath, join(directory, 'server.cjs')], args: 'append', env: {} },
        },
        { images: ['example.com/script'], program: { command: [process.execPath, '-e'], args: 'append', env: {} } },
      ]),
      entry: { execPath: process.execPath, args: [] },
      log,
      backOff: { restart: { firstMs: 50, lastMs: 200, resetMs: 60_000 }, job: { firstMs: 50, lastMs: 200 } },
      leaveMs: 0,
    });
    return async () => {
      await node.stop();
      await informers.stop();
    };
  };
  let stopNode = await start(gpus);
  stack.defer(() => stopNode());
  return {
    api,
    directory,
    events: async (name) => {
      const { items } = await api.list(Event);
      return items
        .filter((event) => event.involvedObject.name === name)
        .map((event) => `${event.reason ?? ''}: ${event.message ?? ''}`);
    },
    restart: async (others) => {
      await stopNode();
      stopNode = await start(others);
    },
    close: () => stack.disposeAsync(),
  };
}
