import type { Step } from '../../behaviour.ts';
import { get, post, refused } from '../requests.ts';

/** The words in which the tables of roles, bindings and users are written. */

export interface Rule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
  verbs: string[];
}

export const rbac = 'rbac.authorization.k8s.io';
export const clusterRoles = `/apis/${rbac}/v1/clusterroles`;
export const clusterRoleBindings = `/apis/${rbac}/v1/clusterrolebindings`;
export const roles = `/apis/${rbac}/v1/namespaces/{ns}/roles`;
export const roleBindings = `/apis/${rbac}/v1/namespaces/{ns}/rolebindings`;

export const role = (kind: 'Role' | 'ClusterRole', name: string, rules: readonly Rule[], more: object = {}) => {
  const { metadata = {}, ...rest } = more as { metadata?: object };
  return { apiVersion: `${rbac}/v1`, kind, metadata: { name, ...metadata }, rules, ...rest };
};
export const binding = (kind: 'RoleBinding' | 'ClusterRoleBinding', name: string, of: string, user: string) => ({
  apiVersion: `${rbac}/v1`,
  kind,
  metadata: { name },
  roleRef: { apiGroup: rbac, kind: of.split('/')[0], name: of.split('/')[1] },
  subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
});

export const on = (verbs: string, apiGroups: string, resources: string, ...resourceNames: string[]): Rule => ({
  verbs: verbs.split(' '),
  apiGroups: apiGroups.split(' '),
  resources: resources.split(' '),
  ...(resourceNames.length > 0 && { resourceNames }),
});
export const core = (verbs: string, resources: string): Rule => ({
  verbs: [verbs],
  apiGroups: [''],
  resources: [resources],
});
export const urls = (verbs: string, ...nonResourceURLs: string[]): Rule => ({
  verbs: verbs.split(' '),
  nonResourceURLs,
});

export const everything = [on('*', '*', '*'), urls('*', '*')];
/** What a user needs to write roles and bindings at all. */
export const mayWrite = on('get create update patch', rbac, 'roles clusterroles rolebindings clusterrolebindings');

/** The step made by a user of the behaviour's own, who is in no group but those that everybody is in. */
export const as = (step: Step, user = '{ns}'): Step => ({
  ...step,
  headers: { ...step.headers, 'impersonate-user': user },
});

/** The user holds these rules, in the whole cluster, and may write roles. Waits until the authorizer has noticed. */
export const holding = (rules: readonly Rule[], user = '{ns}', name = `${user}-held`): Step[] => [
  post(clusterRoles, role('ClusterRole', name, [mayWrite, ...rules])),
  post(clusterRoleBindings, binding('ClusterRoleBinding', name, `ClusterRole/${name}`, user)),
  as(get(`${clusterRoles}/${name}`, { eventually: true }), user),
];

export const notHeld = (kind: string, name: string, missing: string | RegExp = '') =>
  refused(
    403,
    'Forbidden',
    new RegExp(
      `^${kind}\\.rbac\\.authorization\\.k8s\\.io "${name}" is forbidden: user "{ns}" \\(groups=\\["system:authenticated"\\]\\) is attempting to grant RBAC permissions not currently held:\\n${typeof missing === 'string' ? missing.replaceAll(/[[\]{}*?.]/g, String.raw`\$&`) : missing.source}`,
    ),
  );

/** What a rule of one part looks like in the refusal. */
export function text({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: Rule): string {
  const part = (name: string, list?: string[]) =>
    list === undefined ? [] : [`${name}:[${list.map((one) => `"${one}"`).join(' ')}]`];
  const parts = [
    ...part('APIGroups', apiGroups),
    ...part('Resources', resources),
    ...part('ResourceNames', resourceNames),
    ...part('NonResourceURLs', nonResourceURLs),
    ...part('Verbs', verbs),
  ];
  return `{${parts.join(', ')}}`;
}
