import { containing, present, without, type Behaviour } from '../behaviour.ts';
import { get, refused } from './requests.ts';

const aggregated = 'application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList';

export const discovery: readonly Behaviour[] = [
  {
    name: 'GET /api lists the versions of the legacy group',
    steps: [get('/api', { expect: { kind: 'APIVersions', versions: ['v1'] } })],
  },
  {
    name: 'GET /apis lists groups with their preferred versions',
    steps: [
      get('/apis', {
        expect: {
          kind: 'APIGroupList',
          groups: containing({
            name: 'apps',
            versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
            preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
          }),
        },
      }),
    ],
  },
  {
    name: 'GET /apis/<group> describes one group',
    steps: [
      get('/apis/apps', {
        expect: { kind: 'APIGroup', apiVersion: 'v1', name: 'apps', preferredVersion: { version: 'v1' } },
      }),
    ],
  },
  {
    name: 'a resource list carries short names, categories, scope and verbs',
    steps: [
      get('/api/v1', {
        expect: {
          kind: 'APIResourceList',
          groupVersion: 'v1',
          resources: containing(
            {
              name: 'pods',
              singularName: 'pod',
              namespaced: true,
              kind: 'Pod',
              shortNames: ['po'],
              categories: ['all'],
              verbs: containing('create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'),
            },
            {
              name: 'namespaces',
              namespaced: false,
              kind: 'Namespace',
              shortNames: ['ns'],
              verbs: without('deletecollection'),
            },
            { name: 'pods/status', namespaced: true, kind: 'Pod', verbs: containing('get', 'patch', 'update') },
          ),
        },
      }),
    ],
  },
  {
    name: 'a scale subresource is listed with the kind and group of Scale',
    steps: [
      get('/apis/apps/v1', {
        expect: {
          resources: containing({ name: 'deployments/scale', kind: 'Scale', group: 'autoscaling', version: 'v1' }),
        },
      }),
    ],
  },
  {
    name: 'an unknown group is 404',
    steps: [get('/apis/nothing.example.com', { status: 404 })],
  },
  {
    name: 'an unknown version of a group is NotFound',
    steps: [get('/apis/apps/v7', refused(404, 'NotFound', 'the server could not find the requested resource'))],
  },
  { name: 'an unknown path is refused', steps: [get('/no/such/path', { status: 404 })] },
  {
    name: 'an unknown resource is NotFound without a name',
    steps: [get('/api/v1/gadgets', refused(404, 'NotFound', 'the server could not find the requested resource'))],
  },
  {
    name: 'aggregated discovery of /apis has every group in one answer',
    steps: [
      get('/apis', {
        headers: { accept: `${aggregated},application/json` },
        expectHeaders: { 'content-type': /apidiscovery\.k8s\.io/ },
        expect: {
          kind: 'APIGroupDiscoveryList',
          apiVersion: 'apidiscovery.k8s.io/v2',
          items: containing({
            metadata: { name: 'apps' },
            versions: [
              {
                version: 'v1',
                freshness: 'Current',
                resources: containing({
                  resource: 'deployments',
                  responseKind: { kind: 'Deployment' },
                  scope: 'Namespaced',
                  singularResource: 'deployment',
                  shortNames: ['deploy'],
                  categories: ['all'],
                  subresources: containing({
                    subresource: 'scale',
                    responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
                  }),
                }),
              },
            ],
          }),
        },
      }),
    ],
  },
  {
    name: 'aggregated discovery of /api has the legacy group without a name',
    steps: [
      get('/api', {
        headers: { accept: aggregated },
        expect: {
          kind: 'APIGroupDiscoveryList',
          items: [
            { versions: [{ version: 'v1', resources: containing({ resource: 'configmaps', shortNames: ['cm'] }) }] },
          ],
        },
      }),
    ],
  },
  {
    name: 'GET /version names a version that clients can parse',
    steps: [get('/version', { expect: { major: /^1$/, minor: /^\d+\+?$/, gitVersion: /^v1\.\d+\.\d+/ } })],
  },
  { name: '/healthz answers ok', steps: [get('/healthz', { expect: 'ok' })] },
  { name: '/livez answers ok', steps: [get('/livez', { expect: 'ok' })] },
  { name: '/readyz answers ok', steps: [get('/readyz', { expect: 'ok' })] },
  {
    name: '/readyz?verbose lists its checks',
    steps: [get('/readyz?verbose', { expect: /\[\+\]ping ok[\s\S]*readyz check passed/ })],
  },
  {
    name: 'OpenAPI v3 lists a document for each group version, with a hash in its URL',
    steps: [
      get('/openapi/v3', {
        expect: {
          paths: {
            'api/v1': { serverRelativeURL: /^"?\/openapi\/v3\/api\/v1\?hash=/ },
            'apis/apps/v1': { serverRelativeURL: present },
          },
        },
      }),
    ],
  },
  {
    name: 'OpenAPI v3 documents say which kind a schema and a path are of',
    steps: [
      get('/openapi/v3/apis/apps/v1', {
        expect: {
          openapi: /^3\.0/,
          components: {
            schemas: {
              'io.k8s.api.apps.v1.Deployment': {
                type: 'object',
                'x-kubernetes-group-version-kind': [{ group: 'apps', kind: 'Deployment', version: 'v1' }],
                properties: { spec: present, status: present },
              },
            },
          },
          paths: {
            '/apis/apps/v1/namespaces/{namespace}/deployments/{name}': {
              get: { 'x-kubernetes-group-version-kind': { group: 'apps', kind: 'Deployment', version: 'v1' } },
              patch: { requestBody: { content: { 'application/apply-patch+yaml': present } } },
            },
          },
        },
      }),
    ],
  },
  {
    name: 'OpenAPI v2 has definitions with their kinds and merge keys',
    steps: [
      get('/openapi/v2', {
        expect: {
          swagger: '2.0',
          definitions: {
            'io.k8s.api.core.v1.PodSpec': {
              properties: {
                containers: { 'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge' },
              },
            },
            'io.k8s.api.core.v1.ConfigMap': {
              'x-kubernetes-group-version-kind': [{ group: '', kind: 'ConfigMap', version: 'v1' }],
            },
          },
        },
      }),
    ],
  },
  {
    name: 'kubectl explain finds descriptions in OpenAPI v3',
    steps: [
      get('/openapi/v3/api/v1', {
        expect: {
          components: {
            schemas: { 'io.k8s.api.core.v1.ConfigMap': { description: /ConfigMap holds configuration data/ } },
          },
        },
      }),
    ],
  },
  {
    name: 'a missing object is a Status that names resource and object',
    steps: [
      get('/api/v1/namespaces/nowhere/configmaps/missing', {
        ...refused(404, 'NotFound', 'configmaps "missing" not found', {
          details: { name: 'missing', kind: 'configmaps' },
        }),
      }),
      get('/apis/apps/v1/namespaces/nowhere/deployments/missing', {
        ...refused(404, 'NotFound', 'deployments.apps "missing" not found', {
          details: { name: 'missing', group: 'apps', kind: 'deployments' },
        }),
      }),
    ],
  },
];
