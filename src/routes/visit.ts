import type { Credential } from '../credentials/credential.ts';
import type { BackendTarget, RouteRule, RouteTable, WeightedBackend } from './table.ts';

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
  for (const rule of rulesIn(table)) {
    ids.add(rule.id);
    for (const { id } of backendsOf(rule)) ids.add(id);
  }
  return ids;
}

/** How requests to the backends of all rules are authorized. */
export function* credentialsIn(table: Pick<RouteTable, 'routes'>): Generator<Credential> {
  for (const rule of rulesIn(table)) {
    for (const { credential } of backendsOf(rule)) if (credential !== undefined) yield credential;
  }
}
