import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

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

describe('refusals', () => {
  const cases: [
    name: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
    reason: string,
    message: string,
  ][] = [
    ['missing object', 'GET', `${configMaps}/nope`, undefined, 404, 'NotFound', 'configmaps "nope" not found'],
    [
      'missing object of a group',
      'GET',
      `${deployments}/nope`,
      undefined,
      404,
      'NotFound',
      'deployments.apps "nope" not found',
    ],
    [
      'unknown resource',
      'GET',
      '/api/v1/frobs',
      undefined,
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    [
      'unknown group',
      'GET',
      '/apis/x.example/v1',
      undefined,
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    [
      'missing namespace',
      'POST',
      '/api/v1/namespaces/nope/configmaps',
      configMap('a'),
      404,
      'NotFound',
      'namespaces "nope" not found',
    ],
    [
      'wrong method',
      'PUT',
      configMaps,
      configMap('a'),
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    ['body that is not JSON', 'POST', configMaps, '{', 400, 'BadRequest', 'the body cannot be decoded'],
    ['body that is no object', 'POST', configMaps, [], 400, 'BadRequest', 'the body must be a ConfigMap object'],
    [
      'wrong kind',
      'POST',
      configMaps,
      { apiVersion: 'v1', kind: 'Secret' },
      400,
      'BadRequest',
      'the kind in the data (Secret) does not match',
    ],
    [
      'wrong version',
      'POST',
      configMaps,
      { apiVersion: 'v2', kind: 'ConfigMap' },
      400,
      'BadRequest',
      'the API version in the data (v2) does not match the expected API version (v1)',
    ],
    [
      'other namespace in the body',
      'POST',
      configMaps,
      configMap('a', { metadata: { name: 'a', namespace: 'x' } }),
      400,
      'BadRequest',
      'the namespace of the provided object does not match',
    ],
    [
      'no name',
      'POST',
      configMaps,
      configMap(''),
      422,
      'Invalid',
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      'bad name',
      'POST',
      configMaps,
      configMap('Bad_Name'),
      422,
      'Invalid',
      'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain',
    ],
    [
      'bad label',
      'POST',
      configMaps,
      configMap('a', { metadata: { name: 'a', labels: { a: '-' } } }),
      422,
      'Invalid',
      'metadata.labels: Invalid value: "-": a valid label',
    ],
    [
      'unknown field, strict',
      'POST',
      `${configMaps}?fieldValidation=Strict`,
      configMap('a', { foo: 1 }),
      400,
      'BadRequest',
      'strict decoding error: unknown field "foo"',
    ],
    [
      'wrong type',
      'POST',
      deployments,
      { ...deployment('a'), spec: { replicas: 'x' } },
      400,
      'BadRequest',
      'json: cannot unmarshal string into Go struct field Deployment.spec.replicas of type int32',
    ],
    [
      'selector without match',
      'POST',
      deployments,
      { ...deployment('a'), spec: { ...deployment('a').spec, selector: { matchLabels: { b: 'c' } } } },
      422,
      'Invalid',
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      'no containers',
      'POST',
      pods,
      pod('a', { containers: undefined }),
      422,
      'Invalid',
      'Pod "a" is invalid: spec.containers: Required value',
    ],
    [
      'two containers of one name',
      'POST',
      pods,
      pod('a', {
        containers: [
          { name: 'c', image: 'x' },
          { name: 'c', image: 'y' },
        ],
      }),
      422,
      'Invalid',
      'spec.containers[1].name: Duplicate value: "c"',
    ],
    [
      'unsupported value',
      'POST',
      pods,
      pod('a', { restartPolicy: 'Maybe' }),
      422,
      'Invalid',
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'unmounted volume',
      'POST',
      pods,
      pod('a', { containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] }),
      422,
      'Invalid',
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      'unknown field selector',
      'GET',
      `${configMaps}?fieldSelector=data.k%3Dv`,
      undefined,
      400,
      'BadRequest',
      '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    [
      'bad label selector',
      'GET',
      `${configMaps}?labelSelector=a%20b`,
      undefined,
      400,
      'BadRequest',
      'unable to parse requirement',
    ],
    ['bad continue', 'GET', `${configMaps}?continue=xyz`, undefined, 400, 'BadRequest', 'continue key is not valid'],
    [
      'version of the future',
      'GET',
      `${configMaps}?resourceVersion=999999999`,
      undefined,
      504,
      'Timeout',
      'Too large resource version',
    ],
    ['log without a node', 'GET', `${pods}/nope/log`, undefined, 404, 'NotFound', 'pods "nope" not found'],
  ];
  test.each(cases)('%s', async (_name, method, path, body, status, reason, message) => {
    const answer = await api.call(method, path, { body });
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', reason, code: status });
    expect(answer.body.message).toContain(message);
    expect(answer.status).toBe(status);
  });

  test('no token or a wrong one is answered with 401', async () => {
    for (const authorization of ['', 'Bearer nonsense', 'Basic eDp5']) {
      const answer = await api.call('GET', '/api/v1/secrets', { headers: { authorization } });
      expect(answer).toMatchObject({ status: 401, body: { reason: 'Unauthorized' } });
    }
  });

  test('a body over the limit is answered with 413', async () => {
    const answer = await api.call('POST', configMaps, {
      body: configMap('big', { data: { k: 'x'.repeat(4 * 1024 * 1024) } }),
    });
    expect(answer).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } });
  });
});
