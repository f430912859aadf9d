import { compilePattern, type TextPattern } from './pattern.ts';
import { modelHeaders, type PathMatch, type Route, type RouteMatch, type RouteRule, type ValueMatch } from './table.ts';

/** One match of one rule, ready to be tried. */
export interface LinkedMatch {
  /**
   * Its place in the order of precedence among all matches of a host (gatewayapi.md 7), as text: of two that fit, the one that
   * sorts first wins. Other routes that come and go change nothing of it.
   */
  readonly order: string;
  readonly path?: LinkedPath;
  readonly method?: string;
  readonly headers: readonly LinkedValue[];
  readonly query: readonly LinkedValue[];
  readonly rule: RouteRule;
}

export interface LinkedPath extends PathMatch {
  readonly pattern?: TextPattern;
}

export interface LinkedValue extends ValueMatch {
  readonly pattern?: TextPattern;
}

const linked = new WeakMap<Route, readonly LinkedMatch[]>();

/** All matches of a route; of the same route the same objects. */
export function linkedMatches(route: Route): readonly LinkedMatch[] {
  let found = linked.get(route);
  if (found === undefined) {
    found = route.rules.flatMap((rule) => rule.matches.map((match, at) => linkMatch(route, rule, match, at)));
    linked.set(route, found);
  }
  return found;
}

function linkMatch(route: Route, rule: RouteRule, match: RouteMatch, at: number): LinkedMatch {
  const { path, method, headers, query } = match;
  return {
    order: orderOf(route, rule, match, at),
    ...(path === undefined ? {} : { path: linkPath(path) }),
    ...(method === undefined ? {} : { method }),
    headers: headers.map(linkValue),
    query: query.map(linkValue),
    rule,
  };
}

function linkPath(path: PathMatch): LinkedPath {
  return path.type === 'RegularExpression' ? { ...path, pattern: patternOf(path.value) } : path;
}

function linkValue(value: ValueMatch): LinkedValue {
  return value.type === 'RegularExpression' ? { ...value, pattern: patternOf(value.value) } : value;
}

const nothing: TextPattern = { test: () => false };

/** A pattern that cannot be used fits nothing: a table that passed its check has none. */
function patternOf(source: string): TextPattern {
  const compiled = compilePattern(source);
  return 'pattern' in compiled ? compiled.pattern : nothing;
}

/** Precedence rules 1 to 8 of gatewayapi.md 7; hostnames (rule 0) are ordered by the index. */
function orderOf(route: Route, rule: RouteRule, match: RouteMatch, at: number): string {
  const { path, method, headers, query } = match;
  return [
    pathClass(path),
    descending(pathLength(path)),
    method === undefined ? 1 : 0,
    descending(headers.length),
    descending(query.length),
    route.created,
    route.key,
    ascending(rule.ruleIndex),
    ascending(at),
  ].join('\t');
}

/** Numbers below it sort as text as they do as numbers. */
const most = 99_999;
const ascending = (number: number): string => String(Math.min(number, most)).padStart(5, '0');
const descending = (number: number): string => ascending(most - Math.min(number, most));

/** Exact before regular expression before prefix; no path says the same as the prefix `/`. */
function pathClass(path: PathMatch | undefined): number {
  switch (path?.type) {
    case 'Exact':
      return 0;
    case 'RegularExpression':
      return 1;
    case 'PathPrefix':
    case undefined:
      return 2;
  }
}

function pathLength(path: PathMatch | undefined): number {
  if (path === undefined || path.type === 'Exact') return 0;
  return path.type === 'PathPrefix' ? prefixOf(path).length : path.value.length;
}

/** A prefix without its trailing slash; '' for `/` and for matches that say nothing about the path. */
export function prefixOf(path: PathMatch | undefined): string {
  return path === undefined ? '' : path.value.endsWith('/') ? path.value.slice(0, -1) : path.value;
}

export function isModelHeader(name: string): boolean {
  return (modelHeaders as readonly string[]).includes(name);
}

/** The one model that a match is for. */
export function exactModelOf({ headers }: Pick<LinkedMatch, 'headers'>): string | undefined {
  return headers.find(({ name, type }) => type === undefined && isModelHeader(name))?.value;
}

/** The match can only be tried when the model of the body is known. */
export function readsModel({ rule, headers }: LinkedMatch): boolean {
  return rule.kind === 'llm' || headers.some(({ name }) => isModelHeader(name));
}
