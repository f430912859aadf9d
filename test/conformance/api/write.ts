import { absent, containing, not, present, type Behaviour } from '../behaviour.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  jsonPatch,
  merge,
  pod,
  pods,
  post,
  put,
  refused,
  remove,
  service,
  services,
  strategic,
  typed,
} from './requests.ts';

const conflict =
  /^Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again$/;
const twoContainers = {
  containers: [
    { name: 'a', image: 'a:1' },
    { name: 'b', image: 'b:1' },
  ],
};
const inTemplate = <T>(spec: T) => ({ spec: { template: { spec } } });
const twoInTemplate = post(
  deployments,
  deployment('d', { template: { metadata: { labels: { app: 'd' } }, spec: twoContainers } }),
);

export const write: readonly Behaviour[] = [
  {
    name: 'update replaces the object and gives it a new resourceVersion',
    steps: [
      post(configMaps, configMap('c', { a: '1', b: '2' }), {
        capture: { rv: 'metadata.resourceVersion', uid: 'metadata.uid' },
      }),
      put(`${configMaps}/c`, configMap('c', { a: '3' }), {
        expect: { metadata: { uid: '{uid}', resourceVersion: not('{rv}') }, data: { a: '3', b: absent } },
      }),
    ],
  },
  {
    name: 'an update that changes nothing keeps the resourceVersion',
    steps: [
      post(configMaps, configMap('c', { a: '1' }), { capture: { rv: 'metadata.resourceVersion' } }),
      put(`${configMaps}/c`, configMap('c', { a: '1' }), { expect: { metadata: { resourceVersion: '{rv}' } } }),
      merge(`${configMaps}/c`, { data: { a: '1' } }, { expect: { metadata: { resourceVersion: '{rv}' } } }),
    ],
  },
  {
    name: 'an update from an old resourceVersion is a Conflict',
    steps: [
      post(configMaps, configMap('c'), { capture: { rv: 'metadata.resourceVersion' } }),
      merge(`${configMaps}/c`, { data: { a: '1' } }),
      put(
        `${configMaps}/c`,
        configMap('c', { a: '2' }, { resourceVersion: '{rv}' }),
        refused(409, 'Conflict', conflict, { details: { name: 'c', kind: 'configmaps' } }),
      ),
      merge(
        `${configMaps}/c`,
        { metadata: { resourceVersion: '{rv}' }, data: { a: '2' } },
        refused(409, 'Conflict', conflict),
      ),
    ],
  },
  {
    name: 'an update of a missing object is NotFound',
    steps: [put(`${configMaps}/c`, configMap('c'), refused(404, 'NotFound', 'configmaps "c" not found'))],
  },
  {
    name: 'an update whose name is not that of the path is refused',
    steps: [
      post(configMaps, configMap('c')),
      put(
        `${configMaps}/c`,
        configMap('d'),
        refused(400, 'BadRequest', 'the name of the object (d) does not match the name on the URL (c)'),
      ),
    ],
  },
  {
    name: 'an update with another uid is a Conflict',
    steps: [
      post(configMaps, configMap('c')),
      put(
        `${configMaps}/c`,
        configMap('c', {}, { uid: 'another' }),
        refused(409, 'Conflict', /Precondition failed: UID in precondition: another, UID in object meta: /),
      ),
    ],
  },
  {
    name: 'generation counts changes of the spec, not of labels',
    steps: [
      post(deployments, deployment('d')),
      merge(`${deployments}/d`, { metadata: { labels: { a: 'b' } } }, { expect: { metadata: { generation: 1 } } }),
      merge(`${deployments}/d`, { spec: { replicas: 3 } }, { expect: { metadata: { generation: 2 } } }),
    ],
  },
  {
    name: 'immutable fields: the selector of a Deployment',
    steps: [
      post(deployments, deployment('d')),
      merge(
        `${deployments}/d`,
        { spec: { selector: { matchLabels: { app: 'd', b: 'c' } }, template: { metadata: { labels: { b: 'c' } } } } },
        refused(422, 'Invalid', /spec\.selector: Invalid value: .*: field is immutable$/),
      ),
    ],
  },
  {
    name: 'immutable fields: the cluster IP of a Service',
    steps: [
      post(services, service('s'), { expect: { spec: { clusterIP: present } } }),
      merge(
        `${services}/s`,
        { spec: { clusterIP: '10.96.200.200' } },
        refused(422, 'Invalid', /spec\.clusterIPs\[0\]: Invalid value: .*may not change once set/),
      ),
    ],
  },
  {
    name: 'immutable fields: most of a Pod spec',
    steps: [
      post(pods, pod('p')),
      merge(
        `${pods}/p`,
        { spec: { hostNetwork: true } },
        refused(422, 'Invalid', /^Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than/),
      ),
      strategic(
        `${pods}/p`,
        { spec: { containers: [{ name: 'main', image: 'other:2' }] } },
        { expect: { spec: { containers: [{ image: 'other:2' }] } } },
      ),
    ],
  },
  {
    name: 'an immutable ConfigMap stays as it is',
    steps: [
      post(configMaps, { ...configMap('c', { a: '1' }), immutable: true }),
      merge(
        `${configMaps}/c`,
        { data: { a: '2' } },
        refused(
          422,
          'Invalid',
          'ConfigMap "c" is invalid: data: Forbidden: field is immutable when `immutable` is set',
        ),
      ),
    ],
  },
  {
    name: 'a merge patch adds, changes and removes with null',
    steps: [
      post(configMaps, configMap('c', { a: '1', b: '2' })),
      merge(
        `${configMaps}/c`,
        { data: { a: null, b: '3', c: '4' } },
        { expect: { data: { a: absent, b: '3', c: '4' } } },
      ),
    ],
  },
  {
    name: 'a merge patch replaces lists',
    steps: [
      twoInTemplate,
      merge(`${deployments}/d`, inTemplate({ containers: [{ name: 'c', image: 'c:1' }] }), {
        expect: inTemplate({ containers: [{ name: 'c' }] }),
      }),
    ],
  },
  {
    name: 'a patch of a missing object is NotFound',
    steps: [merge(`${configMaps}/c`, { data: {} }, refused(404, 'NotFound', 'configmaps "c" not found'))],
  },
  {
    name: 'a JSON patch performs its operations in order',
    steps: [
      post(configMaps, configMap('c', { a: '1', b: '2' })),
      jsonPatch(
        `${configMaps}/c`,
        [
          { op: 'test', path: '/data/a', value: '1' },
          { op: 'replace', path: '/data/a', value: '9' },
          { op: 'add', path: '/data/c', value: '3' },
          { op: 'remove', path: '/data/b' },
          { op: 'copy', from: '/data/c', path: '/data/d' },
          { op: 'move', from: '/data/d', path: '/data/e' },
        ],
        { expect: { data: { a: '9', b: absent, c: '3', d: absent, e: '3' } } },
      ),
    ],
  },
  {
    name: 'a JSON patch whose test fails is Invalid and changes nothing',
    steps: [
      post(configMaps, configMap('c', { a: '1' })),
      jsonPatch(
        `${configMaps}/c`,
        [
          { op: 'replace', path: '/data/a', value: '2' },
          { op: 'test', path: '/data/a', value: '1' },
        ],
        refused(422, 'Invalid', /^the server rejected our request due to an error in our request/),
      ),
      get(`${configMaps}/c`, { expect: { data: { a: '1' } } }),
    ],
  },
  {
    name: 'a JSON patch that removes what is not there is Invalid',
    steps: [
      post(configMaps, configMap('c')),
      jsonPatch(
        `${configMaps}/c`,
        [{ op: 'remove', path: '/data/x' }],
        refused(422, 'Invalid', /^the server rejected our request due to an error in our request/),
      ),
    ],
  },
  {
    name: 'a JSON patch pointer escapes slashes',
    steps: [
      post(configMaps, configMap('c', {}, { annotations: { 'a/b': '1' } })),
      jsonPatch(`${configMaps}/c`, [{ op: 'replace', path: '/metadata/annotations/a~1b', value: '2' }], {
        expect: { metadata: { annotations: { 'a/b': '2' } } },
      }),
    ],
  },
  {
    name: 'a strategic patch merges containers by name',
    steps: [
      twoInTemplate,
      strategic(`${deployments}/d`, inTemplate({ containers: [{ name: 'b', image: 'b:2' }] }), {
        expect: inTemplate({
          containers: [
            { name: 'a', image: 'a:1' },
            { name: 'b', image: 'b:2' },
          ],
        }),
      }),
    ],
  },
  {
    name: 'a strategic patch deletes a list element with $patch: delete',
    steps: [
      twoInTemplate,
      strategic(`${deployments}/d`, inTemplate({ containers: [{ name: 'a', $patch: 'delete' }] }), {
        expect: inTemplate({ containers: [{ name: 'b' }] }),
      }),
    ],
  },
  {
    name: 'a strategic patch replaces a list with $patch: replace',
    steps: [
      twoInTemplate,
      strategic(`${deployments}/d`, inTemplate({ containers: [{ name: 'z', image: 'z:1' }, { $patch: 'replace' }] }), {
        expect: inTemplate({ containers: [{ name: 'z' }] }),
      }),
    ],
  },
  {
    name: 'a strategic patch orders a list with $setElementOrder',
    steps: [
      twoInTemplate,
      strategic(
        `${deployments}/d`,
        inTemplate({
          '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
          containers: [{ name: 'b', image: 'b:2' }],
        }),
        {
          expect: inTemplate({ containers: [{ name: 'b', image: 'b:2' }, { name: 'a' }] }),
        },
      ),
    ],
  },
  {
    name: 'a strategic patch retains only named keys with $retainKeys',
    steps: [
      post(deployments, deployment('d')),
      strategic(
        `${deployments}/d`,
        { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
        { expect: { spec: { strategy: { type: 'Recreate', rollingUpdate: absent } } } },
      ),
    ],
  },
  {
    name: 'a strategic patch removes from a primitive list with $deleteFromPrimitiveList',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/a', 'example.com/b'] })),
      strategic(
        `${configMaps}/c`,
        { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] } },
        { expect: { metadata: { finalizers: ['example.com/b'] } } },
      ),
    ],
  },
  {
    name: 'a strategic patch merges Service ports by port',
    steps: [
      post(
        services,
        service('s', {
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 81 },
          ],
        }),
      ),
      strategic(
        `${services}/s`,
        { spec: { ports: [{ port: 81, targetPort: 8081 }] } },
        {
          expect: {
            spec: {
              ports: [
                { port: 80, targetPort: 80 },
                { name: 'b', port: 81, targetPort: 8081 },
              ],
            },
          },
        },
      ),
    ],
  },
  {
    name: 'status is not written through the main resource',
    steps: [
      post(deployments, { ...deployment('d'), status: { replicas: 5 } }, { expect: { status: { replicas: absent } } }),
      merge(`${deployments}/d`, { status: { replicas: 5 } }, { expect: { status: { replicas: absent } } }),
    ],
  },
  {
    name: 'the status subresource writes only status',
    steps: [
      post(deployments, deployment('d')),
      merge(
        `${deployments}/d/status`,
        { spec: { replicas: 9 }, status: { replicas: 5, observedGeneration: 1 } },
        { expect: { metadata: { generation: 1 }, spec: { replicas: 1 }, status: { replicas: 5 } } },
      ),
      get(`${deployments}/d/status`, { expect: { kind: 'Deployment', status: { replicas: 5 } } }),
    ],
  },
  {
    name: 'a Scale is read from a Deployment',
    steps: [
      post(deployments, deployment('d', { replicas: 2 })),
      get(`${deployments}/d/scale`, {
        expect: {
          kind: 'Scale',
          apiVersion: 'autoscaling/v1',
          metadata: { name: 'd', namespace: '{ns}', uid: present },
          spec: { replicas: 2 },
          status: { replicas: 0, selector: 'app=d' },
        },
      }),
    ],
  },
  {
    name: 'a Scale is written with PUT and PATCH',
    steps: [
      post(deployments, deployment('d')),
      put(
        `${deployments}/d/scale`,
        {
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: { name: 'd', namespace: '{ns}' },
          spec: { replicas: 4 },
        },
        { expect: { kind: 'Scale', spec: { replicas: 4 } } },
      ),
      merge(`${deployments}/d/scale`, { spec: { replicas: 5 } }, { expect: { spec: { replicas: 5 } } }),
      get(`${deployments}/d`, { expect: { metadata: { generation: 3 }, spec: { replicas: 5 } } }),
    ],
  },
  {
    name: 'a Scale below zero is refused',
    steps: [
      post(deployments, deployment('d')),
      merge(
        `${deployments}/d/scale`,
        { spec: { replicas: -1 } },
        refused(422, 'Invalid', /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/),
      ),
    ],
  },
  {
    name: 'dry run of create answers as if created and stores nothing',
    steps: [
      post(`${configMaps}?dryRun=All`, configMap('c'), { expect: { metadata: { name: 'c', uid: present } } }),
      get(`${configMaps}/c`, { status: 404 }),
    ],
  },
  {
    name: 'dry run of update, patch and delete stores nothing',
    steps: [
      post(configMaps, configMap('c', { a: '1' }), { capture: { rv: 'metadata.resourceVersion' } }),
      put(`${configMaps}/c?dryRun=All`, configMap('c', { a: '2' }), { expect: { data: { a: '2' } } }),
      merge(`${configMaps}/c?dryRun=All`, { data: { a: '3' } }, { expect: { data: { a: '3' } } }),
      remove(`${configMaps}/c?dryRun=All`),
      get(`${configMaps}/c`, { expect: { metadata: { resourceVersion: '{rv}' }, data: { a: '1' } } }),
    ],
  },
  {
    name: 'an unknown dryRun value is refused',
    steps: [
      post(
        `${configMaps}?dryRun=Some`,
        configMap('c'),
        refused(422, 'Invalid', /dryRun: Unsupported value: \[\]string\{"Some"\}: supported values: "All"/),
      ),
    ],
  },
  {
    name: 'fieldValidation=Strict refuses unknown fields',
    steps: [
      post(
        `${deployments}?fieldValidation=Strict`,
        deployment('d', { replicaz: 1 }),
        refused(400, 'BadRequest', /strict decoding error: unknown field "spec\.replicaz"/),
      ),
    ],
  },
  {
    name: 'fieldValidation=Warn, the default, drops and warns',
    steps: [
      post(deployments, deployment('d', { replicaz: 1 }), {
        expectHeaders: { warning: '299 - "unknown field \\"spec.replicaz\\""' },
        expect: { spec: { replicaz: absent } },
      }),
    ],
  },
  {
    name: 'fieldValidation=Ignore drops in silence',
    steps: [
      post(`${deployments}?fieldValidation=Ignore`, deployment('d', { replicaz: 1 }), {
        expectHeaders: { warning: absent },
        expect: { spec: { replicaz: absent } },
      }),
    ],
  },
  {
    name: 'an unknown fieldValidation value is refused',
    steps: [
      post(
        `${configMaps}?fieldValidation=Maybe`,
        configMap('c'),
        refused(422, 'Invalid', /fieldValidation: Unsupported value: "Maybe"/),
      ),
    ],
  },
  {
    name: 'fieldValidation=Strict refuses duplicate fields',
    steps: [
      post(
        `${configMaps}?fieldValidation=Strict`,
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","a":"2"}}',
        refused(400, 'BadRequest', /strict decoding error: duplicate field "data\.a"/),
      ),
    ],
  },
  {
    name: 'fieldValidation=Strict holds for patches',
    steps: [
      post(deployments, deployment('d')),
      merge(
        `${deployments}/d?fieldValidation=Strict`,
        { spec: { replicaz: 1 } },
        refused(422, 'Invalid', /unknown field "spec\.replicaz"/),
      ),
    ],
  },
  {
    name: 'a write records its manager, operation and fields',
    steps: [
      post(`${configMaps}?fieldManager=tester`, configMap('c', { a: '1' }), {
        expect: {
          metadata: {
            managedFields: [
              {
                manager: 'tester',
                operation: 'Update',
                apiVersion: 'v1',
                fieldsType: 'FieldsV1',
                time: present,
                fieldsV1: { 'f:data': { 'f:a': {} } },
              },
            ],
          },
        },
      }),
    ],
  },
  {
    name: 'a status write is recorded with its subresource',
    steps: [
      post(deployments, deployment('d')),
      merge(
        `${deployments}/d/status?fieldManager=controller`,
        { status: { replicas: 1 } },
        {
          expect: {
            metadata: {
              managedFields: containing({ manager: 'controller', operation: 'Update', subresource: 'status' }),
            },
          },
        },
      ),
    ],
  },
  {
    name: 'managedFields can be emptied with an empty entry',
    steps: [
      post(configMaps, configMap('c', { a: '1' })),
      merge(
        `${configMaps}/c`,
        { metadata: { managedFields: [{}] } },
        { expect: { metadata: { managedFields: absent } } },
      ),
    ],
  },
  {
    name: 'PUT creates a Lease that is not there: a kind may allow it',
    steps: [
      put(
        '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/l',
        typed('coordination.k8s.io/v1', 'Lease', { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } }),
        { status: 201, expect: { spec: { holderIdentity: 'me' } } },
      ),
    ],
  },
];
