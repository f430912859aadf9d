import { startApiServer } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { Agent, request } from 'undici';

/**
 * A process that creates ConfigMaps through an API of its own, prints the name of each one that was acknowledged, and never
 * ends: durability.test.ts kills it.
 */
const server = await startApiServer({
  dataDir: process.argv[2] ?? '',
  kinds: allKinds,
  log: createLog({ level: 'silent' }),
});
const agent = new Agent({ connect: { ca: server.caCertificate } });
const run = process.argv[3] ?? '';

async function writeForEver(worker: number): Promise<never> {
  for (let count = 0; ; count++) {
    const name = `run-${run}-${worker}-${count}`;
    const response = await request(`${server.url}/api/v1/namespaces/default/configmaps`, {
      dispatcher: agent,
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name },
        data: { value: 'x'.repeat(1000) },
      }),
    });
    const body = (await response.body.json()) as { metadata: { resourceVersion: string } };
    if (response.statusCode !== 201) throw new Error(`${name}: ${response.statusCode}`);
    process.stdout.write(`${name} ${body.metadata.resourceVersion}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, (_, worker) => writeForEver(worker)));
