import type { LinkedListener } from './index.ts';
import { isModelHeader, type LinkedMatch, type LinkedPath, type LinkedValue } from './linkedmatch.ts';
import { hostsOf, orderedMatches, type HostIndex } from './listenerindex.ts';
import { modelHeaders } from './table.ts';

/**
 * Finds the rule for one request: the listener by host, then the best match among its routes (gatewayapi.md 3.3 and 7).
 * The work does not grow with the number of routes: hosts, exact models, exact paths and prefixes are looked up; only
 * regular expression paths, and matches that differ in nothing but headers, query or method, are tried one by one.
 */

export interface RouteRequest {
  /** Host header as sent; case and port do not matter. */
  readonly host: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  /** What follows the `?`; '' without one. */
  readonly query: string;
  readonly method: string;
  /**
   * The model in the body of an LLM request ('' when it names none): it stands for the model headers, whatever the client
   * sent in them. Undefined for all other requests, whose headers count as sent.
   */
  readonly model: string | undefined;
  /** A header's value by lower-case name, repeated headers joined with `,`. */
  header(name: string): string | undefined;
}

/** The listener that takes a request, and what of its routes fits it. */
export type Matched =
  | { readonly listener: LinkedListener; readonly match: LinkedMatch }
  | { readonly listener: LinkedListener; readonly match: undefined };

/**
 * `listeners` are those of one socket. Undefined: no listener takes this host; `match` undefined: the listener has no rule
 * for the request. Both are answered 404.
 */
export function matchRoute(listeners: readonly LinkedListener[], request: RouteRequest): Matched | undefined {
  const host = hostOf(request.host);
  const listener = selectListener(listeners, host);
  if (listener === undefined) return undefined;
  return { listener, match: matchListener(listener, host, request) };
}

/** Host header without port, lower-case. */
export function hostOf(header: string): string {
  const colon = header.startsWith('[') ? header.indexOf(':', header.indexOf(']')) : header.indexOf(':');
  return (colon < 0 ? header : header.slice(0, colon)).toLowerCase();
}

/** Exact hostname before the longest wildcard before no hostname; `host` as `hostOf` returns it. */
export function selectListener(listeners: readonly LinkedListener[], host: string): LinkedListener | undefined {
  let best: LinkedListener | undefined;
  let bestLength = -1;
  for (const listener of listeners) {
    const name = listener.hostname;
    if (name === undefined) {
      if (bestLength < 0) [best, bestLength] = [listener, 0];
    } else if (name.startsWith('*')) {
      if (name.length > bestLength && coversHost(name, host)) [best, bestLength] = [listener, name.length];
    } else if (name === host) return listener;
  }
  return best;
}

/** True when the wildcard `*.example.com` covers the host: any depth below, not example.com itself. */
function coversHost(wildcard: string, host: string): boolean {
  return host.length >= wildcard.length && host.endsWith(wildcard.slice(1));
}

/** Hosts from the most specific on; a host whose rules do not match gives way to the wider ones. */
function matchListener(listener: LinkedListener, host: string, request: RouteRequest): LinkedMatch | undefined {
  const { exactHosts, wildcardHosts, anyHost } = listener.index;
  const exact = exactHosts.get(host);
  const match = exact === undefined ? undefined : matchHost(exact, request);
  if (match !== undefined) return match;
  for (const { suffix, index } of wildcardHosts) {
    if (host.length <= suffix.length || !host.endsWith(suffix)) continue;
    const found = matchHost(index, request);
    if (found !== undefined) return found;
  }
  return anyHost === undefined ? undefined : matchHost(anyHost, request);
}

function matchHost(index: HostIndex, request: RouteRequest): LinkedMatch | undefined {
  const { path } = request;
  let best: LinkedMatch | undefined;
  if (request.model !== undefined) {
    best = better(best, index.byModel.get(request.model), request);
  } else if (index.byModel.size > 0) {
    for (const name of modelHeaders) {
      const model = request.header(name);
      if (model !== undefined) best = better(best, index.byModel.get(model), request);
    }
  }
  best = better(best, index.byExactPath.get(path), request);
  best = better(best, index.byRegex, request);
  for (const length of index.prefixLengths) {
    if (length > path.length || (length < path.length && path[length] !== '/')) continue;
    best = better(best, index.byPrefix.get(path.slice(0, length)), request);
  }
  return best;
}

/** The first of `matches` that fits, when it comes before `best`. */
function better(
  best: LinkedMatch | undefined,
  matches: readonly LinkedMatch[] | undefined,
  request: RouteRequest,
): LinkedMatch | undefined {
  if (matches === undefined) return best;
  for (const match of matches) {
    if (best !== undefined && match.order > best.order) return best;
    if (mismatch(match, request) === undefined) return match;
  }
  return best;
}

type Condition = 'path' | 'method' | 'header' | 'query';

/** The first condition of the match that the request does not meet. */
function mismatch(match: LinkedMatch, request: RouteRequest): Condition | undefined {
  if (match.path !== undefined && !matchesPath(match.path, request.path)) return 'path';
  if (match.method !== undefined && match.method !== request.method) return 'method';
  for (const header of match.headers) if (!matchesHeader(header, request)) return 'header';
  for (const parameter of match.query)
    if (!matchesValue(parameter, queryValue(request.query, parameter.name))) return 'query';
  return undefined;
}

function matchesPath(match: LinkedPath, path: string): boolean {
  const { type, value, pattern } = match;
  switch (type) {
    case 'Exact':
      return path === value;
    case 'PathPrefix': {
      const length = value.endsWith('/') ? value.length - 1 : value.length;
      return (path.length === length || path[length] === '/') && path.startsWith(value.slice(0, length));
    }
    case 'RegularExpression':
      return pattern?.test(path) === true;
  }
}

function matchesHeader(match: LinkedValue, request: RouteRequest): boolean {
  const fromBody = request.model !== undefined && isModelHeader(match.name);
  return matchesValue(match, fromBody ? request.model : request.header(match.name));
}

function matchesValue(match: LinkedValue, value: string | undefined): boolean {
  if (value === undefined) return false;
  return match.pattern === undefined ? value === match.value : match.pattern.test(value);
}

/** The first value of a query parameter, decoded. */
function queryValue(query: string, name: string): string | undefined {
  for (let start = 0; start < query.length;) {
    let end = query.indexOf('&', start);
    if (end < 0) end = query.length;
    const equals = query.indexOf('=', start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (decodeQuery(query.slice(start, nameEnd)) === name)
      return decodeQuery(query.slice(Math.min(nameEnd + 1, end), end));
    start = end + 1;
  }
  return undefined;
}

function decodeQuery(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** Why a request goes where it goes. */
export interface Explanation {
  readonly listener: string | undefined;
  /** In order of precedence, up to and including the one that matched. */
  readonly candidates: readonly ExplainedMatch[];
  readonly matched: LinkedMatch | undefined;
}

export interface ExplainedMatch {
  /** The route hostname under which the match is filed; `*` for routes without one. */
  readonly host: string;
  /** RouteRule.id */
  readonly rule: string;
  readonly conditions: string;
  /** `matched`, or the condition that failed. */
  readonly outcome: 'matched' | `${Condition} does not match`;
}

/** The same decision as matchRoute, slowly and with its reasons (design rule 9). */
export function explainRoute(listeners: readonly LinkedListener[], request: RouteRequest): Explanation {
  const host = hostOf(request.host);
  const listener = selectListener(listeners, host);
  const candidates: ExplainedMatch[] = [];
  if (listener === undefined) return { listener: undefined, candidates, matched: undefined };
  const hosts = hostsOf(listener.index).filter(
    ([name]) => name === '*' || name === host || (name.startsWith('*') && coversHost(name, host)),
  );
  for (const [name, index] of hosts) {
    for (const match of orderedMatches(index)) {
      const failed = mismatch(match, request);
      const outcome = failed === undefined ? 'matched' : (`${failed} does not match` as const);
      candidates.push({ host: name, rule: match.rule.id, conditions: describe(match), outcome });
      if (failed === undefined) return { listener: listener.name, candidates, matched: match };
    }
  }
  return { listener: listener.name, candidates, matched: undefined };
}

function describe(match: LinkedMatch): string {
  const compare = ({ name, value, type }: LinkedValue): string => `${name}${type === undefined ? '=' : '~'}${value}`;
  const parts = [
    ...(match.path === undefined ? [] : [`path ${match.path.type} ${match.path.value}`]),
    ...(match.method === undefined ? [] : [`method ${match.method}`]),
    ...match.headers.map((header) => `header ${compare(header)}`),
    ...match.query.map((parameter) => `query ${compare(parameter)}`),
  ];
  return parts.length === 0 ? 'every request' : parts.join(', ');
}
