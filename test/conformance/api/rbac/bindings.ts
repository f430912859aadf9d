import { present, type Behaviour } from '../../behaviour.ts';
import { get, merge, post, refused } from '../requests.ts';
import {
  as,
  binding,
  clusterRoleBindings,
  clusterRoles,
  core,
  holding,
  notHeld,
  on,
  rbac,
  role,
  roleBindings,
  roles,
  text,
} from './words.ts';

/** Who may write bindings (registry/rbac/rolebinding and clusterrolebinding). */

const binders = (['ClusterRoleBinding', 'RoleBinding'] as const).flatMap((kind): Behaviour[] => {
  const path = kind === 'RoleBinding' ? roleBindings : clusterRoleBindings;
  const plural = path.split('/').at(-1) ?? '';
  const target = post(clusterRoles, role('ClusterRole', '{ns}-wanted', [core('get', 'pods')]));
  const wanted = binding(kind, '{ns}-wanted', 'ClusterRole/{ns}-wanted', '{ns}');
  const bound = `${path}/{ns}-wanted`;
  const subjects = [{ apiGroup: rbac, kind: 'User', name: 'another' }];
  const namespaced = get('/api/v1/namespaces/{ns}');
  return [
    {
      name: `${kind}: who holds nothing binds nothing, and may not change what is bound`,
      steps: [
        namespaced,
        target,
        ...holding([]),
        as(post(path, wanted, notHeld(plural, '{ns}-wanted', text(core('get', 'pods'))))),
        post(path, binding(kind, '{ns}-wanted', 'ClusterRole/{ns}-wanted', 'somebody')),
        as(merge(bound, { subjects }, notHeld(plural, '{ns}-wanted'))),
        as(merge(bound, { metadata: { labels: { a: 'b' } } }, notHeld(plural, '{ns}-wanted'))),
      ],
    },
    {
      name: `${kind}: who holds what a role gives binds it`,
      steps: [
        namespaced,
        target,
        ...holding([core('get', 'pods')]),
        as(post(path, wanted)),
        as(merge(bound, { subjects })),
      ],
    },
    {
      name: `${kind}: who has the verb bind for a role binds that one`,
      steps: [
        namespaced,
        target,
        post(clusterRoles, role('ClusterRole', '{ns}-second', [core('get', 'pods')])),
        ...holding([on('bind', rbac, 'clusterroles', '{ns}-wanted')]),
        as(post(path, wanted)),
        as(merge(bound, { subjects })),
        as(
          post(
            path,
            binding(kind, '{ns}-second', 'ClusterRole/{ns}-second', '{ns}'),
            notHeld(plural, '{ns}-second', text(core('get', 'pods'))),
          ),
        ),
      ],
    },
    {
      name: `${kind}: a role that is not there is bound by those with the verb bind only`,
      steps: [
        namespaced,
        ...holding([core('get', 'pods')]),
        as(
          post(
            path,
            binding(kind, '{ns}-binding', 'ClusterRole/{ns}-wanted', '{ns}'),
            refused(404, 'NotFound', /\.rbac\.authorization\.k8s\.io "{ns}-wanted" not found$/),
          ),
        ),
        ...holding([on('bind', rbac, 'clusterroles')], '{ns}-binder'),
        as(post(path, wanted), '{ns}-binder'),
      ],
    },
    {
      name: `${kind}: the role of a binding stays the one it was`,
      steps: [
        namespaced,
        post(path, wanted),
        merge(
          bound,
          { roleRef: { name: 'cluster-admin' } },
          refused(422, 'Invalid', /roleRef: Invalid value: .*: cannot change roleRef$/),
        ),
      ],
    },
  ];
});

const inNamespace: readonly Behaviour[] = [
  {
    name: 'the verb bind in a namespace is for bindings there, not for the cluster',
    steps: [
      get('/api/v1/namespaces/{ns}'),
      post(clusterRoles, role('ClusterRole', '{ns}-wanted', [core('get', 'pods')])),
      ...holding([]),
      post(roles, role('Role', 'binder', [on('bind', rbac, 'clusterroles', '{ns}-wanted'), core('list', 'secrets')])),
      post(roleBindings, binding('RoleBinding', 'binder', 'Role/binder', '{ns}')),
      as(get('/api/v1/namespaces/{ns}/secrets', { eventually: true })),
      as(post(roleBindings, binding('RoleBinding', '{ns}-wanted', 'ClusterRole/{ns}-wanted', '{ns}'))),
      as(
        post(
          clusterRoleBindings,
          binding('ClusterRoleBinding', '{ns}-wanted', 'ClusterRole/{ns}-wanted', '{ns}'),
          notHeld('clusterrolebindings', '{ns}-wanted'),
        ),
      ),
    ],
  },
  {
    name: 'what is held in a namespace is given away there, not in another and not in the cluster',
    steps: [
      get('/api/v1/namespaces/{ns}'),
      ...holding([]),
      post(roles, role('Role', 'held', [core('list', 'secrets')])),
      post(roleBindings, binding('RoleBinding', 'held', 'Role/held', '{ns}')),
      as(get('/api/v1/namespaces/{ns}/secrets', { eventually: true })),
      as(post(roles, role('Role', 'wanted', [core('list', 'secrets')]))),
      as(
        post(
          `/apis/${rbac}/v1/namespaces/default/roles`,
          role('Role', '{ns}-wanted', [core('list', 'secrets')]),
          notHeld('roles', '{ns}-wanted'),
        ),
      ),
      as(
        post(
          clusterRoles,
          role('ClusterRole', '{ns}-wanted', [core('list', 'secrets')]),
          notHeld('clusterroles', '{ns}-wanted'),
        ),
      ),
    ],
  },
];

const invalid = (message: RegExp) => refused(422, 'Invalid', message);

const validity: readonly Behaviour[] = [
  {
    name: 'bindings name a role and subjects of kinds that there are',
    steps: [
      post(
        clusterRoleBindings,
        binding('ClusterRoleBinding', '{ns}', 'Role/x', 'jane'),
        invalid(/roleRef\.kind: Unsupported value: "Role": supported values: "ClusterRole"/),
      ),
      post(
        roleBindings,
        { ...binding('RoleBinding', '{ns}', 'Role/x', 'jane'), subjects: [{ kind: 'Robot', name: 'x' }] },
        invalid(/subjects\[0\]\.kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"/),
      ),
      post(
        clusterRoleBindings,
        {
          ...binding('ClusterRoleBinding', '{ns}', 'ClusterRole/x', 'jane'),
          subjects: [{ kind: 'ServiceAccount', name: 'x' }],
        },
        invalid(/subjects\[0\]\.namespace: Required value/),
      ),
      post(
        roleBindings,
        { ...binding('RoleBinding', '{ns}', 'Role/x', 'jane'), subjects: [{ kind: 'User', name: 'jane' }] },
        {
          expect: { subjects: [{ kind: 'User', name: 'jane', apiGroup: rbac }], metadata: { uid: present } },
        },
      ),
    ],
  },
];

export const bindingWriting: readonly Behaviour[] = [...binders, ...inNamespace, ...validity];
