import type { Part, Route, RouteRule, RouteTable } from './table.ts';
import { backendsOf } from './visit.ts';

/** What differs between two tables, in terms of their rules. Rules are known by their ids, whatever table or process they come from. */
export interface TableDifference {
  readonly added: readonly RouteRule[];
  readonly removed: readonly RouteRule[];
  readonly changed: readonly RuleChange[];
}

export interface RuleChange {
  readonly before: RouteRule;
  readonly after: RouteRule;
  /** What of the rule says something else; `attachments`: it is reached through other listeners or hosts. */
  readonly aspects: readonly RuleAspect[];
}

/**
 * - `backends`: it is re-pointed: other targets, weights or priorities.
 * - `endpoints`: the same backends, which have other endpoints, pickers or TLS.
 */
export type RuleAspect = 'matches' | 'filters' | 'timeouts' | 'backends' | 'endpoints' | 'attachments' | 'kind';

/** The rules that came, went and changed from one table to another, each in the order of its table. */
export function compareTables(before: RouteTable, after: RouteTable): TableDifference {
  const [old, now] = [rulesById(before), rulesById(after)];
  const targets = changedTargets(before, after);
  return {
    added: [...now].flatMap(([id, { rule }]) => (old.has(id) ? [] : [rule])),
    removed: [...old].flatMap(([id, { rule }]) => (now.has(id) ? [] : [rule])),
    changed: [...now].flatMap(([id, place]) => {
      const was = old.get(id);
      const aspects = was === undefined ? [] : aspectsOf(was, place, targets);
      return was === undefined || aspects.length === 0 ? [] : [{ before: was.rule, after: place.rule, aspects }];
    }),
  };
}

interface Place {
  readonly rule: RouteRule;
  readonly route: Route;
}

function rulesById({ routes }: RouteTable): ReadonlyMap<string, Place> {
  return new Map(routes.flatMap((route) => route.rules.map((rule) => [rule.id, { rule, route }])));
}

/** Keys of the endpoint sets and pools that say something else, or are in one of the tables only. */
function changedTargets(before: RouteTable, after: RouteTable): ReadonlySet<string> {
  return new Set([
    ...changedKeys('endpoints', before.endpointSets, after.endpointSets),
    ...changedKeys('pool', before.pools, after.pools),
  ]);
}

function changedKeys(type: string, before: readonly Part[], after: readonly Part[]): string[] {
  const old = new Map(before.map(({ key, identity }) => [key, identity]));
  const now = new Map(after.map(({ key, identity }) => [key, identity]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => old.get(key) !== now.get(key))
    .map((key) => `${type} ${key}`);
}

function aspectsOf(before: Place, after: Place, targets: ReadonlySet<string>): RuleAspect[] {
  const differs = (of: (place: Place) => unknown): boolean =>
    before !== after && JSON.stringify(of(before)) !== JSON.stringify(of(after));
  // A route that says the same as before has the same rules: of thousands only those that changed are looked at.
  const sameRoute = before.route.identity === after.route.identity;
  const own: [RuleAspect, (place: Place) => unknown][] = sameRoute
    ? []
    : [
        ['kind', ({ rule }) => rule.kind],
        ['matches', ({ rule }) => rule.matches],
        ['filters', ({ rule }) => rule.filters],
        ['timeouts', ({ rule }) => [rule.requestTimeoutMs, rule.backendRequestTimeoutMs, rule.streamIdleTimeoutMs]],
        ['backends', ({ rule }) => rule.tiers],
        ['attachments', ({ route }) => route.attachments],
      ];
  const leadsElsewhere = [...backendsOf(after.rule)].some(
    ({ target }) => target.type !== 'invalid' && targets.has(`${target.type} ${target.key}`),
  );
  const aspects = own.flatMap(([aspect, of]) => (differs(of) ? [aspect] : []));
  return leadsElsewhere && !aspects.includes('backends') ? [...aspects, 'endpoints'] : aspects;
}
