import type { Credential } from '../credentials/credential.ts';
import type { BackendTarget, Route, RouteRule, RouteTable, WeightedBackend } from './table.ts';

/** The walks over a table, for whoever wants all rules, backends or targets. */

export function* rulesIn({ routes }: Pick<RouteTable, 'routes'>): Generator<RouteRule> {
  for (const { rules } of routes) yield* rules;
}

/** Of one rule, whatever the priority. */
export function* backendsOf({ tiers }: RouteRule): Generator<WeightedBackend> {
  for (const { backends } of tiers) yield* backends;
}

/** The endpoint sets and pools that rules lead to, each as often as it is named. */
export function* targetsOf(rules: Iterable<RouteRule>): Generator<Exclude<BackendTarget, { type: 'invalid' }>> {
  for (const rule of rules) {
    for (const { target } of backendsOf(rule)) if (target.type !== 'invalid') yield target;
  }
}

/** Ids of all rules and backends: the names under which requests are counted. */
export function idsIn(table: Pick<RouteTable, 'routes'>): Set<string> {
  const ids = new Set<string>();
  for (const route of table.routes) for (const id of idsOf(route)) ids.add(id);
  return ids;
}

const idsByRoute = new WeakMap<Route, readonly string[]>();

/** Found once: a change of one among thousands of routes walks over that one only. */
function idsOf(route: Route): readonly string[] {
  let ids = idsByRoute.get(route);
  if (ids === undefined) {
    ids = route.rules.flatMap((rule) => [rule.id, ...[...backendsOf(rule)].map(({ id }) => id)]);
    idsByRoute.set(route, ids);
  }
  return ids;
}

/** How requests to the backends of all rules are authorized. */
export function* credentialsIn(table: Pick<RouteTable, 'routes'>): Generator<Credential> {
  for (const route of table.routes) yield* credentialsOf(route);
}

const credentialsByRoute = new WeakMap<Route, readonly Credential[]>();

function credentialsOf(route: Route): readonly Credential[] {
  let found = credentialsByRoute.get(route);
  if (found === undefined) {
    found = route.rules.flatMap((rule) => [...backendsOf(rule)].flatMap(({ credential }) => credential ?? []));
    credentialsByRoute.set(route, found);
  }
  return found;
}
