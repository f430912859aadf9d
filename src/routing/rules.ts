import type { HTTPRoute, HTTPRouteRule } from '../kinds/gateway/httproute.ts';
import { parseDuration } from '../kinds/durations.ts';
import { resolveBackend } from './backends.ts';
import { compileFilters, type FilterContext, type Problem } from './filters.ts';
import { compilePattern } from '../routes/pattern.ts';
import type { Lookup } from './resources.ts';
import type { PathMatch, RouteMatch, RouteRule, Tier, ValueMatch, WeightedBackend } from '../routes/table.ts';
import { targetsOf } from '../routes/visit.ts';

/** The rules of an HTTPRoute (gatewayapi.md 6 to 9). */

export interface CompiledRoute {
  readonly rules: readonly RouteRule[];
  readonly problems: readonly Problem[];
  /** `namespace/name` of the InferencePools its rules name and may use. */
  readonly pools: ReadonlySet<string>;
}

export const routeReferrer = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' } as const;

export function compileHTTPRoute(lookup: Lookup, route: HTTPRoute): CompiledRoute {
  const problems: Problem[] = [];
  const rules = (route.spec.rules ?? [{}]).map((rule, i) => {
    const { at, filters } = ruleParts(route, rule, i, (ref) => lookup.filter(ref), problems);
    const backends = (rule.backendRefs ?? []).map((ref, j) => httpBackend(lookup, route, rule, i, j, ref, problems));
    return finishRule(
      route,
      rule,
      i,
      { at, filters, tiers: tiersOf([[0, backends]], filters), kind: 'http' },
      problems,
    );
  });
  return { rules, problems, pools: poolsOf(rules) };
}

type BackendRef = NonNullable<HTTPRouteRule['backendRefs']>[number];

function httpBackend(
  lookup: Lookup,
  route: HTTPRoute,
  rule: HTTPRouteRule,
  i: number,
  j: number,
  ref: BackendRef,
  problems: Problem[],
): WeightedBackend {
  const namespace = route.metadata.namespace ?? '';
  const at = `spec.rules[${i}].backendRefs[${j}]`;
  const redirect = ref.filters?.findIndex((filter) => filter.type === 'RequestRedirect') ?? -1;
  if (redirect >= 0) {
    problems.push({
      type: 'unsupported',
      message: `${at}.filters[${redirect}]: RequestRedirect is not supported here yet`,
    });
  }
  const target = resolveBackend(lookup, { ...routeReferrer, namespace }, ref);
  if (target.type === 'invalid') {
    problems.push({ type: 'unresolved', reason: target.reason, message: `${at}: ${target.message}` });
  }
  return {
    id: backendId(route, ref.name, i, j),
    weight: ref.weight ?? 1,
    filters: compileFilters(
      ref.filters,
      filterContext(route, rule, at, (found) => lookup.filter(found)),
      problems,
    ),
    target,
  };
}

/** aigateway.md 0 */
export function backendId(route: HTTPRoute, backend: string, rule: number, ref: number): string {
  return `${route.metadata.namespace ?? ''}/${backend}/route/${route.metadata.name}/rule/${rule}/ref/${ref}`;
}

function filterContext(
  route: HTTPRoute,
  rule: HTTPRouteRule,
  at: string,
  findFilter: FilterContext['findFilter'],
): FilterContext {
  return { at, namespace: route.metadata.namespace ?? '', prefix: rule.matches?.[0]?.path?.value, findFilter };
}

const knownFields = new Set(['name', 'matches', 'filters', 'backendRefs', 'timeouts']);

/** What plain and AI rules have in common before their backends. */
export function ruleParts(
  route: HTTPRoute,
  rule: HTTPRouteRule,
  i: number,
  findFilter: FilterContext['findFilter'],
  problems: Problem[],
): { at: string; filters: RouteRule['filters'] } {
  const at = `spec.rules[${i}]`;
  // The experimental channel of a cluster's API has fields that these types do not know.
  const unknown = Object.keys(rule).find((field) => !knownFields.has(field));
  if (unknown !== undefined) problems.push({ type: 'unsupported', message: `${at}.${unknown} is not supported yet` });
  return { at, filters: compileFilters(rule.filters, filterContext(route, rule, at, findFilter), problems) };
}

interface RuleParts extends Pick<RouteRule, 'filters' | 'tiers' | 'kind'> {
  readonly at: string;
  readonly streamIdleTimeoutMs?: number;
}

export function finishRule(
  route: HTTPRoute,
  rule: HTTPRouteRule,
  i: number,
  { at, ...parts }: RuleParts,
  problems: Problem[],
): RouteRule {
  const { namespace = '', name } = route.metadata;
  const requestTimeoutMs = timeoutOf(rule.timeouts?.request, `${at}.timeouts.request`, problems);
  const backendRequestTimeoutMs = timeoutOf(rule.timeouts?.backendRequest, `${at}.timeouts.backendRequest`, problems);
  const matches = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches;
  return {
    id: `httproute/${namespace}/${name}/rule/${i}`,
    route: { namespace, name },
    ruleIndex: i,
    ...(rule.name === undefined ? {} : { ruleName: rule.name }),
    ...parts,
    matches: matches.map((match, k) => conditionsOf(match, `${at}.matches[${k}]`, problems)),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(backendRequestTimeoutMs === undefined ? {} : { backendRequestTimeoutMs }),
  };
}

/** Milliseconds; `0s` and absent are no limit. */
function timeoutOf(text: string | undefined, at: string, problems: Problem[]): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) problems.push({ type: 'unsupported', message: `${at}: ${text} is not a duration` });
  return ms === 0 ? undefined : ms;
}

type HTTPMatch = NonNullable<HTTPRouteRule['matches']>[number];

function conditionsOf(match: HTTPMatch, at: string, problems: Problem[]): RouteMatch {
  const path = pathOf(match.path, at, problems);
  return {
    ...(path === undefined ? {} : { path }),
    ...(match.method === undefined ? {} : { method: match.method }),
    headers: valuesOf(match.headers, `${at}.headers`, (name) => name.toLowerCase(), problems),
    query: valuesOf(match.queryParams, `${at}.queryParams`, (name) => name, problems),
  };
}

function pathOf(path: HTTPMatch['path'], at: string, problems: Problem[]): PathMatch | undefined {
  const type = path?.type ?? 'PathPrefix';
  const value = path?.value ?? '/';
  if (type === 'PathPrefix' && value === '/') return undefined;
  if (type === 'RegularExpression') checkPattern(value, `${at}.path.value`, problems);
  return { type, value };
}

function checkPattern(source: string, at: string, problems: Problem[]): void {
  const compiled = compilePattern(source);
  if ('pattern' in compiled) return;
  problems.push({ type: 'unsupported', message: `${at}: the regular expression ${source} ${compiled.problem}` });
}

interface DeclaredValue {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

/** Of entries with the same name the first counts (gatewayapi.md 7). */
function valuesOf(
  declared: readonly DeclaredValue[] | undefined,
  at: string,
  canonical: (name: string) => string,
  problems: Problem[],
): ValueMatch[] {
  const found = new Map<string, ValueMatch>();
  for (const [i, { type, name: given, value }] of (declared ?? []).entries()) {
    const name = canonical(given);
    if (found.has(name)) continue;
    if (type === 'RegularExpression') checkPattern(value, `${at}[${i}].value`, problems);
    found.set(name, { name, value, ...(type === 'RegularExpression' ? { type } : {}) });
  }
  return [...found.values()];
}

/**
 * Backends by ascending priority; those of weight 0 are never chosen and left out. Without any, one empty tier: 500, unless
 * a filter answers.
 */
export function tiersOf(
  byPriority: Iterable<readonly [priority: number, backends: readonly WeightedBackend[]]>,
  filters: RouteRule['filters'],
): Tier[] {
  const tiers = [...byPriority]
    .map(([priority, all]): Tier => {
      const backends = all.filter(({ weight }) => weight > 0);
      return { priority, backends, totalWeight: backends.reduce((sum, { weight }) => sum + weight, 0) };
    })
    .filter(({ totalWeight }) => totalWeight > 0)
    .sort((a, b) => a.priority - b.priority);
  const answers = filters.some(({ type }) => type === 'RequestRedirect' || type === 'DirectResponse');
  return tiers.length > 0 || answers ? tiers : [{ priority: 0, totalWeight: 0, backends: [] }];
}

export function poolsOf(rules: readonly RouteRule[]): Set<string> {
  return new Set([...targetsOf(rules)].flatMap(({ type, key }) => (type === 'pool' ? [key] : [])));
}
