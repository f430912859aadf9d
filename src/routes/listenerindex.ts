import { exactModelOf, prefixOf, readsModel, type LinkedMatch } from './linkedmatch.ts';

/**
 * The matches of all routes of a listener, filed so that a request looks only at those that can be its own: it costs the same for ten
 * routes and for ten thousand. Read by `match.ts`.
 */
export interface ListenerIndex {
  readonly exactHosts: ReadonlyMap<string, HostIndex>;
  /** Longest suffix first: `.example.com`. */
  readonly wildcardHosts: readonly { readonly suffix: string; readonly index: HostIndex }[];
  readonly anyHost?: HostIndex;
  /** How many of the matches look at the model. */
  readonly modelMatches: number;
}

/** Every match is in exactly one of the four: the first that fits. Each list is in order of precedence. */
export interface HostIndex {
  /** Matches that name one exact model, by that model. */
  readonly byModel: Buckets;
  readonly byExactPath: Buckets;
  /** By prefix without its trailing slash; '' for `/` and for matches that say nothing about the path. */
  readonly byPrefix: Buckets;
  /** The lengths of the prefixes of `byPrefix`, longest first. */
  readonly prefixLengths: readonly number[];
  /** Regular expression paths. */
  readonly byRegex: readonly LinkedMatch[];
}

type Buckets = ReadonlyMap<string, readonly LinkedMatch[]>;

/** A match under one of its hosts; `everyHost` for those of routes without any. */
export interface Filed {
  readonly host: string;
  readonly match: LinkedMatch;
}

export const everyHost = '';
const none: Buckets = new Map();
const emptyHost: HostIndex = { byModel: none, byExactPath: none, byPrefix: none, prefixLengths: [], byRegex: [] };
export const emptyListener: ListenerIndex = { exactHosts: new Map(), wildcardHosts: [], modelMatches: 0 };

interface Change<T> {
  readonly gone: readonly T[];
  readonly come: readonly T[];
}

/** The index without what is gone and with what has come; hosts, models and paths that have no part in it stay as they are. */
export function patchListener(before: ListenerIndex, { gone, come }: Change<Filed>): ListenerIndex {
  const hosts = new Map<string, { gone: LinkedMatch[]; come: LinkedMatch[] }>();
  const at = (host: string) => {
    let change = hosts.get(host);
    if (change === undefined) hosts.set(host, (change = { gone: [], come: [] }));
    return change;
  };
  for (const { host, match } of gone) at(host).gone.push(match);
  for (const { host, match } of come) at(host).come.push(match);

  const exactHosts = new Map(before.exactHosts);
  const wildcards = new Map(before.wildcardHosts.map(({ suffix, index }) => [suffix, index]));
  let { anyHost } = before;
  for (const [host, change] of hosts) {
    if (host === everyHost) anyHost = patchHost(anyHost, change);
    else if (host.startsWith('*')) replace(wildcards, host.slice(1), patchHost(wildcards.get(host.slice(1)), change));
    else replace(exactHosts, host, patchHost(exactHosts.get(host), change));
  }
  if (exactHosts.size === 0 && wildcards.size === 0 && anyHost === undefined) return emptyListener;
  return {
    exactHosts,
    wildcardHosts: [...wildcards]
      .map(([suffix, index]) => ({ suffix, index }))
      .sort((a, b) => b.suffix.length - a.suffix.length),
    ...(anyHost === undefined ? {} : { anyHost }),
    modelMatches: before.modelMatches + modelMatchesOf(come) - modelMatchesOf(gone),
  };
}

const modelMatchesOf = (filed: readonly Filed[]): number => filed.filter(({ match }) => readsModel(match)).length;

function replace<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** undefined: nothing is left under this host. */
function patchHost(before: HostIndex = emptyHost, change: Change<LinkedMatch>): HostIndex | undefined {
  const byModel = patchBuckets(before.byModel, part(change, 'model'), (match) => exactModelOf(match) ?? '');
  const byExactPath = patchBuckets(before.byExactPath, part(change, 'exact'), ({ path }) => path?.value ?? '');
  const byPrefix = patchBuckets(before.byPrefix, part(change, 'prefix'), ({ path }) => prefixOf(path));
  const byRegex = patchList(before.byRegex, part(change, 'regex'));
  if (byModel.size + byExactPath.size + byPrefix.size + byRegex.length === 0) return undefined;
  return {
    byModel,
    byExactPath,
    byPrefix,
    prefixLengths: byPrefix === before.byPrefix ? before.prefixLengths : lengthsOf(byPrefix),
    byRegex,
  };
}

type Place = 'model' | 'exact' | 'prefix' | 'regex';

function placeOf(match: LinkedMatch): Place {
  if (exactModelOf(match) !== undefined) return 'model';
  if (match.path?.type === 'Exact') return 'exact';
  return match.path?.type === 'RegularExpression' ? 'regex' : 'prefix';
}

function part({ gone, come }: Change<LinkedMatch>, place: Place): Change<LinkedMatch> {
  const here = (match: LinkedMatch): boolean => placeOf(match) === place;
  return { gone: gone.filter(here), come: come.filter(here) };
}

function patchBuckets(before: Buckets, change: Change<LinkedMatch>, keyOf: (match: LinkedMatch) => string): Buckets {
  if (change.gone.length === 0 && change.come.length === 0) return before;
  const gone = Map.groupBy(change.gone, keyOf);
  const come = Map.groupBy(change.come, keyOf);
  const buckets = new Map(before);
  for (const key of new Set([...gone.keys(), ...come.keys()])) {
    const list = patchList(before.get(key) ?? [], { gone: gone.get(key) ?? [], come: come.get(key) ?? [] });
    if (list.length === 0) buckets.delete(key);
    else buckets.set(key, list);
  }
  return buckets;
}

function patchList(before: readonly LinkedMatch[], { gone, come }: Change<LinkedMatch>): readonly LinkedMatch[] {
  if (gone.length === 0 && come.length === 0) return before;
  const leaves = new Set(gone);
  const list = leaves.size === 0 ? [...before] : before.filter((match) => !leaves.has(match));
  if (come.length > fewInserted) return inOrder([...list, ...come]);
  // Thousands of routes have a match in the list of those that fit everything.
  for (const match of come) list.splice(placeFor(match, list), 0, match);
  return list;
}

/** So many are put each into its place; of more the whole list is sorted. */
const fewInserted = 8;

/** How many of a list in order come before a match. */
function placeFor({ order }: LinkedMatch, list: readonly LinkedMatch[]): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.order ?? '') < order) low = middle + 1;
    else high = middle;
  }
  return low;
}

function inOrder(matches: LinkedMatch[]): LinkedMatch[] {
  return matches.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
}

function lengthsOf(buckets: Buckets): number[] {
  return [...new Set([...buckets.keys()].map((prefix) => prefix.length))].sort((a, b) => b - a);
}

/** All matches of a host in the order in which they are tried, for explanations. */
export function orderedMatches({ byModel, byExactPath, byPrefix, byRegex }: HostIndex): LinkedMatch[] {
  return inOrder([...[byModel, byExactPath, byPrefix].flatMap((buckets) => [...buckets.values()].flat()), ...byRegex]);
}

/** Every host of a listener with its matches, exact names first; `*` stands for any. */
export function hostsOf({ exactHosts, wildcardHosts, anyHost }: ListenerIndex): [host: string, index: HostIndex][] {
  return [
    ...exactHosts,
    ...wildcardHosts.map(({ suffix, index }): [string, HostIndex] => [`*${suffix}`, index]),
    ...(anyHost === undefined ? [] : [['*', anyHost] satisfies [string, HostIndex]]),
  ];
}
