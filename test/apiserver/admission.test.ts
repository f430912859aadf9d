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
let answer: (request: Review['request']) => Record<string, unknown> = () => ({ allowed: true });

beforeAll(async () => {
  api = await startTestApi();
  directory = await mkdtemp(join(tmpdir(), 'headgate-webhook-'));
  const identity = await loadIdentity(directory, ['127.0.0.1']);
  webhook = createServer({ cert: identity.serverCertificate, key: identity.serverKey }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      asked.push(review.request);
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
