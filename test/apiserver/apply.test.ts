import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type Answer, type TestApi } from './harness.ts';

interface Entry {
  manager: string;
  operation: string;
  apiVersion: string;
  subresource?: string;
  time: string;
  fieldsType: string;
  fieldsV1: Record<string, unknown>;
}

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const configMaps = '/api/v1/namespaces/default/configmaps';
const services = '/api/v1/namespaces/default/services';
const backends = '/apis/aigateway.envoyproxy.io/v1alpha1/namespaces/default/aiservicebackends';

function apply(path: string, body: object, manager: string, query = ''): Promise<Answer> {
  return api.call('PATCH', `${path}?fieldManager=${manager}${query}`, {
    body,
    contentType: 'application/apply-patch+yaml',
  });
}

/** Entries of managedFields without their times, as `manager/operation[/subresource]`. */
function owners(answer: Answer): Record<string, unknown> {
  const entries = (answer.body.metadata?.['managedFields'] ?? []) as Entry[];
  for (const entry of entries) {
    expect(entry.fieldsType).toBe('FieldsV1');
    expect(entry.time).toMatch(/^\d{4}-.*:\d\dZ$/);
  }
  return Object.fromEntries(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, ...(subresource === undefined ? [] : [subresource])].join('/'),
      fieldsV1,
    ]),
  );
}

const configMap = (name: string, data: Record<string, string>, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image: 'nginx:1' }] },
    },
    ...spec,
  },
});

describe('managedFields', () => {
  test('a create owns every field it sets, under the name of its field manager', async () => {
    const created = await api.call('POST', `${configMaps}?fieldManager=maker`, {
      body: configMap('created', { a: '1' }, { labels: { app: 'x' } }),
    });
    expect(created.body.metadata?.['managedFields']).toEqual([
      {
        manager: 'maker',
        operation: 'Update',
        apiVersion: 'v1',
        time: expect.any(String) as string,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {} }, 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } } },
      },
    ]);
  });

  test('without fieldManager the user agent names the writer; without either it is unknown', async () => {
    const named = await api.call('POST', configMaps, {
      body: configMap('agent', { a: '1' }),
      headers: { 'user-agent': 'curl/8.1.2 (linux)' },
    });
    expect(Object.keys(owners(named))).toEqual(['curl/Update']);
    const unnamed = await api.call('POST', configMaps, { body: configMap('nobody', { a: '1' }) });
    expect(Object.keys(owners(unnamed))).toEqual(['unknown/Update']);
  });

  test.each([
    ['merge', 'application/merge-patch+json', { data: { a: '2', b: null } }],
    ['strategic merge', 'application/strategic-merge-patch+json', { data: { a: '2', b: null } }],
    [
      'JSON',
      'application/json-patch+json',
      [
        { op: 'replace', path: '/data/a', value: '2' },
        { op: 'remove', path: '/data/b' },
      ],
    ],
  ])('a %s patch takes what it changes, and removed fields belong to nobody', async (name, contentType, body) => {
    const path = `${configMaps}/patched-${contentType.length}`;
    await api.call('POST', `${configMaps}?fieldManager=one`, {
      body: configMap(`patched-${contentType.length}`, { a: '1', b: '1', c: '1' }),
    });
    const patched = await api.call('PATCH', `${path}?fieldManager=two`, { body, contentType });
    expect(owners(patched), name).toEqual({
      'one/Update': { 'f:data': { '.': {}, 'f:c': {} } },
      'two/Update': { 'f:data': { 'f:a': {} } },
    });
  });

  test('an update that changes nothing has no owner and no new version', async () => {
    const created = await api.call('POST', `${configMaps}?fieldManager=one`, { body: configMap('same', { a: '1' }) });
    const updated = await api.call('PUT', `${configMaps}/same?fieldManager=two`, { body: created.body });
    expect(updated.body).toEqual(created.body);
  });

  test('status and scale are owned through their subresource', async () => {
    const path = `${deployments}/parts`;
    await api.call('POST', `${deployments}?fieldManager=one`, { body: deployment('parts') });
    await api.call('PATCH', `${path}/status?fieldManager=two`, {
      body: { status: { replicas: 3 } },
      contentType: 'application/merge-patch+json',
    });
    await api.call('PATCH', `${path}/scale?fieldManager=three`, {
      body: { spec: { replicas: 3 } },
      contentType: 'application/merge-patch+json',
    });
    const found = await api.call('GET', path);
    expect(owners(found)).toMatchObject({
      'two/Update/status': { 'f:status': { 'f:replicas': {} } },
      'three/Update/scale': { 'f:spec': { 'f:replicas': {} } },
    });
    expect(owners(found)['one/Update']).not.toHaveProperty(['f:spec', 'f:replicas']);
  });

  test('entries of list maps are named by their keys, defaults included', async () => {
    const created = await api.call('POST', `${services}?fieldManager=one`, {
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'ports' },
        spec: { clusterIP: 'None', selector: { a: 'b' }, ports: [{ port: 80 }] },
      },
    });
    expect(owners(created)['one/Update']).toMatchObject({
      'f:spec': {
        'f:selector': {},
        'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
      },
    });
  });

  test('can be reset with [{}]; the next apply begins from what is there', async () => {
    const path = `${configMaps}/reset`;
    await api.call('POST', configMaps, { body: configMap('reset', { a: '1', b: '1' }) });
    const reset = await api.call('PATCH', path, {
      body: { metadata: { managedFields: [{}] } },
      contentType: 'application/merge-patch+json',
    });
    expect(reset.body.metadata).not.toHaveProperty('managedFields');
    const patched = await api.call('PATCH', path, {
      body: { data: { b: '2' } },
      contentType: 'application/merge-patch+json',
    });
    expect(patched.body.metadata).not.toHaveProperty('managedFields');
    const applied = await apply(path, configMap('reset', { a: '1' }), 'me');
    expect(owners(applied)).toEqual({
      'me/Apply': { 'f:data': { 'f:a': {} } },
      'before-first-apply/Update': { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } },
    });
  });

  test('an empty list, or entries that are none, do not delete them', async () => {
    const path = `${configMaps}/kept`;
    const created = await api.call('POST', configMaps, { body: configMap('kept', { a: '1' }) });
    for (const managedFields of [
      [],
      [{ manager: 'x', operation: 'Guess', apiVersion: 'v1', fieldsType: 'FieldsV1' }],
    ]) {
      const updated = await api.call('PUT', path, {
        body: { ...created.body, metadata: { ...created.body.metadata, managedFields } },
      });
      expect(updated.body).toEqual(created.body);
    }
  });

  test('more than ten updaters become ancient changes', async () => {
    const path = `${configMaps}/old`;
    await api.call('POST', `${configMaps}?fieldManager=m0`, { body: configMap('old', { k0: '1' }) });
    for (let i = 1; i <= 14; i += 1) {
      await api.call('PATCH', `${path}?fieldManager=m${i}`, {
        body: { data: { [`k${i}`]: '1' } },
        contentType: 'application/merge-patch+json',
      });
    }
    const managers = owners(await api.call('GET', path));
    expect(Object.keys(managers)).toHaveLength(10);
    expect(managers).toHaveProperty('ancient-changes/Update');
    const owned = Object.values(managers).flatMap((fields) => Object.keys((fields as { 'f:data': object })['f:data']));
    expect(owned.toSorted()).toEqual(['.', ...Array.from({ length: 15 }, (_, i) => `f:k${i}`)].toSorted());
  });
});

describe('apply', () => {
  test('creates what is not there, with 201, and owns what it sets and not the defaults', async () => {
    const created = await apply(`${deployments}/made`, deployment('made', { replicas: 2 }), 'me');
    expect(created.status).toBe(201);
    expect(created.body.spec).toMatchObject({ replicas: 2, revisionHistoryLimit: 10 });
    expect(owners(created)).toEqual({
      'me/Apply': {
        'f:spec': {
          'f:replicas': {},
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
          },
        },
      },
    });
  });

  test('again changes nothing, not even the version', async () => {
    const path = `${deployments}/again`;
    const first = await apply(path, deployment('again'), 'me');
    const second = await apply(path, deployment('again'), 'me');
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  test('removes what the manager no longer applies and nobody else owns', async () => {
    const path = `${configMaps}/pruned`;
    await apply(path, configMap('pruned', { a: '1', b: '1', c: '1' }, { labels: { x: '1' } }), 'me');
    await apply(path, configMap('pruned', { c: '1' }), 'other');
    const applied = await apply(path, configMap('pruned', { a: '1' }), 'me');
    expect(applied.body['data']).toEqual({ a: '1', c: '1' });
    expect(applied.body.metadata).not.toHaveProperty('labels');
  });

  test('removes entries of list maps, and keeps those of others in their place', async () => {
    const path = `${deployments}/lists`;
    const containers = (...names: string[]) =>
      deployment('lists', {
        template: {
          metadata: { labels: { app: 'lists' } },
          spec: { containers: names.map((name) => ({ name, image: 'nginx:1' })) },
        },
      });
    await apply(path, containers('web', 'log', 'old'), 'me');
    await api.call('PATCH', `${path}?fieldManager=injector`, {
      body: { spec: { template: { spec: { containers: [{ name: 'sidecar', image: 'envoy:1' }] } } } },
      contentType: 'application/strategic-merge-patch+json',
    });
    const applied = await apply(path, containers('log', 'web'), 'me');
    const spec = applied.body.spec as { template: { spec: { containers: { name: string }[] } } };
    expect(spec.template.spec.containers.map(({ name }) => name).toSorted()).toEqual(['log', 'sidecar', 'web']);
  });

  test('two managers may own a field while they agree', async () => {
    const path = `${configMaps}/shared`;
    await apply(path, configMap('shared', { a: '1' }), 'one');
    const agreed = await apply(path, configMap('shared', { a: '1' }), 'two');
    expect(owners(agreed)).toEqual({
      'one/Apply': { 'f:data': { 'f:a': {} } },
      'two/Apply': { 'f:data': { 'f:a': {} } },
    });
    const left = await apply(path, configMap('shared', {}), 'one');
    expect(left.body['data']).toEqual({ a: '1' });
  });

  test('refuses to take fields of others with the Status of kube-apiserver, and takes them by force', async () => {
    const path = `${deployments}/fought`;
    await api.call('POST', `${deployments}?fieldManager=creator`, { body: deployment('fought', { replicas: 1 }) });
    const refused = await apply(path, deployment('fought', { replicas: 2 }), 'me');
    expect(refused.status).toBe(409);
    expect(refused.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Apply failed with 1 conflict: conflict with "creator" using apps/v1: .spec.replicas',
      reason: 'Conflict',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "creator" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
      code: 409,
    });
    const taken = await apply(path, deployment('fought', { replicas: 2 }), 'me', '&force=true');
    expect(taken.body.spec).toMatchObject({ replicas: 2 });
    expect(owners(taken)['me/Apply']).toMatchObject({ 'f:spec': { 'f:replicas': {} } });
    expect(owners(taken)['creator/Update']).not.toHaveProperty(['f:spec', 'f:replicas']);
  });

  test('several conflicts are listed by manager', async () => {
    const path = `${deployments}/many`;
    await apply(path, deployment('many', { replicas: 1 }), 'one');
    await api.call('PATCH', `${path}?fieldManager=two`, {
      body: { spec: { minReadySeconds: 5, paused: true } },
      contentType: 'application/merge-patch+json',
    });
    const wanted = deployment('many', { replicas: 2, minReadySeconds: 6 });
    const containers = wanted.spec.template.spec.containers;
    const refused = await apply(
      path,
      {
        ...wanted,
        spec: {
          ...wanted.spec,
          template: { ...wanted.spec.template, spec: { containers: [{ ...containers[0], image: 'nginx:2' }] } },
        },
      },
      'me',
    );
    expect(refused.body.message).toBe(
      [
        'Apply failed with 3 conflicts: conflicts with "one":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="web"].image',
        'conflicts with "two" using apps/v1:',
        '- .spec.minReadySeconds',
      ].join('\n'),
    );
  });

  test('status is applied through its subresource, and only there', async () => {
    const path = `${deployments}/observed`;
    await apply(path, { ...deployment('observed'), status: { replicas: 9 } }, 'me');
    const main = await api.call('GET', path);
    expect(main.body.status ?? {}).not.toHaveProperty('replicas');
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'observed' },
      status: { replicas: 3, conditions },
    };
    const applied = await apply(`${path}/status`, status, 'me');
    expect(applied.body.status).toMatchObject({ replicas: 3 });
    expect(owners(applied)['me/Apply/status']).toEqual({
      'f:status': {
        'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:status': {}, 'f:type': {} } },
        'f:replicas': {},
      },
    });
    const other = await apply(`${path}/status`, { ...status, status: { replicas: 4 } }, 'other');
    expect(other.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "me" with subresource "status": .status.replicas',
    );
    expect((await apply(`${deployments}/nowhere/status`, status, 'me')).status).toBe(404);
  });

  test('scale is applied through its subresource', async () => {
    const path = `${deployments}/scaled`;
    await apply(path, deployment('scaled', { replicas: 1 }), 'me');
    const scale = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'scaled', namespace: 'default' },
      spec: { replicas: 4 },
    };
    const refused = await apply(`${path}/scale`, scale, 'autoscaler');
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "me": .spec.replicas');
    const forced = await apply(`${path}/scale`, scale, 'autoscaler', '&force=true');
    expect(forced.body).toMatchObject({ kind: 'Scale', spec: { replicas: 4 } });
    const found = await api.call('GET', path);
    expect(owners(found)['autoscaler/Apply/scale']).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(owners(found)['me/Apply']).not.toHaveProperty(['f:spec', 'f:replicas']);
  });

  test('a dry run answers what would be and stores nothing', async () => {
    const path = `${configMaps}/dry`;
    const dry = await apply(path, configMap('dry', { a: '1' }), 'me', '&dryRun=All');
    expect(dry).toMatchObject({ status: 201, body: { data: { a: '1' } } });
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('custom resources are merged by their schemas: maps by key, lists as one value', async () => {
    const path = `${backends}/mine`;
    const backend = (schema: object) => ({
      apiVersion: 'aigateway.envoyproxy.io/v1alpha1',
      kind: 'AIServiceBackend',
      metadata: { name: 'mine' },
      spec: { schema, backendRef: { name: 'b', kind: 'Backend', group: 'gateway.envoyproxy.io' } },
    });
    const created = await apply(path, backend({ name: 'OpenAI' }), 'me');
    expect(created.status).toBe(201);
    const refused = await apply(path, backend({ name: 'Anthropic' }), 'other');
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "me": .spec.schema.name');
  });

  test('ownership follows the field through the versions of a kind', async () => {
    const path = backends.replace('v1alpha1', 'v1beta1');
    const backend = (version: string, name: string) => ({
      apiVersion: `aigateway.envoyproxy.io/${version}`,
      kind: 'AIServiceBackend',
      metadata: { name: 'versions' },
      spec: { schema: { name }, backendRef: { name: 'b', kind: 'Backend', group: 'gateway.envoyproxy.io' } },
    });
    await apply(`${backends}/versions`, backend('v1alpha1', 'OpenAI'), 'me');
    const refused = await apply(`${path}/versions`, backend('v1beta1', 'Anthropic'), 'other');
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "me": .spec.schema.name');
    const own = await apply(`${path}/versions`, backend('v1beta1', 'Anthropic'), 'me');
    expect(own.body.metadata?.['managedFields']).toMatchObject([
      { manager: 'me', operation: 'Apply', apiVersion: 'aigateway.envoyproxy.io/v1beta1' },
    ]);
  });

  test('takes YAML', async () => {
    const applied = await api.call('PATCH', `${configMaps}/yaml?fieldManager=me`, {
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  a: "1"\n',
      contentType: 'application/apply-patch+yaml',
    });
    expect(applied).toMatchObject({ status: 201, body: { data: { a: '1' } } });
  });
});

describe('refused applies', () => {
  const path = `${configMaps}/refused`;

  test.each([
    [
      'no field manager',
      '',
      {},
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    ['another kind', '?fieldManager=me', { kind: 'Secret' }, 400, 'invalid object type: /v1, Kind=Secret'],
    ['no kind', '?fieldManager=me', { kind: undefined, apiVersion: undefined }, 400, 'invalid object type: /, Kind='],
    [
      'managedFields',
      '?fieldManager=me',
      { metadata: { name: 'refused', managedFields: [] } },
      400,
      'metadata.managedFields must be nil',
    ],
    [
      'an unknown field',
      '?fieldManager=me',
      { dta: {} },
      400,
      'failed to create typed patch object (/refused; /v1, Kind=ConfigMap): .dta: field not declared in schema',
    ],
    [
      'a wrong type',
      '?fieldManager=me',
      { data: { a: 5 } },
      400,
      'failed to create typed patch object (/refused; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:5}',
    ],
    [
      'another name',
      '?fieldManager=me',
      { metadata: { name: 'other' } },
      400,
      'the name of the object (other) does not match the name on the URL (refused)',
    ],
    [
      'no name',
      '?fieldManager=me',
      { metadata: {} },
      400,
      'the name of the object (refused based on URL) was undeterminable: name must be provided',
    ],
    [
      'the uid of an object that is not there',
      '?fieldManager=me',
      { metadata: { name: 'refused', uid: 'abc' } },
      409,
      'Operation cannot be fulfilled on configmaps "refused": uid mismatch: the provided object specified uid abc, and no existing object was found',
    ],
    [
      'a manager with a line break',
      '?fieldManager=a%0Ab',
      {},
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)',
    ],
  ])('%s', async (_name, query, change, status, message) => {
    const body = { ...configMap('refused', { a: '1' }), ...change };
    const answer = await api.call('PATCH', `${path}${query}`, { body, contentType: 'application/apply-patch+yaml' });
    expect({ status: answer.status, message: answer.body.message }).toEqual({ status, message });
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('duplicate entries of a list map', async () => {
    const twice = deployment('twice');
    twice.spec.template.spec.containers.push({ name: 'web', image: 'nginx:2' });
    const answer = await apply(`${deployments}/twice`, twice, 'me');
    expect(answer.body.message).toContain('.spec.template.spec.containers: duplicate entries for key [name="web"]');
  });

  test('force on a patch that is no apply', async () => {
    const answer = await api.call('PATCH', `${path}?force=true`, {
      body: {},
      contentType: 'application/merge-patch+json',
    });
    expect(answer.body.message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  });

  test('an old resourceVersion, or the uid of another object', async () => {
    await apply(`${configMaps}/versioned`, configMap('versioned', { a: '1' }), 'me');
    for (const metadata of [{ resourceVersion: '1' }, { uid: 'abc' }]) {
      const answer = await apply(`${configMaps}/versioned`, configMap('versioned', { a: '2' }, metadata), 'me');
      expect(answer).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    }
  });
});
