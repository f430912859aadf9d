import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi, type WatchEvent } from './harness.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';
const configMap = (name: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { k: 'v' },
  ...extra,
});
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
  },
});
const pod = (name: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'nginx' }], ...extra },
});
const merge = 'application/merge-patch+json';

async function collect(path: string, count: number): Promise<WatchEvent[]> {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  for await (const event of api.watch(path, stop.signal)) {
    events.push(event);
    if (events.length === count) stop.abort();
  }
  return events;
}

describe('writes', () => {
  test('the server owns uid, times, generation and status', async () => {
    const created = await api.call('POST', deployments, { body: { ...deployment('owned'), status: { replicas: 9 } } });
    expect(created.status).toBe(201);
    expect(created.body.metadata).toMatchObject({
      namespace: 'default',
      generation: 1,
    });
    expect(created.body.status).toBeUndefined();
    expect(created.body.spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
    });
  });

  test('generateName makes distinct names', async () => {
    const body = configMap('', { metadata: { generateName: 'gen-' } });
    const names = await Promise.all(
      [1, 2, 3].map(async () => (await api.call('POST', configMaps, { body })).body.metadata?.['name']),
    );
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  test('creating twice is a conflict', async () => {
    await api.call('POST', configMaps, { body: configMap('twice') });
    const again = await api.call('POST', configMaps, { body: configMap('twice') });
    expect(again).toMatchObject({
      status: 409,
      body: { reason: 'AlreadyExists', message: 'configmaps "twice" already exists' },
    });
  });

  test('an update of an older version is refused with 409, an equal one changes nothing', async () => {
    const created = await api.call('POST', configMaps, { body: configMap('versions') });
    const same = await api.call('PUT', `${configMaps}/versions`, { body: created.body });
    expect(same.body.metadata).toEqual(created.body.metadata);
    const changed = await api.call('PUT', `${configMaps}/versions`, { body: { ...created.body, data: { k: 'w' } } });
    expect(changed.status).toBe(200);
    const stale = await api.call('PUT', `${configMaps}/versions`, { body: created.body });
    expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on configmaps "versions": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('of concurrent updates from one version exactly one wins', async () => {
    const created = await api.call('POST', configMaps, { body: configMap('race') });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.call('PUT', `${configMaps}/race`, { body: { ...created.body, data: { k: String(index) } } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });

  test('only a change of the spec raises the generation; status is written through its subresource', async () => {
    const path = `${deployments}/generations`;
    await api.call('POST', deployments, { body: deployment('generations') });
    const labelled = await api.call('PATCH', path, {
      body: { metadata: { labels: { a: 'b' } }, status: { replicas: 5 } },
      contentType: merge,
    });
    expect(labelled.body).toMatchObject({ metadata: { generation: 1, labels: { a: 'b' } } });
    expect(labelled.body.status).toBeUndefined();
    const scaled = await api.call('PATCH', path, { body: { spec: { replicas: 3 } }, contentType: merge });
    expect(scaled.body.metadata?.['generation']).toBe(2);
    const status = await api.call('PATCH', `${path}/status`, {
      body: { spec: { replicas: 7 }, status: { replicas: 2 } },
      contentType: merge,
    });
    expect(status.body).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 3 }, status: { replicas: 2 } });
  });

  test('JSON, merge and strategic patches', async () => {
    const path = `${deployments}/patched`;
    await api.call('POST', deployments, { body: deployment('patched') });
    const strategic = await api.call('PATCH', path, {
      body: { spec: { template: { spec: { containers: [{ name: 'side', image: 'b' }] } } } },
      contentType: 'application/strategic-merge-patch+json',
    });
    const json = await api.call('PATCH', path, {
      body: [{ op: 'replace', path: '/spec/replicas', value: 4 }],
      contentType: 'application/json-patch+json',
    });
    const merged = await api.call('PATCH', path, {
      body: { metadata: { annotations: { a: 'b' } } },
      contentType: merge,
    });
    expect(strategic.body.spec?.['template']).toMatchObject({
      // As in Kubernetes, what a patch adds without saying where comes first.
      spec: { containers: [{ name: 'side', image: 'b' }, { name: 'c' }] },
    });
    expect(json.body.spec).toMatchObject({ replicas: 4 });
    expect(merged.body.metadata?.['annotations']).toEqual({ a: 'b' });
    const failed = await api.call('PATCH', path, {
      body: [{ op: 'test', path: '/spec/replicas', value: 1 }],
      contentType: 'application/json-patch+json',
    });
    expect(failed.status).toBe(422);
  });

  test('custom kinds take no strategic merge patches', async () => {
    const answer = await api.call('PATCH', '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools/x', {
      body: {},
      contentType: 'application/strategic-merge-patch+json',
    });
    expect(answer.status).toBe(415);
  });

  test('a dry run answers and stores nothing', async () => {
    const answer = await api.call('POST', `${configMaps}?dryRun=All`, { body: configMap('dry') });
    expect(answer.status).toBe(201);
    expect((await api.call('GET', `${configMaps}/dry`)).status).toBe(404);
  });

  test('unknown fields are dropped with a warning unless validation is strict', async () => {
    const answer = await api.call('POST', configMaps, { body: configMap('warned', { foo: 1 }) });
    expect(answer.headers['warning']).toBe(String.raw`299 - "unknown field \"foo\""`);
    expect(answer.body['foo']).toBeUndefined();
  });

  test('the selector of a Deployment never changes', async () => {
    const created = await api.call('POST', deployments, { body: deployment('fixed') });
    const spec = {
      ...created.body.spec,
      selector: { matchLabels: { app: 'other' } },
      template: deployment('other').spec.template,
    };
    const answer = await api.call('PUT', `${deployments}/fixed`, { body: { ...created.body, spec } });
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain('field is immutable');
  });

  test('stringData of a Secret is folded into data', async () => {
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'folded' }, stringData: { a: 'b' } };
    const answer = await api.call('POST', '/api/v1/namespaces/default/secrets', { body });
    expect(answer.body).toMatchObject({ type: 'Opaque', data: { a: 'Yg==' } });
    expect(answer.body['stringData']).toBeUndefined();
  });

  test('scale reads and writes replicas', async () => {
    await api.call('POST', deployments, { body: deployment('scaled') });
    const scale = await api.call('GET', `${deployments}/scaled/scale`);
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=scaled' },
    });
    const patched = await api.call('PATCH', `${deployments}/scaled/scale`, {
      body: { spec: { replicas: 6 } },
      contentType: merge,
    });
    expect(patched.body.spec).toEqual({ replicas: 6 });
    expect((await api.call('GET', `${deployments}/scaled`)).body.spec).toMatchObject({ replicas: 6 });
  });
});

describe('deletion', () => {
  test('finalizers hold an object until they are gone', async () => {
    const path = `${configMaps}/held`;
    await api.call('POST', configMaps, {
      body: configMap('held', { metadata: { name: 'held', finalizers: ['example.com/hold'] } }),
    });
    const deleted = await api.call('DELETE', path);
    expect(deleted.body.metadata?.['deletionTimestamp']).toEqual(expect.any(String));
    const added = await api.call('PATCH', path, {
      body: { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
      contentType: merge,
    });
    expect(added.status).toBe(422);
    await api.call('PATCH', path, { body: { metadata: { finalizers: null } }, contentType: merge });
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('a pod on a node waits for its node', async () => {
    const path = `${pods}/bound`;
    await api.call('POST', pods, { body: pod('bound', { nodeName: 'n1' }) });
    const deleted = await api.call('DELETE', path);
    expect(deleted.body.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 });
    expect((await api.call('GET', path)).status).toBe(200);
    await api.call('DELETE', path, { body: { gracePeriodSeconds: 0 } });
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('preconditions protect a successor of the same name', async () => {
    await api.call('POST', configMaps, { body: configMap('successor') });
    const answer = await api.call('DELETE', `${configMaps}/successor`, { body: { preconditions: { uid: 'another' } } });
    expect(answer).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
  });

  const ownedBy = (name: string, uid: unknown, extra: object = {}) =>
    configMap(name, {
      metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, ...extra }] },
    });

  test.each(['Background', 'Foreground'])('%s deletion takes the dependents along', async (propagationPolicy) => {
    const owner = await api.call('POST', configMaps, { body: configMap('owner') });
    await api.call('POST', configMaps, {
      body: ownedBy('owned', owner.body.metadata?.['uid'], { blockOwnerDeletion: true }),
    });
    const from = String((await api.call('GET', configMaps)).body.metadata?.['resourceVersion']);
    await api.call('DELETE', `${configMaps}/owner`, { body: { propagationPolicy } });
    const deleted: unknown[] = [];
    const stop = new AbortController();
    for await (const event of api.watch(`${configMaps}?watch=true&resourceVersion=${from}`, stop.signal)) {
      if (event.type === 'DELETED') deleted.push(event.object.metadata?.['name']);
      if (deleted.length === 2) stop.abort();
    }
    expect(deleted).toEqual(propagationPolicy === 'Background' ? ['owner', 'owned'] : ['owned', 'owner']);
  });

  test('Orphan deletion leaves the dependents without an owner', async () => {
    const owner = await api.call('POST', configMaps, { body: configMap('owner') });
    await api.call('POST', configMaps, { body: ownedBy('orphaned', owner.body.metadata?.['uid']) });
    await api.call('DELETE', `${configMaps}/owner`, { body: { propagationPolicy: 'Orphan' } });
    await expect.poll(async () => (await api.call('GET', `${configMaps}/owner`)).status).toBe(404);
    const orphaned = await api.call('GET', `${configMaps}/orphaned`);
    expect(orphaned.body.metadata?.['ownerReferences'] ?? []).toEqual([]);
  });

  test('a namespace goes with everything in it', async () => {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'doomed' } };
    await api.call('POST', '/api/v1/namespaces', { body });
    await api.call('POST', '/api/v1/namespaces/doomed/configmaps', { body: configMap('inside') });
    await api.call('DELETE', '/api/v1/namespaces/doomed');
    await expect.poll(async () => (await api.call('GET', '/api/v1/namespaces/doomed')).status).toBe(404);
    expect((await api.call('GET', '/api/v1/namespaces/doomed/configmaps')).body.items).toEqual([]);
  });

  test('a namespace of thousands of objects goes, and an owner of thousands with all of them', async () => {
    const names = Array.from({ length: 4_000 }, (_, index) => `one-of-many-${index}`);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'crowded' } };
    const inside = '/api/v1/namespaces/crowded/configmaps';
    await api.call('POST', '/api/v1/namespaces', { body: namespace });
    const { uid } = (await api.call('POST', inside, { body: configMap('owner') })).body.metadata ?? {};
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true };
    const fill = async (more: object): Promise<void> => {
      for (let at = 0; at < names.length; at += 200) {
        const bodies = names.slice(at, at + 200).map((name) => configMap(name, { metadata: { name, ...more } }));
        await Promise.all(bodies.map((body) => api.call('POST', inside, { body })));
      }
    };
    const gone = { timeout: 100_000 };

    await fill({ ownerReferences: [owner] });
    await api.call('DELETE', `${inside}/owner?propagationPolicy=Foreground`);
    await expect.poll(async () => (await api.call('GET', `${inside}/owner`)).status, gone).toBe(404);
    expect((await api.call('GET', `${inside}/one-of-many-7`)).status).toBe(404);

    await fill({});
    await api.call('DELETE', '/api/v1/namespaces/crowded');
    await expect.poll(async () => (await api.call('GET', '/api/v1/namespaces/crowded')).status, gone).toBe(404);
  });

  test('deletecollection deletes what is selected', async () => {
    const labelled = (name: string) => configMap(name, { metadata: { name, labels: { collection: 'yes' } } });
    await api.call('POST', configMaps, { body: labelled('col-1') });
    await api.call('POST', configMaps, { body: labelled('col-2') });
    await api.call('POST', configMaps, { body: configMap('col-3') });
    await api.call('DELETE', `${configMaps}?labelSelector=collection%3Dyes`);
    expect((await api.call('GET', `${configMaps}?labelSelector=collection%3Dyes`)).body.items).toEqual([]);
    expect((await api.call('GET', `${configMaps}/col-3`)).status).toBe(200);
  });
});

describe('reads', () => {
  test('limit and continue walk through a list once', async () => {
    const path = '/api/v1/namespaces/kube-public/configmaps';
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.call('POST', path, { body: configMap(name) });
    const names: unknown[] = [];
    let token = '';
    do {
      const page = await api.call(
        'GET',
        `${path}?limit=2${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`,
      );
      names.push(...(page.body.items ?? []).map((item) => item.metadata?.['name']));
      const next: unknown = page.body.metadata?.['continue'];
      token = typeof next === 'string' ? next : '';
    } while (token !== '');
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e', 'kube-root-ca.crt']);
  });

  test('tables carry the columns of the kind and the metadata of the rows', async () => {
    await api.call('POST', deployments, { body: deployment('tabled') });
    const answer = await api.call('GET', `${deployments}?fieldSelector=metadata.name%3Dtabled`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
    });
    const columns = answer.body['columnDefinitions'] as { name: string; priority: number }[];
    expect(columns.filter(({ priority }) => priority === 0).map(({ name }) => name)).toEqual([
      'Name',
      'Ready',
      'Up-to-date',
      'Available',
      'Age',
    ]);
    expect(answer.body['rows']).toMatchObject([
      {
        cells: ['tabled', '0/1', 0, 0, expect.any(String), 'c', 'nginx', 'app=tabled'],
        object: { kind: 'PartialObjectMetadata' },
      },
    ]);
  });

  test('other served versions of a kind show the same objects, with a warning when deprecated', async () => {
    const body = {
      apiVersion: 'aigateway.envoyproxy.io/v1beta1',
      kind: 'AIServiceBackend',
      metadata: { name: 'both' },
      spec: { schema: { name: 'OpenAI' }, backendRef: { name: 'b', kind: 'Backend', group: 'gateway.envoyproxy.io' } },
    };
    const created = await api.call(
      'POST',
      '/apis/aigateway.envoyproxy.io/v1beta1/namespaces/default/aiservicebackends',
      { body },
    );
    expect(created.status).toBe(201);
    const old = await api.call(
      'GET',
      '/apis/aigateway.envoyproxy.io/v1alpha1/namespaces/default/aiservicebackends/both',
    );
    expect(old.body).toMatchObject({
      apiVersion: 'aigateway.envoyproxy.io/v1alpha1',
      metadata: { uid: created.body.metadata?.['uid'] },
    });
    expect(old.headers['warning']).toContain('deprecated');
  });
});

describe('watch', () => {
  test('sends what happened after a version, in order, and follows', async () => {
    const start = String((await api.call('GET', configMaps)).body.metadata?.['resourceVersion']);
    await api.call('POST', configMaps, { body: configMap('seen') });
    const watching = collect(`${configMaps}?watch=true&resourceVersion=${start}&fieldSelector=metadata.name%3Dseen`, 3);
    await api.call('PATCH', `${configMaps}/seen`, { body: { data: { k: 'w' } }, contentType: merge });
    await api.call('DELETE', `${configMaps}/seen`);
    expect((await watching).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  test('objects enter and leave a selection', async () => {
    const start = String((await api.call('GET', configMaps)).body.metadata?.['resourceVersion']);
    const watching = collect(`${configMaps}?watch=true&resourceVersion=${start}&labelSelector=in%3Dyes`, 2);
    await api.call('POST', configMaps, { body: configMap('moving') });
    await api.call('PATCH', `${configMaps}/moving`, {
      body: { metadata: { labels: { in: 'yes' } } },
      contentType: merge,
    });
    await api.call('PATCH', `${configMaps}/moving`, {
      body: { metadata: { labels: { in: 'no' } } },
      contentType: merge,
    });
    expect((await watching).map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
  });

  test('sendInitialEvents lists first and says when it has', async () => {
    const events = await collect(
      '/api/v1/namespaces?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Ddefault',
      2,
    );
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object.metadata?.['annotations']).toEqual({ 'k8s.io/initial-events-end': 'true' });
  });

  test('ends after timeoutSeconds', async () => {
    const events: WatchEvent[] = [];
    for await (const event of api.watch('/api/v1/nodes?watch=true&timeoutSeconds=1', new AbortController().signal))
      events.push(event);
    expect(events).toEqual([]);
  });
});
