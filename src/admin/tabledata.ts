import type { HostIndex, ListenerTable, RankedMatch, RouteTable, ValueMatch } from '../routing/table.ts';

/** The route table as JSON: which request goes to which backends, in the order in which matches are tried. */
export interface TableData {
  /** Counts the tables that were served. */
  readonly generation: number;
  readonly gateways: readonly {
    /** `namespace/name` */
    readonly gateway: string;
    readonly listeners: readonly ListenerData[];
  }[];
}

export interface ListenerData {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname?: string;
  /** The model is read from the body before routes are matched. */
  readonly readsModel: boolean;
  readonly matches: readonly MatchData[];
}

export interface MatchData {
  /** The hostname of the route; `*` for any. */
  readonly host: string;
  readonly path?: { readonly type: string; readonly value: string };
  readonly method?: string;
  readonly headers: readonly ValueData[];
  readonly query: readonly ValueData[];
  /** RouteRule.id */
  readonly rule: string;
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  readonly filters: readonly string[];
  readonly backends: readonly { readonly id: string; readonly priority: number; readonly weight: number }[];
}

export interface ValueData {
  readonly name: string;
  readonly type: 'Exact' | 'RegularExpression';
  readonly value: string;
}

export function tableData({ generation, gateways }: RouteTable): TableData {
  return {
    generation,
    gateways: [...gateways.values()].map(({ key, listeners }) => ({
      gateway: key,
      listeners: listeners.map(listenerData),
    })),
  };
}

function listenerData({ name, port, protocol, hostname, readsModel, index }: ListenerTable): ListenerData {
  const hosts: [string, HostIndex][] = [
    ...index.exactHosts,
    ...index.wildcardHosts.map(({ suffix, index: below }): [string, HostIndex] => [`*${suffix}`, below]),
    ...(index.anyHost === undefined ? [] : [['*', index.anyHost] satisfies [string, HostIndex]]),
  ];
  const matches = hosts.flatMap(([host, { ordered }]) => ordered.map((match) => matchData(host, match)));
  return { name, port, protocol, ...(hostname === undefined ? {} : { hostname }), readsModel, matches };
}

function matchData(host: string, { path, method, headers, query, rule }: RankedMatch): MatchData {
  return {
    host,
    ...(path === undefined ? {} : { path: { type: path.type, value: path.value } }),
    ...(method === undefined ? {} : { method }),
    headers: headers.map(valueData),
    query: query.map(valueData),
    rule: rule.id,
    route: `${rule.route.namespace}/${rule.route.name}`,
    filters: rule.filters.map(({ type }) => type),
    backends: rule.tiers.flatMap(({ priority, backends }) =>
      backends.map(({ id, weight }) => ({ id, priority, weight })),
    ),
  };
}

function valueData({ name, value, regex }: ValueMatch): ValueData {
  return { name, type: regex === undefined ? 'Exact' : 'RegularExpression', value };
}
