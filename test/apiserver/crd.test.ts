import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type Answer, type JsonAnswer, type TestApi } from './harness.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Version {
  name?: string;
  [field: string]: unknown;
}

const specSchema = (properties: unknown, more: object = {}) => ({
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties, ...more } } },
});

function definition(
  kind: string,
  versions: Version[],
  more: { names?: object; spec?: object; metadata?: object } = {},
) {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.shop.test`, ...more.metadata },
    spec: {
      group: 'shop.test',
      scope: 'Namespaced',
      names: { kind, plural, ...more.names },
      versions: versions.map((version, index) => ({
        name: 'v1',
        served: true,
        storage: index === 0,
        schema: specSchema({ size: { type: 'integer' } }),
        ...version,
      })),
      ...more.spec,
    },
  };
}

/** Waits for a condition of a definition by watching it. */
async function untilCondition(name: string, type: string, status: string): Promise<JsonAnswer> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, 10_000);
  try {
    for await (const { object } of api.watch(
      `${definitions}?watch=true&fieldSelector=metadata.name=${name}`,
      abort.signal,
    )) {
      const conditions = (object.status as { conditions?: { type: string; status: string }[] }).conditions ?? [];
      if (conditions.some((one) => one.type === type && one.status === status)) return object;
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
  throw new Error(`${name} never got ${type}=${status}`);
}

async function install(body: ReturnType<typeof definition>): Promise<JsonAnswer> {
  const created = await api.call('POST', definitions, { body });
  expect(created.body.message).toBeUndefined();
  return untilCondition(body.metadata.name, 'Established', 'True');
}

const object = (kind: string, name: string, fields: object, version = 'v1') => ({
  apiVersion: `shop.test/${version}`,
  kind,
  metadata: { name },
  ...fields,
});
const path = (plural: string, version = 'v1') => `/apis/shop.test/${version}/namespaces/default/${plural}`;
const create = (kind: string, name: string, fields: object, version = 'v1'): Promise<Answer> =>
  api.call('POST', path(`${kind.toLowerCase()}s`, version), { body: object(kind, name, fields, version) });

describe('a definition', () => {
  test('is established, and its kind served, discovered and explained, without a restart', async () => {
    const crd = await install(
      definition('Apple', [{}], { names: { shortNames: ['ap'], categories: ['all', 'fruit'] } }),
    );
    expect(crd.spec).toMatchObject({
      names: { singular: 'apple', listKind: 'AppleList' },
      conversion: { strategy: 'None' },
    });
    expect(crd.status).toMatchObject({
      acceptedNames: { kind: 'Apple', plural: 'apples', singular: 'apple', listKind: 'AppleList', shortNames: ['ap'] },
      storedVersions: ['v1'],
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
        { type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
      ],
    });
    expect((await create('Apple', 'a', { spec: { size: 3 } })).status).toBe(201);
    expect((await api.call('GET', path('apples'))).body).toMatchObject({
      kind: 'AppleList',
      items: [{ kind: 'Apple' }],
    });
    const discovery = await api.call('GET', '/apis/shop.test/v1');
    expect(discovery.body).toMatchObject({ resources: [{ name: 'apples', kind: 'Apple', shortNames: ['ap'] }] });
    const openApi = await api.call('GET', '/openapi/v3/apis/shop.test/v1');
    expect(JSON.stringify(openApi.body)).toContain('test.shop.v1.Apple');
  });

  test.each([
    ['Knot', { pattern: '^(a+)+$' }],
    ['Tangle', { 'x-kubernetes-validations': [{ rule: "self.matches('^(a+)+$')" }] }],
  ])('matches in linear time what takes others exponential time: %s', async (kind, more) => {
    const plural = `${kind.toLowerCase()}s`;
    const schema = specSchema({ text: { type: 'string', maxLength: 100, ...more } });
    await api.call('POST', definitions, { body: definition(kind, [{ schema }]) });
    await untilCondition(`${plural}.shop.test`, 'Established', 'True');
    const create = (name: string, text: string): Promise<Answer> =>
      api.call('POST', `/apis/shop.test/v1/namespaces/default/${plural}`, {
        body: { apiVersion: 'shop.test/v1', kind, metadata: { name }, spec: { text } },
      });
    expect((await create('good', 'aaa')).status).toBe(201);
    expect((await create('bad', 'aab')).status).toBe(422);
    const slow = await create('slow', `${'a'.repeat(60)}b`);
    expect(slow.status).toBe(422);
    // Refused for what it is, and not for the time that it took.
    expect(JSON.stringify(slow.body)).toMatch(/should match|failed rule/);
    expect((await create('after', 'aaa')).status).toBe(201);
  });

  test('takes its objects with it, after their finalizers', async () => {
    await install(definition('Berry', [{}], { names: { plural: 'berrys' } }));
    const held = { metadata: { name: 'held', finalizers: ['shop.test/hold'] } };
    await create('Berry', 'held', held);
    await create('Berry', 'free', {});
    await api.call('DELETE', `${definitions}/berrys.shop.test`);
    const terminating = await untilCondition('berrys.shop.test', 'Terminating', 'True');
    expect(terminating.metadata?.['finalizers']).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    expect(await create('Berry', 'late', {})).toMatchObject({
      status: 405,
      body: { message: 'create not allowed while custom resource definition is terminating' },
    });
    const gone = untilGone(`${definitions}?watch=true&fieldSelector=metadata.name=berrys.shop.test`);
    const patch = { metadata: { finalizers: null } };
    await api.call('PATCH', `${path('berrys')}/held`, { body: patch, contentType: 'application/merge-patch+json' });
    await gone;
    expect((await api.call('GET', path('berrys'))).status).toBe(404);
    expect((await api.call('GET', '/apis/shop.test/v1')).body).not.toMatchObject({
      resources: expect.arrayContaining([expect.objectContaining({ kind: 'Berry' })]) as unknown,
    });
  });

  test('waits for names that another has, and gets them when that one goes', async () => {
    await install(definition('Cherry', [{}], { names: { shortNames: ['ch'] } }));
    await api.call('POST', definitions, { body: definition('Chestnut', [{}], { names: { shortNames: ['ch'] } }) });
    const refused = await untilCondition('chestnuts.shop.test', 'NamesAccepted', 'False');
    expect(refused.status).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', reason: 'ShortNamesConflict', message: '"ch" is already in use' },
        { type: 'Established', status: 'False', reason: 'NotAccepted' },
      ],
    });
    expect((await create('Chestnut', 'c', {})).status).toBe(404);
    await api.call('DELETE', `${definitions}/cherrys.shop.test`);
    await untilCondition('chestnuts.shop.test', 'Established', 'True');
    expect((await create('Chestnut', 'c', {})).status).toBe(201);
  });

  test('can be replaced: objects are pruned and given defaults as the new one says', async () => {
    const crd = await install(definition('Date', [{ schema: specSchema({ old: { type: 'string' } }) }]));
    await create('Date', 'd', { spec: { old: 'x' } });
    const next = definition('Date', [
      { name: 'v2', schema: specSchema({ fresh: { type: 'string', default: 'new' } }) },
      { name: 'v1', schema: specSchema({ old: { type: 'string' } }) },
    ]);
    const { resourceVersion } = crd.metadata ?? {};
    const body = { ...next, metadata: { ...next.metadata, resourceVersion } };
    const updated = await api.call('PUT', `${definitions}/dates.shop.test`, { body });
    expect(updated.body).toMatchObject({ metadata: { generation: 2 }, status: { storedVersions: ['v1', 'v2'] } });
    await expect
      .poll(async () => (await api.call('GET', `${path('dates', 'v2')}/d`)).body)
      .toMatchObject({ apiVersion: 'shop.test/v2', spec: { fresh: 'new' } });
    expect((await api.call('GET', `${path('dates')}/d`)).body.spec).toEqual({ old: 'x' });
    const without = definition('Date', [{ name: 'v2' }]);
    const refused = await api.call('PUT', `${definitions}/dates.shop.test`, {
      body: {
        ...without,
        metadata: { ...without.metadata, resourceVersion: updated.body.metadata?.['resourceVersion'] },
      },
    });
    expect(refused.body.message).toContain(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version',
    );
  });

  test('of a kind that Headgate brings is there, stays as it is, and says so', async () => {
    const url = `${definitions}/inferencepools.inference.networking.k8s.io`;
    const own = await untilCondition('inferencepools.inference.networking.k8s.io', 'Established', 'True');
    const patch = { metadata: { annotations: { mine: 'yes' } }, spec: { names: { shortNames: ['zz'] } } };
    const patched = await api.call('PATCH', url, { body: patch, contentType: 'application/merge-patch+json' });
    expect(patched.headers['warning']).toContain('is built into Headgate: its own definition stays in force');
    expect(patched.body.spec).toEqual(own.spec);
    expect(patched.body.metadata?.['annotations']).toMatchObject({ mine: 'yes' });
    expect(await api.call('DELETE', url)).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  });

  test('survives a restart of the API', async () => {
    const first = await startTestApi();
    await first.call('POST', definitions, { body: definition('Elder', [{}]) });
    await expect
      .poll(async () => (await first.call('POST', path('elders'), { body: object('Elder', 'e', {}) })).status)
      .toBe(201);
    await first.stop();
    const second = await startTestApi({ dataDir: first.dataDir });
    try {
      expect((await second.call('GET', `${path('elders')}/e`)).status).toBe(200);
    } finally {
      await second.close();
    }
  });
});

async function untilGone(watch: string): Promise<void> {
  const abort = AbortSignal.timeout(10_000);
  for await (const { type } of api.watch(watch, abort)) if (type === 'DELETED') return;
  throw new Error('it was never deleted');
}

const refusals: [problem: string, body: unknown, message: string][] = [
  [
    'name',
    definition('Bad', [{}], { metadata: { name: 'x.shop.test' } }),
    'metadata.name: Invalid value: "x.shop.test": must be spec.names.plural+"."+spec.group',
  ],
  [
    'scope',
    definition('Bad', [{}], { spec: { scope: 'Global' } }),
    'spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"',
  ],
  [
    'no schema',
    definition('Bad', [{ schema: undefined }]),
    'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
  ],
  [
    'two storage versions',
    definition('Bad', [{}, { name: 'v2', storage: true }]),
    'spec.versions: Invalid value: ["v1","v2"]: must have exactly one version marked as storage version',
  ],
  ['the same version twice', definition('Bad', [{}, {}]), 'spec.versions[1].name: Duplicate value: "v1"'],
  [
    'conversion webhooks',
    definition('Bad', [{}], { spec: { conversion: { strategy: 'Webhook' } } }),
    'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
  ],
  [
    'a protected group',
    definition('Bad', [{}], { metadata: { name: 'bads.x.k8s.io' }, spec: { group: 'x.k8s.io' } }),
    'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation',
  ],
  [
    'an untyped field',
    definition('Bad', [{ schema: specSchema({ a: {} }) }]),
    'spec.validation.openAPIV3Schema.properties[spec].properties[a].type: Required value: must not be empty for specified object fields',
  ],
  [
    'an untyped item',
    definition('Bad', [{ schema: specSchema({ a: { type: 'array', items: {} } }) }]),
    'properties[a].items.type: Required value: must not be empty for specified array items',
  ],
  [
    'a list without items',
    definition('Bad', [{ schema: specSchema({ a: { type: 'array' } }) }]),
    'properties[a].items: Required value: must be specified',
  ],
  [
    'additionalProperties beside properties',
    definition('Bad', [
      {
        schema: specSchema({
          a: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } },
        }),
      },
    ]),
    'properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
  ],
  [
    'uniqueItems',
    definition('Bad', [{ schema: specSchema({ a: { type: 'array', uniqueItems: true, items: { type: 'string' } } }) }]),
    'properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
  ],
  [
    'types inside anyOf',
    definition('Bad', [{ schema: specSchema({ a: { type: 'string', anyOf: [{ type: 'string' }] } }) }]),
    'properties[a].anyOf[0].type: Forbidden: must be empty to be structural',
  ],
  [
    'fields only anyOf knows',
    definition('Bad', [{ schema: specSchema({}, { anyOf: [{ properties: { b: { minLength: 1 } } }] }) }]),
    'properties[spec].properties[b]: Required value: because it is defined in spec.validation.openAPIV3Schema.properties[spec].anyOf[0].properties[b]',
  ],
  [
    'list keys that may be absent',
    definition('Bad', [
      {
        schema: specSchema({
          a: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            items: { type: 'object', properties: { k: { type: 'string' } } },
          },
        }),
      },
    ]),
    'properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
  ],
  [
    'a pattern that is none',
    definition('Bad', [{ schema: specSchema({ a: { type: 'string', pattern: '(' } }) }]),
    'properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t',
  ],
  [
    'a default of the wrong type',
    definition('Bad', [{ schema: specSchema({ a: { type: 'integer', default: 'x' } }) }]),
    'properties[a].default: Invalid value: "string": ',
  ],
  [
    'a rule that does not parse',
    definition('Bad', [
      { schema: specSchema({ a: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self ==' }] } }) },
    ]),
    'properties[a].x-kubernetes-validations[0].rule: Invalid value: "self ==": compilation failed:',
  ],
  [
    'a rule that gives no bool',
    definition('Bad', [
      { schema: specSchema({ a: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self.size()' }] } }) },
    ]),
    'compilation failed: must evaluate to a bool, not int',
  ],
  [
    'a rule about a field that is not there',
    definition('Bad', [
      { schema: specSchema({ a: { type: 'string' } }, { 'x-kubernetes-validations': [{ rule: 'self.b == self.a' }] }) },
    ]),
    "compilation failed: undefined field 'b'",
  ],
  [
    'oldSelf where nothing has a past',
    definition('Bad', [
      {
        schema: specSchema({
          a: { type: 'array', items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } },
        }),
      },
    ]),
    'oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[spec].properties[a]',
  ],
  [
    'a column that cannot be read',
    definition('Bad', [{ additionalPrinterColumns: [{ name: 'x', type: 'string', jsonPath: '.a..b' }] }]),
    'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: ".a..b"',
  ],
  [
    'a scale outside spec',
    definition('Bad', [{ subresources: { scale: { specReplicasPath: '.x', statusReplicasPath: '.status.n' } } }]),
    'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec',
  ],
];

test.each(refusals)('refused: %s', async (_problem, body, message) => {
  const answer = await api.call('POST', definitions, { body });
  expect(answer.body.message).toContain(message);
  expect(answer.status).toBe(422);
});
