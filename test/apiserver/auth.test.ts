import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type Answer, type TestApi } from './harness.ts';

let api: TestApi;
let logged = '';

beforeAll(async () => {
  const log = pino({ level: 'trace' }, { write: (line: string) => (logged += line) });
  api = await startTestApi({ log });
  await api.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account('bot') });
});
afterAll(() => api.close());

const rbac = '/apis/rbac.authorization.k8s.io/v1';

function account(name: string) {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
}

async function tokenOf(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  const answer = await api.call('POST', `/api/v1/namespaces/default/serviceaccounts/${name}/token`, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
  });
  expect(answer.status).toBe(201);
  return (answer.body.status as { token: string }).token;
}

function as(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return api.call(method, path, { headers: { authorization: `Bearer ${token}` }, ...(body !== undefined && { body }) });
}

async function allow(name: string, subject: string, rules: unknown[]): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name }, rules };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: subject, namespace: 'default' }],
  };
  expect((await api.call('POST', `${rbac}/namespaces/default/roles`, { body: role })).status).toBe(201);
  expect((await api.call('POST', `${rbac}/namespaces/default/rolebindings`, { body: binding })).status).toBe(201);
}

describe('authentication', () => {
  test.each([
    ['none', ''],
    ['one that is not ours', 'Bearer nonsense'],
    ['a signed one of somebody else', 'Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA'],
    ['an unsigned one', 'Bearer eyJhbGciOiJub25lIn0.e30.'],
  ])('a request with a token that is %s is refused', async (_what, authorization) => {
    const answer = await api.call('GET', '/version', { headers: { authorization } });
    expect(answer).toMatchObject({ status: 401, body: { reason: 'Unauthorized', message: 'Unauthorized' } });
  });

  test('a token names its ServiceAccount, and ends with it', async () => {
    await api.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account('gone') });
    const token = await tokenOf('gone');
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    expect((await as(token, 'POST', path, review)).body.status).toMatchObject({
      userInfo: {
        username: 'system:serviceaccount:default:gone',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
    });
    await api.call('DELETE', '/api/v1/namespaces/default/serviceaccounts/gone');
    expect((await as(token, 'POST', path, review)).status).toBe(401);
  });

  test('a token that is bound to a Pod ends with the Pod', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'holder' },
      spec: { serviceAccountName: 'bot', containers: [{ name: 'c', image: 'i' }] },
    };
    await api.call('POST', '/api/v1/namespaces/default/pods', { body: pod });
    const token = await tokenOf('bot', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'holder' } });
    expect((await as(token, 'GET', '/version')).status).toBe(200);
    await api.call('DELETE', '/api/v1/namespaces/default/pods/holder?gracePeriodSeconds=0');
    expect((await as(token, 'GET', '/version')).status).toBe(401);
  });

  test('a token for another audience does not open this API, and a review can tell', async () => {
    const token = await tokenOf('bot', { audiences: ['vault'] });
    expect((await as(token, 'GET', '/version')).status).toBe(401);
    const review = (spec: unknown) =>
      api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
      });
    expect((await review({ token, audiences: ['vault'] })).body.status).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: { username: 'system:serviceaccount:default:bot' },
    });
    expect((await review({ token: 'nonsense' })).body.status).toEqual({ user: {}, error: '[invalid bearer token]' });
  });

  test('tokens for less than ten minutes are refused', async () => {
    const answer = await api.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', {
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 60 } },
    });
    expect(answer).toMatchObject({
      status: 422,
      body: {
        message:
          'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
      },
    });
  });
});

describe('authorization', () => {
  test('what no role allows is forbidden, in the words of kube-apiserver', async () => {
    const token = await tokenOf('bot');
    const user = 'User "system:serviceaccount:default:bot"';
    const rows = [
      [
        'GET',
        '/api/v1/namespaces/default/secrets',
        `secrets is forbidden: ${user} cannot list resource "secrets" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        '/api/v1/namespaces/default/pods/x/log',
        `pods "x" is forbidden: ${user} cannot get resource "pods/log" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        '/api/v1/nodes',
        `nodes is forbidden: ${user} cannot list resource "nodes" in API group "" at the cluster scope`,
      ],
      [
        'DELETE',
        '/apis/apps/v1/namespaces/default/deployments/x',
        `deployments.apps "x" is forbidden: ${user} cannot delete resource "deployments" in API group "apps" in the namespace "default"`,
      ],
      ['GET', '/metrics', `forbidden: ${user} cannot get path "/metrics"`],
    ] as const;
    for (const [method, path, message] of rows) {
      expect(await as(token, method, path)).toMatchObject({ status: 403, body: { reason: 'Forbidden', message } });
    }
  });

  test('a role allows its verbs, resources and names, and no more', async () => {
    await api.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account('reader') });
    await allow('reader', 'reader', [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get'] },
    ]);
    const token = await tokenOf('reader');
    const core = '/api/v1/namespaces/default';
    expect((await as(token, 'GET', `${core}/configmaps`)).status).toBe(200);
    expect((await as(token, 'GET', `${core}/configmaps/kube-root-ca.crt`)).status).toBe(403);
    expect((await as(token, 'GET', '/api/v1/namespaces/kube-system/configmaps')).status).toBe(403);
    expect((await as(token, 'GET', `${core}/secrets/mine`)).status).toBe(404);
    expect((await as(token, 'GET', `${core}/secrets/other`)).status).toBe(403);
  });

  test('nobody grants what he does not have', async () => {
    await api.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account('climber') });
    await allow('climber', 'climber', [
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create'] },
    ]);
    const token = await tokenOf('climber');
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'more' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    };
    const answer = await as(token, 'POST', `${rbac}/namespaces/default/roles`, role);
    expect(answer.status).toBe(403);
    expect(answer.body.message).toContain('is attempting to grant RBAC permissions not currently held:\n');
    expect(answer.body.message).toContain('{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}');
  });

  test('view gathers the roles that are labelled for it, those of our own kinds too', async () => {
    await expect
      .poll(async () => JSON.stringify((await api.call('GET', `${rbac}/clusterroles/view`)).body['rules']))
      .toContain('aigatewayroutes');
  });

  test('an administrator acts as somebody else; others may not', async () => {
    const headers = { 'impersonate-user': 'system:serviceaccount:default:bot' };
    expect((await api.call('GET', '/api/v1/nodes', { headers })).status).toBe(403);
    const token = await tokenOf('bot');
    const answer = await api.call('GET', '/api/v1/nodes', {
      headers: { authorization: `Bearer ${token}`, 'impersonate-user': 'kubernetes-admin' },
    });
    expect(answer.body.message).toBe(
      'users "kubernetes-admin" is forbidden: User "system:serviceaccount:default:bot" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  test('reviews say what somebody may do', async () => {
    const resourceAttributes = { verb: 'get', resource: 'secrets', namespace: 'default', name: 'mine' };
    const review = (user: string) =>
      api.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user, resourceAttributes },
        },
      });
    expect((await review('system:serviceaccount:default:bot')).body.status).toEqual({ allowed: false });
    expect((await review('system:serviceaccount:default:reader')).body.status).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "reader/default" of Role "reader" to ServiceAccount "reader/default"',
    });
  });
});

test('keys and tokens are for their owner only, and in no log', async () => {
  for (const file of ['identity.json', 'serviceaccount.key']) {
    expect(((await stat(join(api.dataDir, 'pki', file))).mode & 0o777).toString(8)).toBe('600');
  }
  expect(((await stat(join(api.dataDir, 'pki'))).mode & 0o777).toString(8)).toBe('700');
  const token = await tokenOf('bot');
  await as(token, 'GET', `/api/v1/nodes?secret=x`);
  await as(`${token}x`, 'GET', '/api/v1/nodes');
  expect(logged).toContain('embedded API listening');
  for (const secret of [token, api.server.token]) expect(logged).not.toContain(secret);
});
