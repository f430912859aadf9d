import { present, type Behaviour, type Expected, type Step } from '../../behaviour.ts';
import { get, post, refused } from '../requests.ts';
import { as, clusterRoles, everything, holding, on, role, type Rule } from './words.ts';

/** Acting as somebody else (apiserver endpoints/filters/impersonation). */

const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const whoAmI = (headers: Readonly<Record<string, string>>, userInfo: Expected): Step =>
  post(
    review,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    { headers, expect: { status: { userInfo } } },
  );
const mayNot = (what: string | RegExp) => refused(403, 'Forbidden', what);

/** Impersonation as somebody who may do it at all only through the rules he holds needs a token of his own. */
const tokenOf = (account: string, rules: readonly Rule[]): Step[] => [
  post('/api/v1/namespaces/{ns}/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: account },
  }),
  post(
    `/api/v1/namespaces/{ns}/serviceaccounts/${account}/token`,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    {
      capture: { token: 'status.token' },
    },
  ),
  ...holding(rules, `system:serviceaccount:{ns}:${account}`, '{ns}-held'),
];

export const impersonation: readonly Behaviour[] = [
  {
    name: 'impersonation: everybody is in the group of those who are authenticated, or in the other',
    steps: [
      whoAmI({ 'impersonate-user': 'jane' }, { username: 'jane', groups: ['system:authenticated'] }),
      whoAmI({ 'impersonate-user': 'jane', 'impersonate-group': 'a' }, { groups: ['a', 'system:authenticated'] }),
      {
        ...whoAmI({ 'impersonate-user': 'jane', 'impersonate-group': 'system:unauthenticated' }, present),
        ...mayNot(/User "jane" cannot create resource "selfsubjectreviews"/),
      },
      {
        path: '/api/v1/namespaces/default',
        headers: { 'impersonate-user': 'system:anonymous' },
        ...mayNot(/User "system:anonymous" cannot get/),
      },
      whoAmI(
        { 'impersonate-user': 'system:serviceaccount:a:b' },
        { groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'] },
      ),
    ],
  },
  {
    name: 'impersonation: each of user, group, ServiceAccount, uid and extra needs its own right',
    steps: [
      get('/api/v1/namespaces/{ns}'),
      ...tokenOf('actor', [on('impersonate', '', 'users', 'jane')]),
      { ...whoAmI({ 'impersonate-user': 'jane' }, { username: 'jane' }), token: '{token}' },
      {
        path: review,
        token: '{token}',
        headers: { 'impersonate-user': 'joe' },
        ...mayNot(
          /users "joe" is forbidden: User "system:serviceaccount:{ns}:actor" cannot impersonate resource "users"/,
        ),
      },
      {
        path: review,
        token: '{token}',
        headers: { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' },
        ...mayNot(/groups "system:masters" is forbidden/),
      },
      {
        path: review,
        token: '{token}',
        headers: { 'impersonate-user': 'jane', 'impersonate-uid': '7' },
        ...mayNot(/uids.authentication.k8s.io "7" is forbidden/),
      },
      {
        path: review,
        token: '{token}',
        headers: { 'impersonate-user': 'jane', 'impersonate-extra-scopes': 'all' },
        ...mayNot(/userextras.authentication.k8s.io "all" is forbidden/),
      },
      {
        path: review,
        token: '{token}',
        headers: { 'impersonate-user': 'system:serviceaccount:kube-system:default' },
        ...mayNot(/serviceaccounts "default" is forbidden: .* in the namespace "kube-system"/),
      },
    ],
  },
  {
    name: 'impersonation: the rights are those of the other alone',
    steps: [
      as(get('/api/v1/namespaces/kube-system/secrets', mayNot(/User "{ns}" cannot list resource "secrets"/))),
      as(
        post(clusterRoles, role('ClusterRole', '{ns}-x', everything), mayNot(/cannot create resource "clusterroles"/)),
      ),
    ],
  },
];
