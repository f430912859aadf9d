import { identified } from './identity.ts';
import { compilePattern } from './pattern.ts';
import type { Part, RouteMatch, RouteRule, RouteTable } from './table.ts';
import { backendsOf } from './visit.ts';

/** What is wrong with a table: nothing with one that our compiler made. A table with a problem is not served; the last good one stays. */
export function problemsOf(table: RouteTable): string[] {
  const sets = new Set(table.endpointSets.map(({ key }) => key));
  const pools = new Set(table.pools.map(({ key }) => key));
  const listeners = new Set(
    table.gateways.flatMap(({ key, listeners: own }) => own.map(({ name }) => `${key} ${name}`)),
  );
  return [
    ...partProblems('gateways', table.gateways),
    ...partProblems('routes', table.routes),
    ...partProblems('endpointSets', table.endpointSets),
    ...partProblems('pools', table.pools),
    ...table.routes.flatMap(({ key, attachments, rules }) => [
      ...attachments
        .filter(({ gateway, listener }) => !listeners.has(`${gateway} ${listener}`))
        .map(({ gateway, listener }) => `route ${key}: there is no listener ${listener} of Gateway ${gateway}`),
      ...rules.flatMap((rule) => ruleProblems(rule, sets, pools)),
    ]),
  ];
}

/** Keys name one part each, and identities say what is in them: a part that was cut or changed on its way is found by it. */
function partProblems(list: string, parts: readonly Part[]): string[] {
  const seen = new Set<string>();
  return parts.flatMap((part) => {
    const { identity, ...rest } = part;
    const twice = seen.has(part.key);
    seen.add(part.key);
    if (twice) return [`${list}: ${part.key} is there twice`];
    return identified<Part>(rest).identity === identity
      ? []
      : [`${list}: ${part.key} does not say what its identity says`];
  });
}

function ruleProblems(rule: RouteRule, sets: ReadonlySet<string>, pools: ReadonlySet<string>): string[] {
  const targets = [...backendsOf(rule)].flatMap(({ target }) => {
    if (target.type === 'invalid') return [];
    return (target.type === 'pool' ? pools : sets).has(target.key) ? [] : [`there is no ${target.type} ${target.key}`];
  });
  const weights = rule.tiers.flatMap(({ priority, totalWeight, backends }) => {
    const sum = backends.reduce((total, { weight }) => total + weight, 0);
    return sum === totalWeight ? [] : [`priority ${String(priority)}: its weights are not ${String(totalWeight)}`];
  });
  const patterns = rule.matches.flatMap(patternsIn).flatMap((source) => {
    const compiled = compilePattern(source);
    return 'problem' in compiled ? [`the regular expression ${source} ${compiled.problem}`] : [];
  });
  return [...targets, ...weights, ...patterns].map((problem) => `rule ${rule.id}: ${problem}`);
}

function patternsIn({ path, headers, query }: RouteMatch): string[] {
  const values = [...headers, ...query].filter(({ type }) => type === 'RegularExpression');
  return [...(path?.type === 'RegularExpression' ? [path.value] : []), ...values.map(({ value }) => value)];
}
