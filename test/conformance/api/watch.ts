import { absent, present, type Behaviour } from '../behaviour.ts';
import { configMap, configMaps, get, merge, pod, pods, post, refused, remove } from './requests.ts';

const c = `${configMaps}/c`;
const event = (type: string, name: string, more: Record<string, string> = {}) => ({
  type,
  object: {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name },
    ...(Object.keys(more).length === 0 ? {} : { data: more }),
  },
});
const list = (query = '') => get(`${configMaps}${query}`, { capture: { rv: 'metadata.resourceVersion' } });
const watch = (query: string, events: Behaviour['steps'][number]['watch']) =>
  get(`${configMaps}?watch=true&${query}`, events === undefined ? {} : { watch: events });

export const watching: readonly Behaviour[] = [
  {
    name: 'a watch from a resourceVersion replays what came after it',
    steps: [
      list(),
      post(configMaps, configMap('c', { a: '1' })),
      merge(c, { data: { a: '2' } }),
      remove(c),
      watch('resourceVersion={rv}', {
        events: [
          event('ADDED', 'c', { a: '1' }),
          event('MODIFIED', 'c', { a: '2' }),
          event('DELETED', 'c', { a: '2' }),
        ],
      }),
    ],
  },
  {
    name: 'a watch sees writes as they happen',
    steps: [
      list(),
      watch('resourceVersion={rv}', {
        during: [post(configMaps, configMap('c', { a: '1' })), merge(c, { data: { a: '2' } }), remove(c)],
        events: [event('ADDED', 'c'), event('MODIFIED', 'c', { a: '2' }), event('DELETED', 'c')],
      }),
    ],
  },
  {
    name: 'a watch is JSON in chunks',
    steps: [get(`${configMaps}?watch=1&timeoutSeconds=1`, { expectHeaders: { 'content-type': 'application/json' } })],
  },
  {
    name: 'a watch without a resourceVersion starts with what is there',
    steps: [
      post(configMaps, configMap('c')),
      watch('fieldSelector=metadata.name%3Dc', { events: [event('ADDED', 'c')] }),
    ],
  },
  {
    name: 'a watch from resourceVersion=0 starts with what is there',
    steps: [
      post(configMaps, configMap('c')),
      watch('resourceVersion=0&fieldSelector=metadata.name%3Dc', { events: [event('ADDED', 'c')] }),
    ],
  },
  {
    name: 'a DELETED event carries the resourceVersion of the deletion',
    steps: [
      post(configMaps, configMap('c'), { capture: { rv: 'metadata.resourceVersion' } }),
      remove(c),
      post(configMaps, configMap('d')),
      watch('resourceVersion={rv}', {
        events: [
          { type: 'DELETED', object: { metadata: { name: 'c', resourceVersion: /^\d+$/ } } },
          event('ADDED', 'd'),
        ],
      }),
    ],
  },
  {
    name: 'an object whose label stops matching is DELETED, and ADDED when it matches again',
    steps: [
      list(),
      post(configMaps, configMap('c', {}, { labels: { on: 'yes' } })),
      merge(c, { metadata: { labels: { on: 'no' } } }),
      merge(c, { data: { a: 'unseen' } }),
      merge(c, { metadata: { labels: { on: 'yes' } } }),
      watch('resourceVersion={rv}&labelSelector=on%3Dyes', {
        events: [event('ADDED', 'c'), event('DELETED', 'c'), event('ADDED', 'c', { a: 'unseen' })],
      }),
    ],
  },
  {
    name: 'a watch by name sees only that object',
    steps: [
      list(),
      post(configMaps, configMap('other')),
      post(configMaps, configMap('c')),
      watch('resourceVersion={rv}&fieldSelector=metadata.name%3Dc', { events: [event('ADDED', 'c')] }),
    ],
  },
  {
    name: 'Pods can be watched by node: being bound to it is ADDED',
    steps: [
      get(pods, { capture: { rv: 'metadata.resourceVersion' } }),
      post(pods, pod('p')),
      post(`${pods}/p/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'p' },
        target: { kind: 'Node', name: 'n' },
      }),
      get(`${pods}?watch=true&resourceVersion={rv}&fieldSelector=spec.nodeName%3Dn`, {
        watch: { events: [{ type: 'ADDED', object: { metadata: { name: 'p' }, spec: { nodeName: 'n' } } }] },
      }),
    ],
  },
  {
    name: 'timeoutSeconds ends a watch without an error',
    steps: [list(), watch('resourceVersion={rv}&timeoutSeconds=1', { events: [], ends: true })],
  },
  {
    name: 'sendInitialEvents streams the list, then a bookmark that says it is complete',
    handVerified: 'kube-apiserver refuses streaming lists on etcd before 3.4.25',
    steps: [
      post(configMaps, configMap('c')),
      watch(
        'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dc',
        {
          events: [
            event('ADDED', 'c'),
            {
              type: 'BOOKMARK',
              object: {
                kind: 'ConfigMap',
                apiVersion: 'v1',
                metadata: { resourceVersion: present, annotations: { 'k8s.io/initial-events-end': 'true' } },
              },
            },
          ],
        },
      ),
    ],
  },
  {
    name: 'sendInitialEvents without resourceVersionMatch is refused',
    steps: [
      get(
        `${configMaps}?watch=true&sendInitialEvents=true`,
        refused(
          422,
          'Invalid',
          /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan|resourceVersionMatch: Forbidden/,
        ),
      ),
    ],
  },
  {
    name: 'a bookmark comes before a watch that wants them ends',
    steps: [
      list(),
      watch('resourceVersion={rv}&labelSelector=never&allowWatchBookmarks=true&timeoutSeconds=10', {
        during: [post(configMaps, configMap('c'))],
        events: [
          {
            type: 'BOOKMARK',
            object: { kind: 'ConfigMap', metadata: { resourceVersion: present, annotations: absent } },
          },
        ],
      }),
    ],
  },
  {
    name: 'a watch as tables sends a table for each event',
    steps: [
      list(),
      post(configMaps, configMap('c', { a: '1' })),
      get(`${configMaps}?watch=true&resourceVersion={rv}`, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        watch: {
          events: [
            {
              type: 'ADDED',
              object: {
                kind: 'Table',
                columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
                rows: [{ cells: ['c', 1, present], object: { kind: 'PartialObjectMetadata' } }],
              },
            },
          ],
        },
      }),
    ],
  },
  {
    name: 'a watch of metadata sends PartialObjectMetadata',
    steps: [
      list(),
      post(configMaps, configMap('c', { a: '1' })),
      get(`${configMaps}?watch=true&resourceVersion={rv}`, {
        headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
        watch: {
          events: [{ type: 'ADDED', object: { kind: 'PartialObjectMetadata', metadata: { name: 'c' }, data: absent } }],
        },
      }),
    ],
  },
  {
    name: 'an object with a finalizer is MODIFIED when deleted, DELETED when the finalizer goes',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/hold'] }), {
        capture: { rv: 'metadata.resourceVersion' },
      }),
      remove(c),
      merge(c, { metadata: { finalizers: null } }),
      watch('resourceVersion={rv}', {
        events: [{ type: 'MODIFIED', object: { metadata: { deletionTimestamp: present } } }, event('DELETED', 'c')],
      }),
    ],
  },
  {
    name: 'the old watch path still works',
    steps: [
      list(),
      post(configMaps, configMap('c')),
      get('/api/v1/watch/namespaces/{ns}/configmaps?resourceVersion={rv}', {
        watch: { events: [event('ADDED', 'c')] },
      }),
    ],
  },
];
