import type { GatewayState } from './gatewaystate.ts';
import { endpointSet, findingsOf, poolOf } from './backends.ts';
import type { CompileMemory } from './memory.ts';
import type { ListenerState } from './listeners.ts';
import { modelCatalog, modelsOf, modelsOfHTTPRoute, type ModelRoute } from './models.ts';
import { buildIndex, isModelHeader, type MatchEntry } from './precedence.ts';
import { onceEach, type Lookup } from './resources.ts';
import { hostsAt, type Routes } from './routes.ts';
import type { RouteOutcome } from './routestatus.ts';
import type { CompiledRule } from './rules.ts';
import type { BackendTarget, EndpointSet, GatewayTable, ListenerTable, Pool, RouteTable } from './table.ts';

/** The table of all Gateways. What did not change is the same object as in the table before, which was made for `known` routes. */
export function tableOf(
  lookup: Lookup,
  findings: CompileMemory,
  routes: Routes,
  generation: number,
  before: { readonly routes: Routes | undefined; readonly table: RouteTable | undefined },
): RouteTable {
  const { endpoints, pool } = targetsOf(routes);
  const changedOnly = before.routes === routes;
  const findSet = (key: string): EndpointSet | undefined => endpointSet(lookup, key);
  const findPool = (key: string): Pool | undefined => {
    const declared = lookup.poolByKey(key);
    return declared === undefined ? undefined : poolOf(lookup, declared);
  };
  const keysOf = (all: ReadonlySet<string>, beginning: string): Iterable<string> =>
    changedOnly ? findings.outdated(beginning).filter((key) => all.has(key)) : all;
  return {
    generation,
    gateways: gatewaysOf(routes),
    endpointSets: updated(before.table?.endpointSets, endpoints, keysOf(endpoints, findingsOf.endpoints), findSet),
    pools: updated(before.table?.pools, pool, keysOf(pool, findingsOf.pool), findPool),
  };
}

/** The values of all keys, of which those of `changed` are found anew; the map of before when that makes no difference. */
function updated<V>(
  before: ReadonlyMap<string, V> = new Map(),
  all: ReadonlySet<string>,
  changed: Iterable<string>,
  find: (key: string) => V | undefined,
): ReadonlyMap<string, V> {
  let made: Map<string, V> | undefined;
  for (const key of changed) {
    const value = find(key);
    if (value === before.get(key)) continue;
    made ??= new Map(before);
    if (value === undefined) made.delete(key);
    else made.set(key, value);
  }
  if (changed !== all || (made ?? before).size <= all.size) return made ?? before;
  return new Map([...(made ?? before)].filter(([key]) => all.has(key)));
}

/** The keys that the rules of all routes lead to; made once for each state of the routes. */
const targetsOf = onceEach(({ outcomes }: Routes) => {
  const keys = { endpoints: new Set<string>(), pool: new Set<string>() };
  for (const { rules } of outcomes) for (const { type, key } of targetsOfRules(rules)) keys[type].add(key);
  return keys;
});

type Target = Exclude<BackendTarget, { type: 'invalid' }>;

const targetsOfRules = onceEach((rules: readonly CompiledRule[]): readonly Target[] =>
  rules.flatMap(({ rule }) =>
    rule.tiers.flatMap(({ backends }) => backends.flatMap(({ target }) => (target.type === 'invalid' ? [] : [target]))),
  ),
);

/** Gateways and their listeners do not depend on endpoints: they are made once for each state of the routes. */
const tables = new WeakMap<object, ReadonlyMap<string, GatewayTable>>();

function gatewaysOf({ routing, gateways, outcomes }: Routes): ReadonlyMap<string, GatewayTable> {
  let found = tables.get(routing);
  if (found === undefined) {
    const served = [...gateways.values()].filter(({ refused }) => refused === undefined);
    found = new Map(served.map((state) => [state.key, gatewayTable(state, outcomes)]));
    tables.set(routing, found);
  }
  return found;
}

function gatewayTable(state: GatewayState, outcomes: readonly RouteOutcome[]): GatewayTable {
  return {
    key: state.key,
    bodyLimitBytes: state.policies.bodyLimitBytes,
    listeners: state.listeners
      .filter(({ refused }) => refused === undefined)
      .map((listener) => listenerTable(state, listener, outcomes)),
    models: modelCatalog(
      outcomes.flatMap((outcome): ModelRoute[] => {
        const attached = outcome.parents.some(({ gateway, accepted }) => gateway === state && accepted);
        if (!attached) return [];
        const models = outcome.ai === undefined ? modelsOfHTTPRoute(outcome.route) : modelsOf(outcome.ai);
        // A plain route that names no model says nothing of models, not even for its hosts.
        if (outcome.ai === undefined && models.length === 0) return [];
        return [{ hostnames: outcome.route.spec.hostnames ?? [], models, route: outcome.route }];
      }),
    ),
  };
}

function listenerTable(
  state: GatewayState,
  { listener }: ListenerState,
  outcomes: readonly RouteOutcome[],
): ListenerTable {
  const entries = outcomes.flatMap((outcome): MatchEntry[] => {
    const hosts = hostsAt(outcome, state, listener.name);
    return hosts === undefined
      ? []
      : outcome.rules.flatMap(({ matches }) => matches.map((match) => ({ ...match, hosts })));
  });
  return {
    name: listener.name,
    port: listener.port,
    protocol: 'HTTP',
    ...(listener.hostname === undefined ? {} : { hostname: listener.hostname.toLowerCase() }),
    readsModel: entries.some(({ rule, headers }) => rule.ai || headers.some(({ name }) => isModelHeader(name))),
    index: buildIndex(entries),
  };
}
