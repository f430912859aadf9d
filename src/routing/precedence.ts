import {
  modelHeaders,
  type HostIndex,
  type PathMatch,
  type RankedMatch,
  type RouteIndex,
  type RouteRule,
  type ValueMatch,
} from './table.ts';

/**
 * Orders the matches of all routes of a listener (gatewayapi.md 7) and files them so that a request looks only at those
 * that can be its own.
 */

/** One match of one rule of a route attached to the listener. */
export interface MatchEntry {
  /** The hosts after intersection with the listener's: exact names and `*.` wildcards; empty: every host. */
  readonly hosts: readonly string[];
  /** creationTimestamp of the route. */
  readonly created: string;
  /** `namespace/name` of the route. */
  readonly route: string;
  readonly matchIndex: number;
  readonly path?: PathMatch;
  readonly method?: string;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
  readonly rule: RouteRule;
}

export function buildIndex(entries: readonly MatchEntry[]): RouteIndex {
  const byHost = new Map<string, MatchEntry[]>();
  for (const entry of [...entries].sort(compareEntries)) {
    for (const host of entry.hosts.length === 0 ? [''] : new Set(entry.hosts)) {
      const found = byHost.get(host);
      if (found === undefined) byHost.set(host, [entry]);
      else found.push(entry);
    }
  }
  const exactHosts = new Map<string, HostIndex>();
  const wildcardHosts: { suffix: string; index: HostIndex }[] = [];
  let anyHost: HostIndex | undefined;
  for (const [host, sorted] of byHost) {
    const index = hostIndex(sorted);
    if (host === '') anyHost = index;
    else if (host.startsWith('*')) wildcardHosts.push({ suffix: host.slice(1), index });
    else exactHosts.set(host, index);
  }
  wildcardHosts.sort((a, b) => b.suffix.length - a.suffix.length);
  return { exactHosts, wildcardHosts, ...(anyHost === undefined ? {} : { anyHost }) };
}

/** Precedence rules 1 to 8 of gatewayapi.md 7; hostnames (rule 0) are ordered by the index. */
function compareEntries(a: MatchEntry, b: MatchEntry): number {
  return (
    pathClass(a.path) - pathClass(b.path) ||
    pathLength(b.path) - pathLength(a.path) ||
    Number(a.method === undefined) - Number(b.method === undefined) ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length ||
    compareText(a.created, b.created) ||
    compareText(a.route, b.route) ||
    a.rule.ruleIndex - b.rule.ruleIndex ||
    a.matchIndex - b.matchIndex
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

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
  return path.type === 'PathPrefix' ? prefixKey(path).length : path.value.length;
}

function prefixKey(path: PathMatch | undefined): string {
  return path === undefined ? '' : path.value.endsWith('/') ? path.value.slice(0, -1) : path.value;
}

function hostIndex(sorted: readonly MatchEntry[]): HostIndex {
  const byModel = new Map<string, RankedMatch[]>();
  const byExactPath = new Map<string, RankedMatch[]>();
  const byPrefix = new Map<string, RankedMatch[]>();
  const byRegex: RankedMatch[] = [];
  const ordered = sorted.map((entry, rank): RankedMatch => {
    const { path, method, headers, query, rule } = entry;
    const match: RankedMatch = {
      rank,
      ...(path === undefined ? {} : { path }),
      ...(method === undefined ? {} : { method }),
      headers,
      query,
      rule,
    };
    const model = headers.find(isExactModel)?.value;
    if (model !== undefined) append(byModel, model, match);
    else if (path?.type === 'Exact') append(byExactPath, path.value, match);
    else if (path?.type === 'RegularExpression') byRegex.push(match);
    else append(byPrefix, prefixKey(path), match);
    return match;
  });
  const prefixLengths = [...new Set([...byPrefix.keys()].map((prefix) => prefix.length))].sort((a, b) => b - a);
  return { byModel, byExactPath, byPrefix, prefixLengths, byRegex, ordered };
}

export function isModelHeader(name: string): boolean {
  return (modelHeaders as readonly string[]).includes(name);
}

function isExactModel(header: ValueMatch): boolean {
  return header.regex === undefined && isModelHeader(header.name);
}

function append(map: Map<string, RankedMatch[]>, key: string, match: RankedMatch): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [match]);
  else found.push(match);
}
