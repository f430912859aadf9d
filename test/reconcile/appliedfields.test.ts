import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApiServer, type ApiServer } from '../../src/apiserver/server.ts';
import { isApplied } from '../../src/reconcile/appliedfields.ts';
import { Deployment } from '../../src/kinds/apps/deployment.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fixedCredentials } from '../../src/kube/credentials.ts';
import { createKubeClient } from '../../src/kube/httpclient.ts';
import { createLog } from '../../src/telemetry/log.ts';

let dataDir: string;
let api: ApiServer;
let client: KubeClient;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'headgate-applied-'));
  api = await startApiServer({ dataDir, kinds: allKinds, log: createLog({ level: 'silent' }) });
  client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
});
afterAll(async () => {
  await client.close();
  await api.close();
  await rm(dataDir, { recursive: true, force: true });
});

type Body = Record<string, unknown>;

const container = (fields: Body = {}): Body => ({
  name: 'main',
  image: 'acme/a:1',
  env: [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ],
  ports: [{ containerPort: 8000, name: 'http' }],
  ...fields,
});
const spec = (fields: Body = {}, pod: Body = {}): Body => ({
  selector: { matchLabels: { app: 'a' } },
  template: { metadata: { labels: { app: 'a' } }, spec: { containers: [container()], ...pod } },
  ...fields,
});

const apply = (name: string, body: Body, fieldManager = 'us'): Promise<KubeObject> =>
  client.patch(
    Deployment,
    { namespace: 'default', name },
    {
      type: 'apply',
      fieldManager,
      force: true,
      body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' }, spec: body },
    },
  );

it('knows what it has applied, among the defaults of the API and the fields of others', async () => {
  const stored = await apply('same', spec());
  expect(isApplied(stored, { spec: spec() }, 'us')).toBe(true);
  const shared = await apply('same', { replicas: 3 }, 'them');
  expect(isApplied(shared, { spec: spec() }, 'us')).toBe(true);
  expect(isApplied(shared, { spec: { replicas: 3 } }, 'them')).toBe(true);
});

it.each<[string, Body]>([
  ['a value', spec({}, { containers: [container({ image: 'acme/a:2' })] })],
  ['a new field', spec({ replicas: 2 })],
  ['a field less', spec({}, { containers: [container({ ports: undefined })] })],
  ['a new item', spec({}, { containers: [container(), { name: 'side', image: 'acme/b' }] })],
  ['an item less', spec({}, { containers: [container({ env: [{ name: 'A', value: '1' }] })] })],
  [
    'another order',
    spec(
      {},
      {
        containers: [
          container({
            env: [
              { name: 'B', value: '2' },
              { name: 'A', value: '1' },
            ],
          }),
        ],
      },
    ),
  ],
])('sees that the wanted object differs by %s', async (difference, wanted) => {
  const stored = await apply(`wanted-${difference.replaceAll(' ', '-')}`, spec());
  expect(isApplied(stored, JSON.parse(JSON.stringify({ spec: wanted })) as Body, 'us')).toBe(false);
});

it('sees that another has taken a field over, and that nobody has applied anything', async () => {
  await apply('taken', spec());
  const image = (value: string) => spec({}, { containers: [container({ image: value })] });
  const taken = await apply('taken', image('acme/theirs:1'), 'them');
  expect(isApplied(taken, { spec: spec() }, 'us')).toBe(false);
  expect(isApplied(taken, { spec: image('acme/theirs:1') }, 'us')).toBe(false);
  const created = await client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'created', namespace: 'default' },
    spec: spec() as unknown as Deployment['spec'],
  });
  expect(isApplied(created, { spec: spec() }, 'us')).toBe(false);
});
