import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadIdentity } from '../../src/apiserver/identity.ts';
import { startTestApi, type TestApi } from './harness.ts';

interface Review {
  request: Record<string, unknown> & { uid: string; object: { metadata: { name: string } } | null };
}

let api: TestApi;
let webhook: Server;
let directory: string;
let clientConfig: { url: string; caBundle: string };
let asked: Review['request'][] = [];
let hang = false;
let answer: (request: Review['request']) => Record<string, unknown> = () => ({ allowed: true });

beforeAll(async () => {
  api = await startTestApi();
  directory = await mkdtemp(join(tmpdir(), 'headgate-webhook-'));
  const identity = await loadIdentity(directory, ['127.0.0.1'], ['hook.default.svc']);
  webhook = createServer({ cert: identity.serverCertificate, key: identity.serverKey }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      asked.push(review.request);
      if (hang) return;
      const verdict = { uid: review.request.uid, ...answer(review.request) };
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: verdict }));
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const { port } = webhook.address() as AddressInfo;
  clientConfig = {
    url: `https://127.0.0.1:${port}/admit`,
    caBundle: Buffer.from(identity.caCertificate).toString('base64'),
  };
});
afterAll(async () => {
  await api.close();
  webhook.closeAllConnections();
  await new Promise((resolve) => webhook.close(resolve));
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const plural of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']) {
    await api.call('DELETE', `/apis/admissionregistration.k8s.io/v1/${plural}`);
  }
  asked = [];
  answer = () => ({ allowed: true });
});

async function register(kind: 'Validating' | 'Mutating', fields: Record<string, unknown> = {}) {
  const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
  return api.call('POST', `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`, {
    body: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: `${kind}WebhookConfiguration`,
      metadata: { name: 'test' },
      webhooks: [
        {
          name: 'hook.test.example',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          clientConfig,
          rules,
          ...fields,
        },
      ],
    },
  });
}

const path = '/api/v1/namespaces/default/configmaps';

function create(name: string, labels: Record<string, string> = {}, query = '') {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { a: 'b' } };
  return api.call('POST', `${path}${query}`, { body });
}

test('a validating webhook refuses with its own words, and warns', async () => {
  await register('Validating');
  answer = () => ({ allowed: false, warnings: ['look out'], status: { message: 'not on my watch' } });
  const refused = await create('refused');
  expect(refused).toMatchObject({
    status: 403,
    body: { message: 'admission webhook "hook.test.example" denied the request: not on my watch' },
  });
  expect(refused.headers['warning']).toBe('299 - "look out"');
  expect((await api.call('GET', `${path}/refused`)).status).toBe(404);
  expect(asked[0]).toMatchObject({
    operation: 'CREATE',
    name: 'refused',
    namespace: 'default',
    dryRun: false,
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { resource: 'configmaps' },
    userInfo: { username: 'kubernetes-admin' },
  });
});

test('updates and deletions are asked about with the object as it was', async () => {
  await create('kept');
  await register('Validating');
  answer = ({ operation }) => ({ allowed: operation !== 'DELETE' });
  const patched = await api.call('PATCH', `${path}/kept`, {
    body: { data: { a: 'c' } },
    contentType: 'application/merge-patch+json',
  });
  expect(patched.status).toBe(200);
  expect((await api.call('DELETE', `${path}/kept`)).body.message).toBe(
    'admission webhook "hook.test.example" denied the request without explanation',
  );
  expect(asked).toMatchObject([
    { operation: 'UPDATE', object: { data: { a: 'c' } }, oldObject: { data: { a: 'b' } } },
    { operation: 'DELETE', object: null, oldObject: { data: { a: 'c' } } },
  ]);
});

test('a mutating webhook changes what is stored, also by server-side apply', async () => {
  await register('Mutating');
  const patch = Buffer.from(JSON.stringify([{ op: 'add', path: '/data/added', value: 'yes' }])).toString('base64');
  answer = () => ({ allowed: true, patchType: 'JSONPatch', patch });
  expect((await create('changed')).body['data']).toEqual({ a: 'b', added: 'yes' });
  const applied = await api.call('PATCH', `${path}/applied?fieldManager=test`, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { x: 'y' } },
    contentType: 'application/apply-patch+yaml',
  });
  expect(applied.body['data']).toEqual({ x: 'y', added: 'yes' });
});

test('a dry run is announced as one', async () => {
  await register('Validating');
  await create('dry', {}, '?dryRun=All');
  expect(asked).toMatchObject([{ dryRun: true, options: { dryRun: ['All'] } }]);
});

test.each([
  ['objectSelector', { objectSelector: { matchLabels: { team: 'a' } } }],
  ['namespaceSelector', { namespaceSelector: { matchLabels: { none: 'such' } } }],
  ['matchConditions', { matchConditions: [{ name: 'named', expression: 'object.metadata.name == "other"' }] }],
  ['rules', { rules: [{ operations: ['UPDATE'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }] }],
])('%s narrows down what a webhook is asked about', async (field, fields) => {
  expect((await register('Validating', fields)).status).toBe(201);
  expect((await create(`narrow-${field.toLowerCase()}`)).status).toBe(201);
  expect(asked).toEqual([]);
});

test('a webhook that does not answer fails the write, or is ignored when it says so', async () => {
  const unreachable = { clientConfig: { ...clientConfig, url: 'https://127.0.0.1:1/' } };
  await register('Validating', unreachable);
  const failed = await create('lost');
  expect(failed.status).toBe(500);
  expect(failed.body.message).toMatch(/^Internal error occurred: failed calling webhook "hook.test.example": /);
  await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
  await register('Validating', { ...unreachable, failurePolicy: 'Ignore' });
  expect((await create('found')).status).toBe(201);
});

test('a webhook that takes too long fails the write after its timeout', async () => {
  hang = true;
  try {
    await register('Validating', { timeoutSeconds: 1 });
    const failed = await create('slow');
    expect(failed.status).toBe(500);
    expect(failed.body.message).toMatch(
      /^Internal error occurred: failed calling webhook "hook.test.example": .*timeout/,
    );
    await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
    await register('Validating', { timeoutSeconds: 1, failurePolicy: 'Ignore' });
    expect((await create('slow')).status).toBe(201);
  } finally {
    hang = false;
  }
});

test('a webhook is asked about what its selectors and conditions leave', async () => {
  const asks = async (name: string, fields: Record<string, unknown>, labels: Record<string, string> = {}) => {
    await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
    expect((await register('Validating', fields)).status).toBe(201);
    asked = [];
    expect((await create(name, labels)).status).toBe(201);
    return asked.length === 1;
  };
  const objectSelector = { matchLabels: { checked: 'yes' } };
  expect(await asks('object-1', { objectSelector })).toBe(false);
  expect(await asks('object-2', { objectSelector }, { checked: 'yes' })).toBe(true);
  const inNamespace = (values: string[]) => ({
    namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values }] },
  });
  expect(await asks('namespace-1', inNamespace(['elsewhere']))).toBe(false);
  expect(await asks('namespace-2', inNamespace(['default']))).toBe(true);
  const when = (expression: string) => ({ matchConditions: [{ name: 'when', expression }] });
  expect(await asks('condition-1', when('object.metadata.name.startsWith("other")'))).toBe(false);
  expect(await asks('condition-2', when('request.operation == "CREATE" && oldObject == null'))).toBe(true);
  // One that cannot be evaluated counts as a failure of the webhook.
  await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
  await register('Validating', when('object.spec.missing == 1'));
  const failed = await create('condition-3');
  expect([failed.status, failed.body.message]).toEqual([403, expect.stringContaining('matchCondition "when"')]);
  expect(await asks('condition-4', { ...when('object.spec.missing == 1'), failurePolicy: 'Ignore' })).toBe(false);
});

test('a mutating webhook is asked again about what one behind it has changed, when it wants to', async () => {
  const patched = (path: string, value: string) => ({
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify([{ op: 'add', path, value }])).toString('base64'),
  });
  const order: string[] = [];
  answer = (request) => {
    const { name } = (request.object as unknown as { data?: { step?: string }; metadata: { name: string } }).metadata;
    const step = (request.object as unknown as { data: { step?: string } }).data.step ?? 'none';
    order.push(step);
    return patched('/data/step', `${step}+${order.length}-${name}`);
  };
  for (const [reinvocationPolicy, calls] of [
    ['Never', 2],
    ['IfNeeded', 3],
  ] as const) {
    order.splice(0);
    await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations');
    const hook = {
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig,
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
    };
    const registered = await api.call('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'two' },
        webhooks: [
          { ...hook, name: 'first.test.example', reinvocationPolicy },
          { ...hook, name: 'second.test.example' },
        ],
      },
    });
    expect(registered.status).toBe(201);
    expect((await create(`again-${calls}`)).status).toBe(201);
    expect(order).toHaveLength(calls);
  }
});

test('a webhook behind a Service is asked at a ready endpoint, under the name of the Service', async () => {
  const { port } = webhook.address() as AddressInfo;
  const made = await api.call('POST', '/api/v1/namespaces/default/services', {
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hook' },
      spec: { clusterIP: 'None', ports: [{ name: 'https', port: 8443, targetPort: port }] },
    },
  });
  expect(made.status, made.body.message).toBe(201);
  const service = { name: 'hook', namespace: 'default', port: 8443, path: '/admit' };
  await register('Validating', { clientConfig: { service, caBundle: clientConfig.caBundle } });
  expect((await create('served')).body.message).toContain('no endpoints available for service "hook"');
  await api.call('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    body: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port }],
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    },
  });
  asked = [];
  expect((await create('served')).body.message).toBeUndefined();
  expect(asked).toHaveLength(1);
  const elsewhere = { ...service, port: 443 };
  await api.call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
  await register('Validating', { clientConfig: { service: elsewhere, caBundle: clientConfig.caBundle } });
  expect((await create('unserved')).body.message).toContain('no service port 443 found for service "hook"');
});

test.each([
  [{ clientConfig: { url: 'http://127.0.0.1/' } }, "'https' is the only allowed URL scheme"],
  [{ admissionReviewVersions: ['v1beta1'] }, 'must include at least one of v1'],
  [{ matchConditions: [{ name: 'bad', expression: 'authorizer.allowed(' }] }, 'compilation failed'],
  [
    { rules: [{ operations: ['CONNECT'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }] },
    'Unsupported value: "CONNECT"',
  ],
])('a configuration that would not be followed is refused: %j', async (fields, why) => {
  const refused = await register('Validating', fields);
  expect(refused.status).toBe(422);
  expect(refused.body.message).toContain(why);
});

test('Pods are given their ServiceAccount and its token, unless they decline', async () => {
  const pod = (name: string, spec: Record<string, unknown>) =>
    api.call('POST', '/api/v1/namespaces/default/pods', {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
      },
    });
  expect((await pod('plain', {})).body.spec).toMatchObject({
    serviceAccountName: 'default',
    containers: [{ volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }] }],
    volumes: [{ projected: { sources: [{ serviceAccountToken: { path: 'token' } }, {}, {}] } }],
  });
  expect((await pod('declined', { automountServiceAccountToken: false })).body.spec?.['volumes']).toBeUndefined();
  expect((await pod('lost', { serviceAccountName: 'nobody' })).body.message).toBe(
    'pods "lost" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
  );
});

test('a kind’s own rules complete, refuse and warn, and leave its status alone', async () => {
  const path = '/apis/kubeairunway.ai/v1alpha1/namespaces/default/modeldeployments';
  const create = (name: string, spec: object) =>
    api.call('POST', path, {
      body: { apiVersion: 'kubeairunway.ai/v1alpha1', kind: 'ModelDeployment', metadata: { name }, spec },
    });
  const created = await create('qwen3', { model: { id: 'Qwen/Qwen3-0.6B' }, engine: { trustRemoteCode: true } });
  expect(created.status).toBe(201);
  expect(created.body.spec).toMatchObject({ resources: { gpu: { count: 1, type: 'nvidia.com/gpu' } } });
  expect(created.headers['warning']).toContain('trustRemoteCode');

  const refused = await create('nameless', { model: {} });
  expect(refused.status).toBe(422);
  expect(refused.body.message).toBe(
    'ModelDeployment.kubeairunway.ai "nameless" is invalid: spec.model.id: Required value: model.id is required when source is huggingface',
  );
  const patch = { contentType: 'application/merge-patch+json', body: { spec: { model: { id: 'other/model' } } } };
  expect((await api.call('PATCH', `${path}/qwen3`, patch)).body.message).toContain(
    'spec.model.id is immutable'.slice(5),
  );
  const status = { ...patch, body: { status: { phase: 'Running' } } };
  expect((await api.call('PATCH', `${path}/qwen3/status`, status)).status).toBe(200);
});
