import { absent, containing, present, type Behaviour, type Step } from '../behaviour.ts';
import { configMap, configMaps, get, namespace, pod, pods, post, put, refused, remove } from './requests.ts';

export const wire: readonly Behaviour[] = [
  {
    name: 'a request without credentials is 401',
    steps: [get('/api/v1/namespaces', { token: null, ...refused(401, 'Unauthorized', 'Unauthorized') })],
  },
  {
    name: 'a wrong token is 401',
    steps: [get('/api/v1/namespaces', { token: 'wrong', ...refused(401, 'Unauthorized', 'Unauthorized') })],
  },
  {
    name: 'an Accept that cannot be met is 406',
    steps: [get(configMaps, { headers: { accept: 'text/html' }, ...refused(406, 'NotAcceptable', /.+/) })],
  },
  {
    name: 'Accept: */* is JSON',
    steps: [get(configMaps, { headers: { accept: '*/*' }, expectHeaders: { 'content-type': 'application/json' } })],
  },
  {
    name: 'Accept: application/yaml is answered with YAML',
    steps: [
      post(configMaps, configMap('c', { a: '1' })),
      get(`${configMaps}/c`, {
        headers: { accept: 'application/yaml' },
        expectHeaders: { 'content-type': 'application/yaml' },
        expect: /^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap/,
      }),
    ],
  },
  {
    name: 'a body in an unknown format is 415',
    steps: [
      post(configMaps, 'a=b', {
        type: 'application/x-www-form-urlencoded',
        ...refused(
          415,
          'UnsupportedMediaType',
          /the body of the request was in an unknown format - accepted media types include: /,
        ),
      }),
    ],
  },
  {
    name: 'an unknown kind of patch is 415',
    steps: [
      post(configMaps, configMap('c')),
      {
        method: 'PATCH',
        path: `${configMaps}/c`,
        body: {},
        type: 'application/json',
        ...refused(415, 'UnsupportedMediaType', /.+/),
      },
    ],
  },
  {
    name: 'a body of YAML is taken',
    steps: [
      post(configMaps, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "1"}\n', {
        type: 'application/yaml',
        expect: { data: { a: '1' } },
      }),
    ],
  },
  {
    name: 'JSON that cannot be parsed is 400',
    steps: [post(configMaps, '{"metadata":', { ...refused(400, 'BadRequest', /.+/) })],
  },
  { name: 'an empty body is 400', steps: [post(configMaps, '', { ...refused(400, 'BadRequest', /.+/) })] },
  {
    name: 'a body above the limit is 413',
    steps: [
      post(
        configMaps,
        `{"metadata":{"name":"big"},"data":{"a":"${'x'.repeat(3.2 * 1024 * 1024)}"}}`,
        refused(413, 'RequestEntityTooLarge', /limit is 3145728/),
      ),
    ],
  },
  {
    name: 'a ConfigMap above 1 MiB is refused',
    steps: [
      post(
        configMaps,
        configMap('big', { a: 'x'.repeat(1024 * 1024 + 1) }),
        refused(422, 'Invalid', /Too long: may not be more than 1048576 bytes|must have at most 1048576 bytes/),
      ),
    ],
  },
  {
    name: 'PUT of a collection is 405',
    steps: [
      put(
        configMaps,
        {},
        refused(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
      ),
    ],
  },
  {
    name: 'POST to an object is 405',
    steps: [
      post(
        `${configMaps}/c`,
        configMap('c'),
        refused(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
      ),
    ],
  },
  {
    name: 'DELETE of all namespaces is 405',
    steps: [
      remove(
        '/api/v1/namespaces',
        undefined,
        refused(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
      ),
    ],
  },
  {
    name: 'a subresource that is not there is 404',
    steps: [post(configMaps, configMap('c')), get(`${configMaps}/c/nothing`, { status: 404 })],
  },
  {
    name: 'a namespaced path of a cluster-scoped kind is 404',
    steps: [get('/api/v1/namespaces/{ns}/nodes', { status: 404 })],
  },
  {
    name: 'a name in a collection without its namespace is 404',
    steps: [get('/api/v1/configmaps/c', { status: 404 })],
  },
  {
    name: 'large answers are compressed when the client asks',
    steps: [
      post(configMaps, configMap('large', { a: 'x'.repeat(300_000) })),
      {
        method: 'GET',
        path: `${configMaps}/large`,
        headers: { 'accept-encoding': 'gzip' },
        expectHeaders: { 'content-encoding': 'gzip' },
      },
    ],
  },
  {
    name: 'SelfSubjectAccessReview: the administrator may do anything',
    steps: [
      post(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { namespace: '{ns}', verb: 'delete', resource: 'pods' } },
        },
        { expect: { kind: 'SelfSubjectAccessReview', status: { allowed: true } } },
      ),
    ],
  },
  {
    name: 'SubjectAccessReview: a user without roles may not',
    steps: [
      post(
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user: 'nobody', resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'pods' } },
        },
        { expect: { status: { allowed: false } } },
      ),
    ],
  },
  {
    name: 'SubjectAccessReview follows a Role and its RoleBinding',
    steps: [
      post('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'reader' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
      }),
      post('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'reader' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }],
      }),
      {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        status: 201,
        eventually: true,
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user: 'ann', resourceAttributes: { namespace: '{ns}', verb: 'list', resource: 'pods' } },
        },
        expect: {
          status: {
            allowed: true,
            reason: /RBAC: allowed by RoleBinding "reader\/{ns}" of Role "reader" to User "ann"/,
          },
        },
      },
      post(
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user: 'ann', resourceAttributes: { namespace: '{ns}', verb: 'delete', resource: 'pods' } },
        },
        { expect: { status: { allowed: false } } },
      ),
    ],
  },
  {
    name: 'TokenRequest makes a token that authenticates as the ServiceAccount, and RBAC refuses what it may not',
    steps: [
      post(
        '/api/v1/namespaces/{ns}/serviceaccounts/default/token',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
        {
          expect: { kind: 'TokenRequest', status: { token: /^ey.+\..+\..+/, expirationTimestamp: present } },
          capture: { token: 'status.token' },
        },
      ),
      get(configMaps, {
        token: '{token}',
        ...refused(
          403,
          'Forbidden',
          'configmaps is forbidden: User "system:serviceaccount:{ns}:default" cannot list resource "configmaps" in API group "" in the namespace "{ns}"',
          { details: { kind: 'configmaps' } },
        ),
      }),
      get('/api/v1/nodes/n', {
        token: '{token}',
        ...refused(
          403,
          'Forbidden',
          'nodes "n" is forbidden: User "system:serviceaccount:{ns}:default" cannot get resource "nodes" in API group "" at the cluster scope',
        ),
      }),
      get('/metrics', {
        token: '{token}',
        ...refused(403, 'Forbidden', 'forbidden: User "system:serviceaccount:{ns}:default" cannot get path "/metrics"'),
      }),
    ],
  },
  {
    name: 'TokenReview says who a token is',
    steps: [
      post(
        '/api/v1/namespaces/{ns}/serviceaccounts/default/token',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
        { capture: { token: 'status.token' } },
      ),
      post(
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: '{token}' } },
        {
          expect: {
            status: {
              authenticated: true,
              user: {
                username: 'system:serviceaccount:{ns}:default',
                uid: present,
                groups: containing('system:serviceaccounts', 'system:serviceaccounts:{ns}', 'system:authenticated'),
              },
            },
          },
        },
      ),
    ],
  },
  {
    name: 'TokenReview of a wrong token is not authenticated',
    steps: [
      post(
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'wrong' } },
        { expect: { status: { authenticated: absent } } },
      ),
    ],
  },
  {
    name: 'SelfSubjectReview says who is asking',
    steps: [
      post(
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        {
          expect: {
            status: { userInfo: { username: present, groups: containing('system:masters', 'system:authenticated') } },
          },
        },
      ),
    ],
  },
  {
    name: 'SelfSubjectRulesReview lists rules',
    steps: [
      post(
        '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: '{ns}' } },
        { expect: { status: { resourceRules: containing({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }) } } },
      ),
    ],
  },
  {
    name: 'impersonation is judged as the other user',
    steps: [
      get(pods, {
        headers: { 'impersonate-user': 'ann' },
        ...refused(
          403,
          'Forbidden',
          'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "{ns}"',
        ),
      }),
    ],
  },
  {
    name: 'a role binding cannot change its role',
    steps: [
      post('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'b' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      }),
      {
        method: 'PATCH',
        path: '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings/b',
        type: 'application/merge-patch+json',
        body: { roleRef: { name: 'c' } },
        ...refused(422, 'Invalid', /roleRef: Invalid value: .*: cannot change roleRef/),
      },
    ],
  },
  {
    name: 'a Pod is evicted through its subresource',
    steps: [
      post(pods, pod('p')),
      post(
        `${pods}/p/eviction`,
        { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace: '{ns}' } },
        { expect: { kind: 'Status', status: 'Success' } },
      ),
      get(`${pods}/p`, { status: 404 }),
    ],
  },
  {
    name: 'dots and slashes in a name are never resolved: a delete is about that name or nothing',
    steps: [
      post(configMaps, configMap('kept')),
      ...['..', '%2e%2e', '%2E.', '.', 'a%2f..%2f..', '..%2fkept', '%25'].flatMap((name): Step[] => [
        remove(`${configMaps}/${name}`, undefined, { status: [400, 404, 405], expect: { kind: 'Status' } }),
        { path: `${configMaps}/${name}`, status: [400, 404, 405] },
      ]),
      remove('/api/v1/namespaces/%2e%2e/configmaps', undefined, { status: [400, 404, 405, 500] }),
      remove(`${configMaps}/%2e%2e`, undefined, {
        expect: { message: `Name parameter invalid: "..": may not be '..'` },
        status: 400,
      }),
      get(`${configMaps}/kept`),
      get(namespace, { expect: { status: { phase: 'Active' } } }),
    ],
  },
];
