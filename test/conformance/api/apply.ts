import { absent, containing, present, without, type Behaviour } from '../behaviour.ts';
import {
  apply,
  configMap,
  configMaps,
  deployment,
  deployments,
  forceApply,
  get,
  merge,
  post,
  put,
  refused,
  service,
  services,
} from './requests.ts';

const c = `${configMaps}/c`;
const cm = (data: Record<string, string>, metadata: Record<string, unknown> = {}) => configMap('c', data, metadata);
const bare = (metadata: Record<string, unknown>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', ...metadata },
});

export const serverSideApply: readonly Behaviour[] = [
  {
    name: 'apply creates with 201 and records the applier',
    steps: [
      apply(c, 'one', cm({ a: '1' }), {
        status: 201,
        expect: {
          data: { a: '1' },
          metadata: {
            managedFields: [
              { manager: 'one', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:a': {} } } },
            ],
          },
        },
      }),
    ],
  },
  {
    name: 'the same apply again changes nothing',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201, capture: { rv: 'metadata.resourceVersion' } }),
      apply(c, 'one', cm({ a: '1' }), { expect: { metadata: { resourceVersion: '{rv}' } } }),
    ],
  },
  {
    name: 'apply without a field manager is refused',
    steps: [
      {
        method: 'PATCH',
        path: c,
        type: 'application/apply-patch+yaml',
        body: cm({}),
        ...refused(422, 'Invalid', /fieldManager: Required value: is required for apply patch/),
      },
    ],
  },
  {
    name: 'apply takes YAML',
    steps: [
      apply(c, 'one', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: "1"\n', {
        status: 201,
        expect: { data: { a: '1' } },
      }),
    ],
  },
  {
    name: 'a field that is no longer applied is removed',
    steps: [
      apply(c, 'one', cm({ a: '1', b: '2' }), { status: 201 }),
      apply(c, 'one', cm({ a: '1' }), { expect: { data: { a: '1', b: absent } } }),
    ],
  },
  {
    name: 'fields of another manager stay',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      apply(c, 'two', cm({ b: '2' }), { expect: { data: { a: '1', b: '2' } } }),
      apply(c, 'one', cm({}), { expect: { data: { a: absent, b: '2' } } }),
    ],
  },
  {
    name: 'a conflict names the manager and the field',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      apply(
        c,
        'two',
        cm({ a: '2' }),
        refused(409, 'Conflict', 'Apply failed with 1 conflict: conflict with "one": .data.a', {
          details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }] },
        }),
      ),
    ],
  },
  {
    name: 'several conflicts are listed by manager',
    steps: [
      apply(c, 'one', cm({ a: '1', b: '1' }), { status: 201 }),
      apply(
        c,
        'two',
        cm({ a: '2', b: '2' }),
        refused(409, 'Conflict', 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b'),
      ),
    ],
  },
  {
    name: 'a conflict with an updater names its API version and time',
    steps: [
      post(`${configMaps}?fieldManager=editor`, cm({ a: '1' })),
      apply(
        c,
        'two',
        cm({ a: '2' }),
        refused(409, 'Conflict', /^Apply failed with 1 conflict: conflict with "editor" using v1: \.data\.a$/),
      ),
    ],
  },
  {
    name: 'force takes the field over',
    steps: [
      apply(c, 'one', cm({ a: '1', b: '1' }), { status: 201 }),
      forceApply(c, 'two', cm({ a: '2' }), {
        expect: {
          data: { a: '2' },
          metadata: {
            managedFields: containing(
              { manager: 'one', fieldsV1: { 'f:data': { 'f:a': absent, 'f:b': {} } } },
              { manager: 'two', fieldsV1: { 'f:data': { 'f:a': {} } } },
            ),
          },
        },
      }),
    ],
  },
  {
    name: 'two managers may own the same value; it goes when both let it go',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      apply(c, 'two', cm({ a: '1' })),
      apply(c, 'one', cm({}), { expect: { data: { a: '1' } } }),
      apply(c, 'two', cm({}), { expect: { data: absent } }),
    ],
  },
  {
    name: 'an update takes a field from an applier without asking',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      merge(
        `${c}?fieldManager=editor`,
        { data: { a: '2' } },
        {
          expect: {
            metadata: {
              managedFields: containing({
                manager: 'editor',
                operation: 'Update',
                fieldsV1: { 'f:data': { 'f:a': {} } },
              }),
            },
          },
        },
      ),
      apply(c, 'one', cm({ a: '1' }), refused(409, 'Conflict', /conflict with "editor" using v1: \.data\.a/)),
    ],
  },
  {
    name: 'containers are a map by name: two managers own one each',
    steps: [
      apply(`${deployments}/d`, 'one', deployment('d'), { status: 201 }),
      apply(
        `${deployments}/d`,
        'two',
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'd' },
          spec: { template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } },
        },
        {
          expect: { spec: { template: { spec: { containers: [{ name: 'main' }, { name: 'side' }] } } } },
        },
      ),
      apply(
        `${deployments}/d`,
        'two',
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } },
        { expect: { spec: { template: { spec: { containers: [{ name: 'main' }] } } } } },
      ),
    ],
  },
  {
    name: 'keys of a list map appear in managedFields with their defaults',
    steps: [
      apply(`${services}/s`, 'one', service('s'), {
        status: 201,
        expect: {
          metadata: {
            managedFields: [
              {
                fieldsV1: {
                  'f:spec': { 'f:ports': { 'k:\u007B"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } },
                },
              },
            ],
          },
        },
      }),
    ],
  },
  {
    name: 'a conflict in a list map names the element',
    steps: [
      apply(`${deployments}/d`, 'one', deployment('d'), { status: 201 }),
      apply(
        `${deployments}/d`,
        'two',
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'd' },
          spec: { template: { spec: { containers: [{ name: 'main', image: 'other:1' }] } } },
        },
        refused(
          409,
          'Conflict',
          'Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="main"].image',
        ),
      ),
    ],
  },
  {
    name: 'finalizers are a set: two managers own one each',
    steps: [
      apply(c, 'one', bare({ finalizers: ['example.com/a'] }), { status: 201 }),
      apply(c, 'two', bare({ finalizers: ['example.com/b'] }), {
        expect: { metadata: { finalizers: ['example.com/a', 'example.com/b'] } },
      }),
      apply(c, 'one', bare({}), { expect: { metadata: { finalizers: ['example.com/b'] } } }),
    ],
  },
  {
    name: 'an atomic map has one owner',
    steps: [
      apply(`${services}/s`, 'one', service('s', { selector: { a: '1' } }), { status: 201 }),
      apply(
        `${services}/s`,
        'two',
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { selector: { b: '2' } } },
        refused(409, 'Conflict', 'Apply failed with 1 conflict: conflict with "one": .spec.selector'),
      ),
    ],
  },
  {
    name: 'duplicate keys in a list map are refused',
    steps: [
      apply(
        `${deployments}/d`,
        'one',
        deployment('d', {
          template: {
            metadata: { labels: { app: 'd' } },
            spec: {
              containers: [
                { name: 'a', image: 'x' },
                { name: 'a', image: 'y' },
              ],
            },
          },
        }),
        { status: [400, 500], expect: { message: /duplicate entries for key \[name="a"\]/ } },
      ),
    ],
  },
  {
    name: 'a field that the schema does not know is refused',
    steps: [
      apply(`${deployments}/d`, 'one', deployment('d', { replicaz: 1 }), {
        status: [400, 500],
        expect: { message: /\.spec\.replicaz: field not declared in schema/ },
      }),
    ],
  },
  {
    name: 'managedFields in an apply are refused',
    steps: [
      apply(
        c,
        'one',
        cm({}, { managedFields: [{ manager: 'x' }] }),
        refused(400, 'BadRequest', /metadata\.managedFields must be nil/),
      ),
    ],
  },
  {
    name: 'an apply with another name than the path is refused',
    steps: [
      apply(
        `${configMaps}/other`,
        'one',
        cm({}),
        refused(400, 'BadRequest', /the name of the object \(c\) does not match the name on the URL \(other\)/),
      ),
    ],
  },
  {
    name: 'an apply with an old resourceVersion is a Conflict',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201, capture: { rv: 'metadata.resourceVersion' } }),
      apply(c, 'one', cm({ a: '2' })),
      apply(c, 'one', cm({ a: '3' }, { resourceVersion: '{rv}' }), { status: 409, expect: { reason: 'Conflict' } }),
    ],
  },
  {
    name: 'dry run of apply shows the outcome and stores nothing',
    steps: [
      apply(c, 'one&dryRun=All', cm({ a: '1' }), {
        status: 201,
        expect: { data: { a: '1' }, metadata: { uid: present } },
      }),
      get(c, { status: 404 }),
    ],
  },
  {
    name: 'applies of status and of the main resource are recorded apart',
    steps: [
      apply(`${deployments}/d`, 'one', deployment('d'), { status: 201 }),
      apply(
        `${deployments}/d/status`,
        'one',
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, status: { replicas: 3 } },
        {
          expect: {
            status: { replicas: 3 },
            metadata: {
              managedFields: containing({
                manager: 'one',
                operation: 'Apply',
                subresource: 'status',
                fieldsV1: { 'f:status': { 'f:replicas': {} } },
              }),
            },
          },
        },
      ),
    ],
  },
  {
    name: 'kubectl may server-side apply over its own client-side apply: no conflict, and the annotation follows',
    steps: [
      post(
        `${configMaps}?fieldManager=kubectl-client-side-apply`,
        cm(
          { a: '1', b: '2' },
          {
            annotations: {
              'kubectl.kubernetes.io/last-applied-configuration':
                '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","b":"2"}}',
            },
          },
        ),
      ),
      apply(c, 'kubectl', cm({ a: '9' }), {
        expect: {
          data: { a: '9', b: '2' },
          metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': /"a":"9"/ } },
        },
      }),
    ],
  },
  {
    name: 'migration from client-side apply: managedFields rewritten to the applier let it remove fields',
    steps: [
      post(`${configMaps}?fieldManager=kubectl-client-side-apply`, cm({ a: '1', b: '2' })),
      merge(c, {
        metadata: {
          managedFields: [
            {
              manager: 'kubectl',
              operation: 'Apply',
              apiVersion: 'v1',
              fieldsType: 'FieldsV1',
              fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } },
            },
          ],
        },
      }),
      apply(c, 'kubectl', cm({ a: '1' }), { expect: { data: { a: '1', b: absent } } }),
    ],
  },
  {
    name: 'a PUT without managedFields keeps the owners of what it does not change',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      put(`${c}?fieldManager=editor`, cm({ a: '1', b: '2' }), {
        expect: {
          metadata: {
            managedFields: containing(
              { manager: 'one', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
              { manager: 'editor', fieldsV1: { 'f:data': { 'f:a': absent, 'f:b': {} } } },
            ),
          },
        },
      }),
    ],
  },
  {
    name: 'a manager who owns nothing any more is dropped',
    steps: [
      apply(c, 'one', cm({ a: '1' }), { status: 201 }),
      forceApply(c, 'two', cm({ a: '2' }), { expect: { metadata: { managedFields: without({ manager: 'one' }) } } }),
    ],
  },
];
