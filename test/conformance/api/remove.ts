import { absent, containing, present, type Behaviour } from '../behaviour.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  merge,
  namespace,
  pod,
  pods,
  post,
  refused,
  remove,
  typed,
} from './requests.ts';

const c = `${configMaps}/c`;
const gone = (path: string) => get(path, { status: 404, eventually: true });
const owned = (name: string, extra: Record<string, unknown> = {}) =>
  post(
    configMaps,
    configMap(
      name,
      {},
      { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: '{uid}', ...extra }] },
    ),
  );
const owner = post(configMaps, configMap('owner'), { capture: { uid: 'metadata.uid' } });

export const deletion: readonly Behaviour[] = [
  {
    name: 'delete answers Success with the name and uid, and the object is gone',
    steps: [
      post(configMaps, configMap('c'), { capture: { uid: 'metadata.uid' } }),
      remove(c, undefined, {
        expect: { kind: 'Status', status: 'Success', details: { name: 'c', kind: 'configmaps', uid: '{uid}' } },
      }),
      get(c, { status: 404 }),
    ],
  },
  {
    name: 'delete of a missing object is NotFound',
    steps: [remove(c, undefined, refused(404, 'NotFound', 'configmaps "c" not found'))],
  },
  {
    name: 'a uid precondition must hold',
    steps: [
      post(configMaps, configMap('c')),
      remove(c, { preconditions: { uid: 'another' } }, refused(409, 'Conflict', /precondition.*another/i)),
      get(c),
    ],
  },
  {
    name: 'a resourceVersion precondition must hold',
    steps: [
      post(configMaps, configMap('c'), { capture: { rv: 'metadata.resourceVersion' } }),
      merge(c, { data: { a: '1' } }),
      remove(c, { preconditions: { resourceVersion: '{rv}' } }, refused(409, 'Conflict', /precondition.*{rv}/i)),
    ],
  },
  {
    name: 'an unscheduled Pod is deleted at once',
    steps: [
      post(pods, pod('p')),
      remove(`${pods}/p`, undefined, { expect: { kind: 'Pod' } }),
      get(`${pods}/p`, { status: 404 }),
    ],
  },
  {
    name: 'a scheduled Pod is only marked, with its grace period',
    steps: [
      post(pods, pod('p', { nodeName: 'n', terminationGracePeriodSeconds: 7 })),
      remove(`${pods}/p`, undefined, {
        expect: { kind: 'Pod', metadata: { deletionTimestamp: present, deletionGracePeriodSeconds: 7 } },
      }),
      get(`${pods}/p`, { expect: { metadata: { deletionTimestamp: present } } }),
      remove(`${pods}/p`, { gracePeriodSeconds: 0 }),
      get(`${pods}/p`, { status: 404 }),
    ],
  },
  {
    name: 'gracePeriodSeconds=0 in the query deletes a Pod at once',
    steps: [
      post(pods, pod('p', { nodeName: 'n' })),
      remove(`${pods}/p?gracePeriodSeconds=0`),
      get(`${pods}/p`, { status: 404 }),
    ],
  },
  {
    name: 'an object with a finalizer waits for it, then goes',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/hold'] })),
      remove(c, undefined, {
        expect: {
          kind: 'ConfigMap',
          metadata: { deletionTimestamp: present, deletionGracePeriodSeconds: 0, finalizers: ['example.com/hold'] },
        },
      }),
      get(c, { expect: { metadata: { deletionTimestamp: present } } }),
      merge(c, { metadata: { finalizers: null } }),
      get(c, { status: 404 }),
    ],
  },
  {
    name: 'no finalizer may be added to an object that is being deleted',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/hold'] })),
      remove(c),
      merge(
        c,
        { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
        refused(
          422,
          'Invalid',
          /metadata\.finalizers: Forbidden: no new finalizers can be added if the object is being deleted/,
        ),
      ),
      merge(c, { metadata: { finalizers: null } }),
    ],
  },
  {
    name: 'a finalizer without a domain is refused',
    steps: [
      post(
        configMaps,
        configMap('c', {}, { finalizers: ['hold'] }),
        refused(
          422,
          'Invalid',
          /metadata\.finalizers\[0\]|metadata\.finalizers: Invalid value: "hold": name is neither a standard finalizer name nor is it fully qualified/,
        ),
      ),
    ],
  },
  {
    name: 'propagationPolicy=Foreground adds its finalizer',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/hold'] })),
      remove(`${c}?propagationPolicy=Foreground`, undefined, {
        expect: { metadata: { finalizers: containing('foregroundDeletion', 'example.com/hold') } },
      }),
    ],
  },
  {
    name: 'propagationPolicy=Orphan adds its finalizer',
    steps: [
      post(configMaps, configMap('c', {}, { finalizers: ['example.com/hold'] })),
      remove(
        c,
        { propagationPolicy: 'Orphan' },
        { expect: { metadata: { finalizers: containing('orphan', 'example.com/hold') } } },
      ),
    ],
  },
  {
    name: 'an unknown propagationPolicy is refused',
    steps: [
      post(configMaps, configMap('c')),
      remove(`${c}?propagationPolicy=Sideways`, undefined, refused(422, 'Invalid', /propagationPolicy: .*"Sideways"/)),
    ],
  },
  {
    name: 'deletecollection takes a label selector',
    steps: [
      post(configMaps, configMap('a', {}, { labels: { go: 'yes' } })),
      post(configMaps, configMap('b', {}, { labels: { go: 'no' } })),
      remove(`${configMaps}?labelSelector=go%3Dyes`, undefined, {
        expect: { kind: 'ConfigMapList', items: [{ metadata: { name: 'a' } }] },
      }),
      get(`${configMaps}/a`, { status: 404 }),
      get(`${configMaps}/b`),
    ],
  },
  {
    name: 'deletecollection with dryRun deletes nothing',
    steps: [
      post(configMaps, configMap('a', {}, { labels: { go: 'yes' } })),
      remove(`${configMaps}?labelSelector=go%3Dyes&dryRun=All`),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'an owner reference needs all its parts',
    steps: [
      post(
        configMaps,
        configMap('c', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }] }),
        refused(
          422,
          'Invalid',
          /metadata\.ownerReferences\[0\]\.uid|metadata\.ownerReferences\.uid: (Invalid|Required) value/,
        ),
      ),
    ],
  },
  {
    name: 'only one owner may be the controller',
    steps: [
      post(
        configMaps,
        configMap(
          'c',
          {},
          {
            ownerReferences: ['x', 'y'].map((name) => ({
              apiVersion: 'v1',
              kind: 'ConfigMap',
              name,
              uid: name,
              controller: true,
            })),
          },
        ),
        refused(422, 'Invalid', /Only one reference can have Controller set to true/),
      ),
    ],
  },
  {
    name: 'dependents go after their owner (background)',
    needsControllers: true,
    steps: [
      owner,
      owned('dependent'),
      remove(`${configMaps}/owner`, { propagationPolicy: 'Background' }),
      gone(`${configMaps}/dependent`),
    ],
  },
  {
    name: 'dependents that block go before their owner (foreground)',
    needsControllers: true,
    steps: [
      owner,
      owned('dependent', { blockOwnerDeletion: true }),
      remove(
        `${configMaps}/owner`,
        { propagationPolicy: 'Foreground' },
        { expect: { metadata: { finalizers: ['foregroundDeletion'] } } },
      ),
      gone(`${configMaps}/owner`),
      gone(`${configMaps}/dependent`),
    ],
  },
  {
    name: 'orphaned dependents stay without their owner',
    needsControllers: true,
    steps: [
      owner,
      owned('dependent'),
      remove(`${configMaps}/owner`, { propagationPolicy: 'Orphan' }),
      gone(`${configMaps}/owner`),
      get(`${configMaps}/dependent`, { eventually: true, expect: { metadata: { ownerReferences: absent } } }),
    ],
  },
  {
    name: 'a dependent with a second living owner stays',
    needsControllers: true,
    steps: [
      post(configMaps, configMap('other'), { capture: { other: 'metadata.uid' } }),
      owner,
      post(
        configMaps,
        configMap(
          'both',
          {},
          {
            ownerReferences: [
              ['owner', '{uid}'],
              ['other', '{other}'],
            ].map(([name, uid]) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid })),
          },
        ),
      ),
      remove(`${configMaps}/owner`),
      get(`${configMaps}/both`, { eventually: true, expect: { metadata: { ownerReferences: [{ name: 'other' }] } } }),
    ],
  },
  {
    name: 'a dependent of an owner that is not there goes',
    needsControllers: true,
    steps: [
      post(
        configMaps,
        configMap(
          'lost',
          {},
          { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'never', uid: 'never' }] },
        ),
      ),
      gone(`${configMaps}/lost`),
    ],
  },
  {
    name: 'a deleted namespace is Terminating until it is finalized',
    steps: [
      remove(namespace, undefined, {
        expect: { kind: 'Namespace', metadata: { deletionTimestamp: present }, status: { phase: 'Terminating' } },
      }),
    ],
  },
  {
    name: 'a deleted namespace goes with everything in it',
    needsControllers: true,
    steps: [
      post(configMaps, configMap('c')),
      post(deployments, deployment('d')),
      remove(namespace),
      gone(namespace),
      get(configMaps, { expect: { items: [] } }),
      get(deployments, { expect: { items: [] } }),
    ],
  },
  {
    name: 'nothing is created in a namespace that is being deleted',
    steps: [
      post(configMaps, configMap('hold', {}, { finalizers: ['example.com/hold'] })),
      remove(namespace),
      post(
        configMaps,
        configMap('late'),
        refused(
          403,
          'Forbidden',
          /^configmaps "late" is forbidden: unable to create new content in namespace {ns} because it is being terminated$/,
          {
            details: {
              causes: [
                {
                  reason: 'NamespaceTerminating',
                  field: 'metadata.namespace',
                  message: 'namespace {ns} is being terminated',
                },
              ],
            },
          },
        ),
      ),
    ],
  },
  {
    name: 'the namespaces default and kube-system cannot be deleted',
    steps: [
      remove(
        '/api/v1/namespaces/kube-system',
        undefined,
        refused(403, 'Forbidden', 'namespaces "kube-system" is forbidden: this namespace may not be deleted'),
      ),
    ],
  },
  {
    name: 'a new namespace gets its default ServiceAccount and the root certificate',
    needsControllers: true,
    steps: [
      post('/api/v1/namespaces', typed('v1', 'Namespace', { metadata: { name: '{ns}-new' } })),
      get('/api/v1/namespaces/{ns}-new/serviceaccounts/default', { eventually: true }),
      get('/api/v1/namespaces/{ns}-new/configmaps/kube-root-ca.crt', {
        eventually: true,
        expect: { data: { 'ca.crt': /BEGIN CERTIFICATE/ } },
      }),
    ],
  },
];
