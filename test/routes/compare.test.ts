import { expect, it } from 'vitest';
import { compareTables } from '../../src/routes/compare.ts';
import { identified } from '../../src/routes/identity.ts';
import type { EndpointSet, Route, RouteRule, RouteTable } from '../../src/routes/table.ts';

const rule = (id: string, to: string, more: Partial<RouteRule> = {}): RouteRule => ({
  id,
  route: { namespace: 'default', name: 'r' },
  ruleIndex: 0,
  kind: 'http',
  matches: [],
  filters: [],
  tiers: [
    {
      priority: 0,
      totalWeight: 1,
      backends: [{ id: `${id}/ref/0`, weight: 1, filters: [], target: { type: 'endpoints', key: to } }],
    },
  ],
  ...more,
});

function table(rules: readonly RouteRule[], address = '10.0.0.1', hosts: readonly string[] = []): RouteTable {
  const route = identified<Route>({
    key: 'default/r',
    created: '',
    attachments: [{ gateway: 'default/gw', listener: 'http', hosts }],
    rules,
    hostnames: [],
    models: [],
  });
  const sets = ['a', 'b'].map((key) =>
    identified<EndpointSet>({
      key,
      type: 'endpoints',
      protocol: 'http',
      endpoints: key === 'a' ? [{ key: `${address}:80`, address, port: 80 }] : [],
    }),
  );
  return { generation: 1, gateways: [], routes: [route], endpointSets: sets, pools: [] };
}

const summary = (before: RouteTable, after: RouteTable) => {
  const { added, removed, changed } = compareTables(before, after);
  const ids = (rules: readonly RouteRule[]): string[] => rules.map(({ id }) => id);
  return {
    added: ids(added),
    removed: ids(removed),
    changed: changed.map(({ after: { id }, aspects }) => `${id}: ${aspects.join(', ')}`),
  };
};
const nothing = { added: [], removed: [], changed: [] };
const two = [rule('one', 'a'), rule('two', 'b')];

it('finds nothing between tables that say the same, whatever objects they are made of', () => {
  expect(summary(table(two), table(structuredClone(two)))).toEqual(nothing);
});

it('tells the rules that came and went', () => {
  expect(summary(table([rule('one', 'a')]), table([rule('two', 'a')]))).toEqual({
    ...nothing,
    added: ['two'],
    removed: ['one'],
  });
});

it.each<[string, RouteTable]>([
  ['two: backends', table([rule('one', 'a'), rule('two', 'a')])],
  [
    'two: filters, backends',
    table([rule('one', 'a'), rule('two', 'a', { filters: [{ type: 'BackendHostRewrite' }] })]),
  ],
  ['two: timeouts', table([rule('one', 'a'), rule('two', 'b', { requestTimeoutMs: 5 })])],
  ['two: matches', table([rule('one', 'a'), rule('two', 'b', { matches: [{ headers: [], query: [] }] })])],
  ['two: kind', table([rule('one', 'a'), rule('two', 'b', { kind: 'llm' })])],
  ['one: endpoints', table(two, '10.0.0.2')],
])('says what of a rule changed: %s', (expected, after) => {
  expect(summary(table(two), after)).toEqual({ ...nothing, changed: [expected] });
});

it('says of all rules of a route that they are reached elsewhere', () => {
  const changed = ['one: attachments', 'two: attachments'];
  expect(summary(table(two), table(two, '10.0.0.1', ['a.example']))).toEqual({ ...nothing, changed });
});
