import { absent, containing, length, nothing, present, type Behaviour } from '../behaviour.ts';
import { configMap, configMaps, deployment, deployments, get, merge, pod, pods, post, refused } from './requests.ts';

const three = ['a', 'b', 'c'].map((name) =>
  post(configMaps, configMap(name, {}, { labels: { name, odd: name === 'b' ? 'no' : 'yes' } })),
);
const names = (...expected: string[]) => ({ expect: { items: expected.map((name) => ({ metadata: { name } })) } });
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

const selectors: readonly [title: string, query: string, found: string[]][] = [
  ['equality', 'odd%3Dyes', ['a', 'c']],
  ['double equality', 'odd%3D%3Dyes', ['a', 'c']],
  ['inequality', 'odd,odd!%3Dyes', ['b']],
  ['a set', 'name+in+(a,b)', ['a', 'b']],
  ['a negated set', 'name+notin+(a,b),odd', ['c']],
  ['existence', 'odd', ['a', 'b', 'c']],
  ['absence', '!missing', ['a', 'b', 'c']],
  ['a comparison with labels that are no numbers', 'name%3E3', []],
  ['two requirements', 'odd%3Dyes,name!%3Da', ['c']],
];

export const read: readonly Behaviour[] = [
  {
    name: 'a list has kind, resourceVersion and its items by name',
    steps: [
      ...three,
      get(`${configMaps}?labelSelector=odd`, {
        expect: {
          kind: 'ConfigMapList',
          apiVersion: 'v1',
          metadata: { resourceVersion: /^\d+$/ },
          items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }, { metadata: { name: 'c' } }],
        },
      }),
    ],
  },
  { name: 'an empty list has an empty array', steps: [get(pods, { expect: { kind: 'PodList', items: [] } })] },
  {
    name: 'a list of a namespace that does not exist is empty',
    steps: [get('/api/v1/namespaces/nowhere/pods', { expect: { items: [] } })],
  },
  {
    name: 'a list over all namespaces',
    steps: [
      post(pods, pod('everywhere', {}, { labels: { only: '{ns}' } })),
      get('/api/v1/pods?labelSelector=only%3D{ns}', {
        expect: { items: [{ metadata: { name: 'everywhere', namespace: '{ns}' } }] },
      }),
    ],
  },
  ...selectors.map(([title, query, found]): Behaviour => ({
    name: `a label selector by ${title}`,
    steps: [...three, get(`${configMaps}?labelSelector=${query}`.replace('!missing', '!missing,odd'), names(...found))],
  })),
  ...['a%3Db,,c', 'a%3D-b', '-a', 'a%3Ex', 'a+in+(b,-c)'].map((query): Behaviour => ({
    name: `the label selector ${decodeURIComponent(query)} is refused`,
    steps: [get(`${configMaps}?labelSelector=${query}`, refused(400, 'BadRequest', /./))],
  })),
  {
    name: 'an object at a version of the future is not answered',
    steps: [
      post(configMaps, configMap('a', {})),
      get(`${configMaps}/a?resourceVersion=99999999999`, refused(504, 'Timeout', /Too large resource version/)),
    ],
  },
  {
    name: 'empty metadata is left out',
    steps: [
      post(configMaps, configMap('a', {}, { labels: {}, annotations: {}, finalizers: [], ownerReferences: [] }), {
        status: 201,
        expect: { metadata: { labels: absent, annotations: absent, finalizers: absent, ownerReferences: absent } },
      }),
      merge(`${configMaps}/a`, { metadata: { annotations: { a: 'b' } } }),
      merge(
        `${configMaps}/a`,
        { metadata: { annotations: { a: null } } },
        { expect: { metadata: { annotations: absent } } },
      ),
    ],
  },
  ...['/healthz/ping', '/livez/ping', '/readyz/ping'].map((path): Behaviour => ({
    name: `${path} answers`,
    steps: [get(path, { expect: 'ok' })],
  })),
  {
    name: 'a label selector that cannot be parsed is refused',
    steps: [
      get(
        `${configMaps}?labelSelector=a%3D%3D%3Db`,
        refused(400, 'BadRequest', /unable to parse requirement|found '='/),
      ),
    ],
  },
  {
    name: 'a field selector by name',
    steps: [...three, get(`${configMaps}?fieldSelector=metadata.name%3Db`, names('b'))],
  },
  {
    name: 'a field selector by negated name',
    steps: [...three, get(`${configMaps}?labelSelector=odd&fieldSelector=metadata.name!%3Db`, names('a', 'c'))],
  },
  {
    name: 'a field selector by namespace',
    steps: [
      ...three,
      get('/api/v1/configmaps?labelSelector=odd&fieldSelector=metadata.namespace%3D{ns}', names('a', 'b', 'c')),
    ],
  },
  {
    name: 'Pods are selected by node and phase',
    steps: [
      post(pods, pod('on-a', { nodeName: 'node-a' })),
      post(pods, pod('on-b', { nodeName: 'node-b' })),
      get(`${pods}?fieldSelector=spec.nodeName%3Dnode-a,status.phase%3DPending`, names('on-a')),
    ],
  },
  {
    name: 'a field selector on another field is refused',
    steps: [
      get(
        `${configMaps}?fieldSelector=data.a%3Db`,
        refused(
          400,
          'BadRequest',
          '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
      ),
    ],
  },
  {
    name: 'limit and continue page through a list of one moment',
    steps: [
      ...three,
      get(`${configMaps}?labelSelector=odd&limit=2`, {
        ...names('a', 'b'),
        capture: { next: 'metadata.continue', rv: 'metadata.resourceVersion' },
      }),
      post(configMaps, configMap('d', {}, { labels: { odd: 'late' } })),
      get(`${configMaps}?labelSelector=odd&limit=2&continue={next}`, {
        expect: { metadata: { resourceVersion: '{rv}', continue: absent }, items: [{ metadata: { name: 'c' } }] },
      }),
    ],
  },
  {
    name: 'a page without a selector says how many remain',
    steps: [
      ...three,
      get(`${configMaps}?limit=1`, {
        expect: { items: length(1), metadata: { continue: present, remainingItemCount: 3 } },
      }),
    ],
  },
  {
    name: 'a continue token that cannot be read is refused',
    steps: [get(`${configMaps}?limit=2&continue=nonsense`, refused(400, 'BadRequest', /continue key is not valid/))],
  },
  {
    name: 'a list at resourceVersion=0 is served',
    steps: [
      post(configMaps, configMap('zero')),
      get(`${configMaps}?resourceVersion=0`, {
        eventually: true,
        expect: { items: containing({ metadata: { name: 'zero' } }) },
      }),
    ],
  },
  {
    name: 'a list that is not older than a write sees it',
    steps: [
      post(configMaps, configMap('fresh'), { capture: { rv: 'metadata.resourceVersion' } }),
      get(`${configMaps}?resourceVersion={rv}&resourceVersionMatch=NotOlderThan`, {
        expect: { items: containing({ metadata: { name: 'fresh' } }) },
      }),
    ],
  },
  {
    name: 'a list at an exact resourceVersion sees that moment',
    steps: [
      post(configMaps, configMap('one', { a: '1' }), { capture: { rv: 'metadata.resourceVersion' } }),
      merge(`${configMaps}/one`, { data: { a: '2' } }),
      get(`${configMaps}?resourceVersion={rv}&resourceVersionMatch=Exact`, {
        expect: { metadata: { resourceVersion: '{rv}' }, items: containing({ data: { a: '1' } }) },
      }),
    ],
  },
  {
    name: 'resourceVersionMatch without resourceVersion is refused',
    steps: [
      get(
        `${configMaps}?resourceVersionMatch=Exact`,
        refused(422, 'Invalid', /resourceVersionMatch is forbidden unless resourceVersion is provided/),
      ),
    ],
  },
  {
    name: 'a resourceVersion of the future is a timeout to be tried again',
    steps: [
      get(`${configMaps}?resourceVersion=999999999&timeoutSeconds=1`, {
        status: 504,
        expect: { reason: 'Timeout', message: /Too large resource version/ },
      }),
    ],
  },
  {
    name: 'a table has kubectl get columns and rows',
    steps: [
      post(configMaps, configMap('t', { a: '1', b: '2' })),
      get(configMaps, {
        headers: table,
        expectHeaders: { 'content-type': /^application\/json/ },
        expect: {
          kind: 'Table',
          apiVersion: 'meta.k8s.io/v1',
          metadata: { resourceVersion: present },
          columnDefinitions: [
            { name: 'Name', type: 'string', format: 'name', priority: 0 },
            { name: 'Data' },
            { name: 'Age' },
          ],
          rows: containing({
            cells: ['t', 2, /\ds$/],
            object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 't' } },
          }),
        },
      }),
    ],
  },
  {
    name: 'wide columns of a table have a priority',
    steps: [
      post(deployments, deployment('web')),
      get(deployments, {
        headers: table,
        expect: {
          columnDefinitions: [
            { name: 'Name', priority: 0 },
            { name: 'Ready' },
            { name: 'Up-to-date' },
            { name: 'Available' },
            { name: 'Age', priority: 0 },
            { name: 'Containers', priority: 1 },
            { name: 'Images', priority: 1 },
            { name: 'Selector', priority: 1 },
          ],
          rows: [{ cells: ['web', '0/1', 0, 0, /\ds$/, 'main', 'example.com/image:1', 'app=web'] }],
        },
      }),
    ],
  },
  {
    name: 'a Pod table shows READY, STATUS, RESTARTS',
    steps: [
      post(pods, pod('p')),
      get(`${pods}/p`, {
        headers: table,
        expect: {
          columnDefinitions: containing(
            { name: 'Ready' },
            { name: 'Status' },
            { name: 'Restarts' },
            { name: 'Node', priority: 1 },
          ),
          rows: [{ cells: ['p', '0/1', 'Pending', '0', present, '<none>', '<none>', '<none>', '<none>'] }],
        },
      }),
    ],
  },
  {
    name: 'includeObject=None leaves the objects out of a table',
    steps: [
      post(configMaps, configMap('t')),
      get(`${configMaps}/t?includeObject=None`, {
        headers: table,
        expect: { rows: [{ cells: ['t', 0, present], object: nothing }] },
      }),
    ],
  },
  {
    name: 'includeObject=Object puts whole objects into a table',
    steps: [
      post(configMaps, configMap('t', { a: '1' })),
      get(`${configMaps}/t?includeObject=Object`, {
        headers: table,
        expect: { rows: [{ object: { kind: 'ConfigMap', data: { a: '1' } } }] },
      }),
    ],
  },
  {
    name: 'PartialObjectMetadata leaves out all but metadata',
    steps: [
      post(configMaps, configMap('m', { a: '1' })),
      get(`${configMaps}/m`, {
        headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
        expect: {
          kind: 'PartialObjectMetadata',
          apiVersion: 'meta.k8s.io/v1',
          metadata: { name: 'm', namespace: '{ns}' },
          data: absent,
        },
      }),
    ],
  },
  {
    name: 'PartialObjectMetadataList',
    steps: [
      post(configMaps, configMap('m', { a: '1' })),
      get(configMaps, {
        headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
        expect: {
          kind: 'PartialObjectMetadataList',
          metadata: { resourceVersion: present },
          items: containing({ metadata: { name: 'm' }, data: absent }),
        },
      }),
    ],
  },
];
