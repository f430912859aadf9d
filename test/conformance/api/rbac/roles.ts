import type { Behaviour } from '../../behaviour.ts';
import { get, jsonPatch, merge, post, put, refused, remove } from '../requests.ts';
import {
  as,
  binding,
  clusterRoleBindings,
  clusterRoles,
  core,
  everything,
  holding,
  notHeld,
  on,
  rbac,
  role,
  roles,
  text,
  urls,
} from './words.ts';

/** Who may write roles (the tables of registry/rbac/role, clusterrole and of what only the garbage collector changes). */

/** Who may create and update a role, in the words of the tables for Role and ClusterRole. */
const writers = (['ClusterRole', 'Role'] as const).flatMap((kind): Behaviour[] => {
  const [path, plural] = kind === 'Role' ? [roles, 'roles'] : [clusterRoles, 'clusterroles'];
  const wanted = role(kind, '{ns}-wanted', [core('get', 'pods')]);
  const one = `${path}/{ns}-wanted`;
  const changed = role(kind, '{ns}-wanted', [core('get', 'pods')], { metadata: { labels: { changed: 'yes' } } });
  const namespaced = get('/api/v1/namespaces/{ns}');
  return [
    {
      name: `${kind}: the administrator gives away anything`,
      steps: [namespaced, post(path, wanted), put(one, changed)],
    },
    {
      name: `${kind}: who holds nothing gives nothing away, and may not change a role that does`,
      steps: [
        namespaced,
        ...holding([]),
        as(post(path, wanted, notHeld(plural, '{ns}-wanted', text(core('get', 'pods'))))),
        post(path, wanted),
        as(put(one, changed, notHeld(plural, '{ns}-wanted', text(core('get', 'pods'))))),
        as(merge(one, { metadata: { labels: { changed: 'yes' } } }, notHeld(plural, '{ns}-wanted'))),
        as(merge(one, { metadata: { annotations: { changed: 'yes' } } }, notHeld(plural, '{ns}-wanted'))),
        as(merge(one, { rules: [] })),
      ],
    },
    {
      name: `${kind}: who has the verb escalate gives away anything`,
      steps: [namespaced, ...holding([on('escalate', rbac, plural)]), as(post(path, wanted)), as(put(one, changed))],
    },
    {
      name: `${kind}: escalate for one name is for changes of that one, and not for posting it`,
      steps: [
        namespaced,
        ...holding([on('escalate', rbac, plural, '{ns}-wanted')]),
        as(post(path, wanted, notHeld(plural, '{ns}-wanted'))),
        post(path, wanted),
        as(put(one, changed)),
        post(path, role(kind, '{ns}-other', [core('get', 'pods')])),
        as(merge(`${path}/{ns}-other`, { metadata: { labels: { a: 'b' } } }, notHeld(plural, '{ns}-other'))),
      ],
    },
    {
      name: `${kind}: who holds everything in the cluster gives away anything`,
      steps: [namespaced, ...holding(everything), as(post(path, wanted)), as(put(one, changed))],
    },
  ];
});

const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { 'example.com/aggregate': '{ns}' } }] };
const needsAll = refused(403, 'Forbidden', /must have cluster-admin privileges to use the aggregationRule$/);
const one = `${clusterRoles}/{ns}-wanted`;

const aggregation: readonly Behaviour[] = [
  {
    name: 'an aggregationRule is for those who hold everything: create, add, change, remove, label',
    steps: [
      ...holding([core('get', 'pods')]),
      as(post(clusterRoles, role('ClusterRole', '{ns}-new', [], { aggregationRule }), needsAll)),
      as(post(clusterRoles, role('ClusterRole', '{ns}-wanted', [core('get', 'pods')]))),
      as(merge(one, { aggregationRule }, needsAll)),
      as(jsonPatch(one, [{ op: 'add', path: '/aggregationRule', value: aggregationRule }], needsAll)),
      merge(one, { aggregationRule }),
      as(merge(one, { metadata: { labels: { a: 'b' } } }, needsAll)),
      as(merge(one, { aggregationRule: null }, needsAll)),
      as(merge(one, { aggregationRule: { clusterRoleSelectors: [{ matchLabels: {} }] } }, needsAll)),
    ],
  },
  {
    name: 'an aggregationRule is for those who hold everything: they may',
    steps: [
      ...holding(everything),
      as(post(clusterRoles, role('ClusterRole', '{ns}-wanted', [], { aggregationRule }))),
      as(merge(one, { metadata: { labels: { a: 'b' } } })),
    ],
  },
  {
    name: 'everything on resources alone is not enough for an aggregationRule',
    steps: [
      ...holding([on('*', '*', '*', 'some')]),
      as(post(clusterRoles, role('ClusterRole', '{ns}-wanted', [], { aggregationRule }), needsAll)),
      ...holding([on('get', '*', '*')], '{ns}-other'),
      as(post(clusterRoles, role('ClusterRole', '{ns}-wanted', [], { aggregationRule }), needsAll), '{ns}-other'),
    ],
  },
  {
    name: 'a label that lets a built-in role gather another is for those who hold what that one gives',
    steps: [
      ...holding([core('get', 'pods')]),
      as(
        merge(
          `${clusterRoles}/cluster-admin`,
          { metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } } },
          notHeld('clusterroles', 'cluster-admin', text(on('*', '*', '*'))),
        ),
      ),
    ],
  },
];

const collector: readonly Behaviour[] = [
  {
    name: 'changes that only the garbage collector makes are free: finalizers and owners of a role',
    steps: [
      get('/api/v1/namespaces/{ns}', { capture: { owner: 'metadata.uid' } }),
      ...holding([]),
      post(clusterRoles, role('ClusterRole', '{ns}-wanted', [core('get', 'pods')])),
      as(merge(one, { metadata: { finalizers: ['example.com/a'] } })),
      as(
        merge(one, {
          metadata: {
            finalizers: null,
            ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: '{ns}', uid: '{owner}' }],
          },
        }),
      ),
      as(
        merge(
          one,
          { metadata: { ownerReferences: null, annotations: { a: 'b' } } },
          notHeld('clusterroles', '{ns}-wanted'),
        ),
      ),
      as(
        merge(
          one,
          { metadata: { finalizers: ['example.com/a'] }, rules: [core('list', 'pods')] },
          notHeld('clusterroles', '{ns}-wanted'),
        ),
      ),
    ],
  },
  {
    name: 'changes that only the garbage collector makes are free: finalizers and owners of a binding',
    steps: [
      ...holding([]),
      post(clusterRoleBindings, binding('ClusterRoleBinding', '{ns}-wanted', 'ClusterRole/cluster-admin', 'x')),
      as(merge(`${clusterRoleBindings}/{ns}-wanted`, { metadata: { finalizers: ['example.com/a'] } })),
      as(
        merge(
          `${clusterRoleBindings}/{ns}-wanted`,
          { metadata: { labels: { a: 'b' } } },
          notHeld('clusterrolebindings', '{ns}-wanted'),
        ),
      ),
      merge(`${clusterRoleBindings}/{ns}-wanted`, { metadata: { finalizers: null } }),
      remove(`${clusterRoleBindings}/{ns}-wanted`),
    ],
  },
];

const invalid = (message: RegExp) => refused(422, 'Invalid', message);

const validity: readonly Behaviour[] = [
  {
    name: 'rules say verbs, and groups with resources or URLs',
    steps: [
      post(
        clusterRoles,
        role('ClusterRole', '{ns}', [{ verbs: [], apiGroups: [''], resources: ['pods'] }]),
        invalid(/rules\[0\]\.verbs: Required value: verbs must contain at least one value/),
      ),
      post(
        clusterRoles,
        role('ClusterRole', '{ns}', [{ verbs: ['get'] }]),
        invalid(
          /rules\[0\]\.apiGroups: Required value: resource rules must supply at least one api group, rules\[0\]\.resources: Required value: resource rules must supply at least one resource/,
        ),
      ),
      post(
        clusterRoles,
        role('ClusterRole', '{ns}', [{ ...core('get', 'pods'), nonResourceURLs: ['/'] }]),
        invalid(
          /rules\[0\]\.nonResourceURLs: Invalid value: .*rules cannot apply to both regular resources and non-resource URLs/,
        ),
      ),
      post(
        roles,
        role('Role', '{ns}', [urls('get', '/')]),
        invalid(/namespaced rules cannot apply to non-resource URLs/),
      ),
      post(
        clusterRoles,
        role('ClusterRole', '{ns}', [], { aggregationRule: {} }),
        invalid(
          /aggregationRule\.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil/,
        ),
      ),
      post(
        clusterRoles,
        role('ClusterRole', '{ns}', [], {
          aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Near' }] }] },
        }),
        invalid(
          /aggregationRule\.clusterRoleSelectors\[0\]\.matchExpressions\[0\]\.operator: Invalid value: "Near": not a valid selector operator/,
        ),
      ),
    ],
  },
];

export const roleWriting: readonly Behaviour[] = [...writers, ...aggregation, ...collector, ...validity];
