import { absent, containing, present, type Behaviour } from '../behaviour.ts';
import { apply, get, jsonPatch, merge, post, put, refused, remove, strategic } from './requests.ts';
import {
  definitions,
  group,
  name,
  widgets,
  w,
  type Fields,
  version,
  definition,
  established,
  install,
  uninstall,
  widget,
  object,
  invalid,
  string,
  integer,
} from './widget.ts';

export const customResources: readonly Behaviour[] = [
  {
    name: 'a definition is accepted, established and discovered',
    steps: [
      ...install(object({ a: string })),
      get(`/apis/${group}/v1`, {
        eventually: true,
        expect: {
          resources: [
            {
              name: 'widgets',
              singularName: 'widget',
              namespaced: true,
              kind: 'Widget',
              shortNames: ['wd'],
              categories: ['all'],
            },
          ],
        },
      }),
      get(`${definitions}/${name}`, {
        expect: { status: { acceptedNames: { kind: 'Widget', plural: 'widgets' }, storedVersions: ['v1'] } },
      }),
      uninstall,
    ],
  },
  {
    name: 'a watch ends with the definition of what it watches',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({ a: 'x' })),
      get(`${widgets}?watch=true&resourceVersion=0`, {
        watch: {
          during: [remove(`${definitions}/${name}`)],
          events: [
            { type: 'ADDED', object: { metadata: { name: 'w' } } },
            { type: 'DELETED', object: { metadata: { name: 'w' } } },
          ],
          ends: true,
        },
      }),
    ],
  },
  {
    name: 'a watch ends when the definition of what it watches changes',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({ a: 'x' })),
      get(`${widgets}?watch=true&resourceVersion=0`, {
        watch: {
          during: [
            jsonPatch(`${definitions}/${name}`, [
              {
                op: 'add',
                path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/b',
                value: { type: 'string' },
              },
            ]),
          ],
          events: [{ type: 'ADDED', object: { metadata: { name: 'w' } } }],
          ends: true,
        },
      }),
      uninstall,
    ],
  },
  {
    name: 'a custom resource is created, listed, patched and deleted',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({ a: 'x' }), {
        expect: {
          kind: 'Widget',
          apiVersion: `${group}/v1`,
          metadata: { generation: 1, uid: present },
          spec: { a: 'x' },
        },
      }),
      get(widgets, {
        expect: { kind: 'WidgetList', apiVersion: `${group}/v1`, items: [{ kind: 'Widget', metadata: { name: 'w' } }] },
      }),
      merge(w, { spec: { a: 'y' } }, { expect: { metadata: { generation: 2 } } }),
      jsonPatch(w, [{ op: 'replace', path: '/spec/a', value: 'z' }], { expect: { spec: { a: 'z' } } }),
      remove(w, undefined, { expect: { status: 'Success' } }),
      uninstall,
    ],
  },
  {
    name: 'custom resources take no strategic patch',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({})),
      {
        ...strategic(w, {}),
        ...refused(
          415,
          'UnsupportedMediaType',
          /accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/apply-patch\+yaml/,
        ),
      },
      uninstall,
    ],
  },
  {
    name: 'deleting the definition deletes its objects and its path',
    steps: [
      ...install(object({})),
      post(widgets, widget({})),
      uninstall,
      get(`${definitions}/${name}`, { status: 404, eventually: true }),
      get(widgets, { status: 404, eventually: true }),
    ],
  },
  {
    name: 'the status subresource separates spec and status',
    steps: [
      ...install(object({ a: string }), { subresources: { status: {} } }),
      post(widgets, { ...widget({ a: 'x' }), status: { ready: true } }, { expect: { status: absent } }),
      merge(
        `${w}/status`,
        { spec: { a: 'y' }, status: { ready: true } },
        { expect: { metadata: { generation: 1 }, spec: { a: 'x' }, status: { ready: true } } },
      ),
      merge(
        w,
        { spec: { a: 'z' }, status: { ready: false } },
        { expect: { metadata: { generation: 2 }, spec: { a: 'z' }, status: { ready: true } } },
      ),
      uninstall,
    ],
  },
  {
    name: 'without the status subresource its path is not there',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({})),
      get(`${w}/status`, { status: 404 }),
      uninstall,
    ],
  },
  {
    name: 'the scale subresource reads and writes its paths',
    steps: [
      ...install(object({ replicas: integer }), {
        subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
      }),
      post(widgets, widget({ replicas: 2 })),
      get(`${w}/scale`, { expect: { kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 2 } } }),
      merge(`${w}/scale`, { spec: { replicas: 3 } }, { expect: { spec: { replicas: 3 } } }),
      get(w, { expect: { spec: { replicas: 3 } } }),
      uninstall,
    ],
  },
  {
    name: 'printer columns become table columns; without an Age of its own a kind gets none',
    steps: [
      ...install(object({ a: string, n: integer }), {
        additionalPrinterColumns: [
          { name: 'A', type: 'string', jsonPath: '.spec.a' },
          { name: 'N', type: 'integer', jsonPath: '.spec.n', priority: 1 },
        ],
      }),
      post(widgets, widget({ a: 'x', n: 3 })),
      get(widgets, {
        eventually: true,
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        expect: {
          columnDefinitions: [
            { name: 'Name' },
            { name: 'A', priority: 0 },
            { name: 'N', type: 'integer', priority: 1 },
          ],
          rows: [{ cells: ['w', 'x', 3] }],
        },
      }),
      uninstall,
    ],
  },
  {
    name: 'a kind without printer columns has Name and Age',
    steps: [
      ...install(object({})),
      post(widgets, widget({})),
      get(w, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        expect: { columnDefinitions: [{ name: 'Name' }, { name: 'Age' }], rows: [{ cells: ['w', present] }] },
      }),
      uninstall,
    ],
  },
  {
    name: 'an object is served at every served version, and a deprecated one warns',
    steps: [
      post(
        definitions,
        definition([
          version(object({ a: string })),
          version(object({ a: string }), { name: 'v1beta1', storage: false, deprecated: true }),
        ]),
      ),
      established,
      get(widgets, { eventually: true }),
      post(widgets, widget({ a: 'x' })),
      get(`/apis/${group}/v1beta1/namespaces/{ns}/widgets/w`, {
        expectHeaders: { warning: `299 - "${group}/v1beta1 Widget is deprecated; use ${group}/v1 Widget"` },
        expect: { apiVersion: `${group}/v1beta1`, spec: { a: 'x' } },
      }),
      get(`/apis/${group}`, {
        eventually: true,
        expect: { preferredVersion: { version: 'v1' }, versions: [{ version: 'v1' }, { version: 'v1beta1' }] },
      }),
      uninstall,
    ],
  },
  {
    name: 'a version that is not served is not there',
    steps: [
      post(
        definitions,
        definition([version(object({})), version(object({}), { name: 'v2', storage: false, served: false })]),
      ),
      established,
      get(`/apis/${group}/v2/namespaces/{ns}/widgets`, { status: 404 }),
      uninstall,
    ],
  },
  {
    name: 'names that another definition has are not accepted',
    steps: [
      ...install(object({})),
      post(definitions, {
        ...definition([version(object({}))]),
        metadata: { name: `others.${group}` },
        spec: {
          ...(definition([version(object({}))])['spec'] as Fields),
          names: { plural: 'others', kind: 'Other', shortNames: ['wd'] },
        },
      }),
      get(`${definitions}/others.${group}`, {
        eventually: true,
        expect: {
          status: {
            conditions: containing({
              type: 'NamesAccepted',
              status: 'False',
              reason: 'ShortNamesConflict',
              message: '"wd" is already in use',
            }),
          },
        },
      }),
      remove(`${definitions}/others.${group}`),
      uninstall,
    ],
  },
  {
    name: 'server-side apply follows the list types of the schema',
    steps: [
      ...install(
        object({
          l: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            items: object({ k: string, v: string }, { required: ['k'] }),
          },
          atomic: { type: 'array', 'x-kubernetes-list-type': 'atomic', items: string },
        }),
      ),
      apply(w, 'one', widget({ l: [{ k: 'a', v: '1' }], atomic: ['x'] }), { status: 201 }),
      apply(w, 'two', widget({ l: [{ k: 'b', v: '2' }] }), { expect: { spec: { l: [{ k: 'a' }, { k: 'b' }] } } }),
      apply(
        w,
        'two',
        widget({ l: [{ k: 'a', v: '9' }], atomic: ['y'] }),
        refused(
          409,
          'Conflict',
          'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.atomic\n- .spec.l[k="a"].v',
        ),
      ),
      uninstall,
    ],
  },
  {
    name: 'an update of a custom resource needs its resourceVersion',
    steps: [
      ...install(object({ a: string })),
      post(widgets, widget({})),
      put(
        w,
        widget({ a: 'x' }),
        invalid(/metadata\.resourceVersion: Invalid value: 0x0: must be specified for an update$/),
      ),
      uninstall,
    ],
  },
  {
    name: 'a watch from before the history of a kind gets 410 Expired',
    steps: [
      ...install(object({})),
      get(`${widgets}?watch=true&resourceVersion=1`, {
        watch: {
          events: [
            {
              type: 'ERROR',
              object: {
                kind: 'Status',
                status: 'Failure',
                reason: 'Expired',
                code: 410,
                message: /^too old resource version: 1 /,
              },
            },
          ],
        },
      }),
      uninstall,
    ],
  },
  {
    name: 'selectable fields of a definition are field selectors',
    steps: [
      ...install(object({ color: string }), { selectableFields: [{ jsonPath: '.spec.color' }] }),
      post(widgets, widget({ color: 'red' })),
      post(widgets, widget({ color: 'blue' }, { name: 'v' })),
      get(`${widgets}?fieldSelector=spec.color%3Dred`, { expect: { items: [{ metadata: { name: 'w' } }] } }),
      uninstall,
    ],
  },
  {
    name: 'OpenAPI v3 has a document of the new group',
    steps: [
      ...install(object({ a: { ...string, description: 'the first letter' } })),
      get(`/openapi/v3/apis/${group}/v1`, { eventually: true, expect: { components: { schemas: present } } }),
      uninstall,
    ],
  },
];
