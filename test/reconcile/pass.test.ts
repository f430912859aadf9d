import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startApiServer, type ApiServer } from '../../src/apiserver/server.ts';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import { ConfigMap } from '../../src/kinds/core/configmap.ts';
import { Namespace } from '../../src/kinds/core/namespace.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createInformerCache } from '../../src/kube/cache.ts';
import { KubeError, type KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { child, type Child } from '../../src/reconcile/children.ts';
import { describeFailure, type WriteFailure } from '../../src/reconcile/failures.ts';
import { createControllerEnvironment, startDefinition, type Definition, type Plan } from '../../src/reconcile/pass.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** Definitions run on an embedded API. Their objects are Deployments, which nothing rolls out here; they make ConfigMaps. */

let dataDir: string;
let api: ApiServer;
let client: KubeClient;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'headgate-pass-'));
  api = await startApiServer({ dataDir, kinds: allKinds, log: createLog({ level: 'silent' }) });
  const credentials = fixedCredentials({ ca: api.caCertificate, token: api.token });
  client = createKubeClient({ server: api.url, credentials });
});
afterAll(async () => {
  await client.close();
  await api.close();
  await rm(dataDir, { recursive: true, force: true });
});

const eventually = { timeout: 20_000, interval: 20 };

/** Starts a definition over the Deployments of one namespace that the test makes. */
async function run(
  namespace: string,
  plan: (object: Deployment, maps: readonly ConfigMap[]) => Plan<Deployment>,
  more: Partial<Definition<Deployment, readonly ConfigMap[]>> = {},
) {
  await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const lines: string[] = [];
  const log = createLog({ level: 'warn', destination: { write: (line) => lines.push(line) } });
  const informers = createInformerCache(client, log);
  const controller = await startDefinition(createControllerEnvironment({ client, informers, log }), {
    name: 'test',
    manager: 'test',
    kind: Deployment,
    owns: [ConfigMap],
    reads: [],
    observe: (object, read) => read.owned(ConfigMap, object),
    plan: (object, maps) =>
      object.metadata.namespace === namespace ? plan(object, maps) : { apply: [], status: () => kept(object) },
    ...more,
  });
  return {
    lines,
    stop: async () => {
      await controller.stop();
      await informers.stop();
    },
  };
}

const kept = (object: Deployment) => ({ status: object.status ?? {}, events: [] });
const parent = (namespace: string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'parent', namespace },
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});
const map = (namespace: string, name: string, data: Record<string, string>, write?: Child['write']): Child =>
  child(ConfigMap, { metadata: { name, namespace }, data }, { owned: true, ...(write === undefined ? {} : { write }) });
const dataOf = async (namespace: string, name: string): Promise<unknown> =>
  (await client.get(ConfigMap, { namespace, name }))?.data;

it('tells a plan the writes that failed as data, and makes the others', async () => {
  const namespace = 'failures';
  const told: (readonly WriteFailure[])[] = [];
  const running = await run(namespace, (object) => ({
    apply: [map(namespace, 'Not_A_Name', {}), map(namespace, 'z-last', { a: '1' })],
    status: (failures) => {
      told.push(failures);
      return { status: { ...object.status, observedGeneration: failures.length }, events: [] };
    },
  }));
  await client.create(Deployment, parent(namespace));
  await vi.waitFor(async () => {
    expect(await dataOf(namespace, 'z-last')).toEqual({ a: '1' });
    expect((await client.get(Deployment, { namespace, name: 'parent' }))?.status?.observedGeneration).toBe(1);
  }, eventually);
  const [failure] = told[0] ?? [];
  expect(failure).toMatchObject({
    action: 'apply',
    child: { kind: ConfigMap, ref: { name: 'Not_A_Name', namespace } },
  });
  expect(failure?.error).toBeInstanceOf(KubeError);
  expect(failure && describeFailure(failure)).toMatch(/^failed to apply ConfigMap failures\/Not_A_Name: .*Not_A_Name/);
  // It is tried again, and said without a stack.
  await vi.waitFor(() => {
    expect(told.length).toBeGreaterThan(1);
  }, eventually);
  expect(running.lines.join()).toContain('failed to apply ConfigMap failures/Not_A_Name');
  expect(running.lines.join()).not.toContain('"stack"');
  await running.stop();
});

it('keeps what is updated as it is wanted, fields of others where it applies, and leaves what it only creates', async () => {
  const namespace = 'modes';
  const running = await run(namespace, (object) => ({
    apply: [
      map(namespace, 'applied', { a: '1' }),
      map(namespace, 'created', { a: '1' }, 'create'),
      map(namespace, 'updated', { a: '1' }, 'update'),
    ],
    status: () => kept(object),
  }));
  await client.create(Deployment, parent(namespace));
  const names = ['applied', 'created', 'updated'];
  await vi.waitFor(async () => {
    for (const name of names) expect(await dataOf(namespace, name)).toEqual({ a: '1' });
  }, eventually);
  for (const name of names) {
    const body = { data: { a: '2', b: '3' } };
    await client.patch(ConfigMap, { namespace, name }, { type: 'merge', body });
  }
  await vi.waitFor(async () => {
    expect(await dataOf(namespace, 'updated')).toEqual({ a: '1' });
  }, eventually);
  expect(await dataOf(namespace, 'created')).toEqual({ a: '2', b: '3' });
  const [owner] = (await client.get(ConfigMap, { namespace, name: 'created' }))?.metadata.ownerReferences ?? [];
  expect(owner).toMatchObject({ kind: 'Deployment', name: 'parent', controller: true });
  await running.stop();
});

it('sees what it has made before its cache does: never more is made than wanted', async () => {
  const namespace = 'counted';
  let made = 0;
  const running = await run(namespace, (object, maps) => ({
    apply: maps.length < 5 ? [map(namespace, `made-${String(made++)}`, {}, 'create')] : [],
    // One pass right after the other: the watch cannot keep up with all of them.
    requeueAfterMs: 0,
    status: () => kept(object),
  }));
  await client.create(Deployment, parent(namespace));
  await vi.waitFor(() => {
    expect(made).toBe(5);
  }, eventually);
  await running.stop();
  const { items } = await client.list(ConfigMap, { namespace });
  expect(items.filter(({ metadata }) => metadata.name.startsWith('made-'))).toHaveLength(5);
});

it('warns of nothing while its objects go with their namespace', async () => {
  const namespace = 'going';
  let passes = 0;
  const running = await run(
    namespace,
    () => ({
      // Something new in every pass, also when the namespace takes nothing new any more.
      apply: [map(namespace, `map-${String(passes++)}`, {}, 'create')],
      requeueAfterMs: 0,
      status: () => ({ status: { observedGeneration: passes }, events: [] }),
    }),
    { finalizer: { name: 'example.com/test' } },
  );
  await client.create(Deployment, parent(namespace));
  await vi.waitFor(() => {
    expect(passes).toBeGreaterThan(3);
  }, eventually);
  await client.delete(Namespace, { name: namespace });
  await vi.waitFor(async () => {
    expect(await client.get(Namespace, { name: namespace })).toBeUndefined();
  }, eventually);
  await running.stop();
  expect(running.lines).toEqual([]);
});

it('changes an object of its own kind by the version that was planned with, and writes the status of the new one', async () => {
  const namespace = 'self';
  const running = await run(namespace, (object) => ({
    apply: [
      child(
        Deployment,
        { ...object, metadata: { ...object.metadata, annotations: { seen: 'yes' } } },
        { owned: false, write: 'update' },
      ),
    ],
    status: () => ({ status: { observedGeneration: 7 }, events: [] }),
  }));
  await client.create(Deployment, parent(namespace));
  await vi.waitFor(async () => {
    const found = await client.get(Deployment, { namespace, name: 'parent' });
    expect(found?.metadata.annotations).toMatchObject({ seen: 'yes' });
    expect(found?.status?.observedGeneration).toBe(7);
  }, eventually);
  expect(running.lines).toEqual([]);
  await running.stop();
});
