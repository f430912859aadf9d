import type { Behaviour } from '../../behaviour.ts';
import { post } from '../requests.ts';
import { as, clusterRoles, holding, notHeld, on, role, text, urls, type Rule } from './words.ts';

/** Which rules cover which others (the tables of component-helpers auth/rbac/validation). */

/** [what is told, rules held, rules wanted, what is missing: nothing when they are covered] */
type Coverage = readonly [string, readonly Rule[], readonly Rule[], Rule?];

const allBuilds = (group: string) => [
  on('delete', group, 'deployments'),
  on('delete', group, 'builds'),
  on('update', group, 'builds deployments'),
];

const coverages: readonly Coverage[] = [
  ['the same rule', [on('get', 'v1', 'builds')], [on('get', 'v1', 'builds')]],
  ['a subresource by */name', [on('get', 'v1', '*/scale')], [on('get', 'v1', 'foo/scale')]],
  ['one rule by several', allBuilds('v1'), [on('delete update', 'v1', 'builds deployments')]],
  [
    'one rule on two groups by several of one group each',
    [...allBuilds('group1'), ...allBuilds('group2')],
    [on('delete update', 'group1 group2', 'builds deployments')],
  ],
  [
    'several rules by one on both groups',
    [on('delete update', 'group1 group2', 'builds deployments')],
    [...allBuilds('group1'), ...allBuilds('group2')],
  ],
  [
    'not: one combination of verb and resource is missing',
    [on('delete update', 'v1', 'builds deployments'), on('delete', 'v1', 'pods')],
    [on('delete update', 'v1', 'builds deployments pods')],
    on('update', 'v1', 'pods'),
  ],
  ['groups by *', [on('get', '*', 'roles')], [on('get', 'group1 group2', 'roles')]],
  ['not: * groups by a list', [on('get', 'dummy-group', 'roles')], [on('get', '*', 'roles')], on('get', '*', 'roles')],
  ['* groups by *', [on('get', '*', 'roles')], [on('get', '*', 'roles')]],
  ['verbs by *', [on('*', 'v1', 'roles')], [on('watch list', 'v1', 'roles')]],
  [
    'not: * verbs by a list',
    [on('get list watch create update delete exec', 'v1', 'roles')],
    [on('*', 'v1', 'roles')],
    on('*', 'v1', 'roles'),
  ],
  ['* verbs by *', [on('*', 'v1', 'roles')], [on('*', 'v1', 'roles')]],
  ['resources by *', [on('get', 'v1', '*')], [on('get', 'v1', 'resourcegroup:deployments')]],
  [
    'not: * resources by a list',
    [on('get', 'v1', 'roles resourcegroup:deployments')],
    [on('get', 'v1', '*')],
    on('get', 'v1', '*'),
  ],
  ['* resources by *', [on('get', 'v1', '*')], [on('get', 'v1', '*')]],
  ['names by a rule without names', [on('get', 'v1', 'pods')], [on('get', 'v1', 'pods', 'foo', 'bar')]],
  [
    'not: all names by a list',
    [on('get', 'v1', 'pods', 'foo', 'bar')],
    [on('get', 'v1', 'pods')],
    on('get', 'v1', 'pods'),
  ],
  [
    'not: another name',
    [on('get', 'v1', 'pods', 'foo', 'bar')],
    [on('get', 'v1', 'pods', 'foo', 'baz')],
    on('get', 'v1', 'pods', 'baz'),
  ],
  ['a URL', [urls('*', '/shop')], [urls('*', '/shop')]],
  ['URLs by *', [urls('*', '*')], [urls('*', '/shop', '/shop/v1', '/')]],
  ['not: a URL by what is below it', [urls('*', '/shop/*')], [urls('*', '/shop')], urls('*', '/shop')],
  ['URLs by a prefix with *', [urls('*', '/shop/*')], [urls('*', '/shop/v1')]],
  ['not: * by a URL', [urls('*', '/shop')], [urls('*', '*')], urls('*', '*')],
  ['not: the URL above', [urls('get', '/shop/v1')], [urls('get', '/shop')], urls('get', '/shop')],
  ['not: a * within a URL', [urls('get', '/shop/*/*')], [urls('get', '/shop/v1')], urls('get', '/shop/v1')],
  ['not: a * before other parts', [urls('get', '/*/v1/*')], [urls('get', '/shop/v1')], urls('get', '/shop/v1')],
  ['/ by /*', [urls('get', '/*')], [urls('get', '/', '/foo')]],
  [
    'a rule and a URL by both',
    [on('get', 'v1', 'builds'), urls('get', '/shop')],
    [on('get', 'v1', 'builds'), urls('get', '/shop')],
  ],
  [
    'not: a rule and a URL by the rule alone',
    [on('get', 'v1', 'builds')],
    [on('get', 'v1', 'builds'), urls('get', '/shop')],
    urls('get', '/shop'),
  ],
];

export const covering = coverages.map(([told, held, wanted, missing]): Behaviour => ({
  name: `rules that a user gives away: ${told}`,
  steps: [
    ...holding(held),
    as(
      post(
        clusterRoles,
        role('ClusterRole', '{ns}-wanted', wanted),
        missing === undefined ? {} : notHeld('clusterroles', '{ns}-wanted', text(missing)),
      ),
    ),
  ],
}));
