/** Tables from a few words per rule, for tests of matching. */
import { identified } from '../../src/routes/identity.ts';
import { linkTable, type LinkedListener } from '../../src/routes/index.ts';
import type { GatewayTable, Route, RouteMatch, RouteRule, RouteTable } from '../../src/routes/table.ts';

/** One rule with one match; rules of one `route` share it, with its hosts and its age. */
export type Sketch = Partial<RouteMatch> & {
  readonly id: string;
  readonly ruleIndex?: number;
  readonly hosts?: readonly string[];
  readonly created?: string;
  /** `namespace/name`; by default the rule has a route of its own. */
  readonly route?: string;
};

export function routesOf(sketches: readonly Sketch[], listener = 'http'): Route[] {
  const byRoute = Map.groupBy(sketches, ({ id, route = `default/${id}` }) => route);
  return [...byRoute].map(([key, rules]) =>
    identified<Route>({
      key,
      created: rules[0]?.created ?? '2026-01-01T00:00:00Z',
      attachments: [{ gateway: 'default/gw', listener, hosts: rules[0]?.hosts ?? [] }],
      rules: rules.map(ruleOf),
      hostnames: [],
      models: [],
    }),
  );
}

function ruleOf({ id, ruleIndex = 0, path, method, headers = [], query = [] }: Sketch): RouteRule {
  const match = { ...(path && { path }), ...(method && { method }), headers, query };
  const route = { namespace: 'default', name: id };
  return { id, route, ruleIndex, kind: 'http', matches: [match], filters: [], tiers: [] };
}

/** A table of one Gateway with one listener. */
export function sketchTable(sketches: readonly Sketch[], hostname?: string, name = hostname ?? 'http'): RouteTable {
  const listener = { name, port: 80, protocol: 'HTTP' as const, ...(hostname === undefined ? {} : { hostname }) };
  const gateway = identified<GatewayTable>({ key: 'default/gw', bodyLimitBytes: 1024, listeners: [listener] });
  return { generation: 1, gateways: [gateway], routes: routesOf(sketches, name), endpointSets: [], pools: [] };
}

export function linkedListener(table: RouteTable): LinkedListener {
  const [listener] = linkTable(table).gateways.get('default/gw')?.listeners ?? [];
  if (listener === undefined) throw new Error('the table has no listener');
  return listener;
}
