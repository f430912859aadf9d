import type { GatewayState } from './gatewaystate.ts';
import { endpointSet, poolOf } from './backends.ts';
import type { ListenerState } from './listeners.ts';
import { modelCatalog, modelsOf, modelsOfHTTPRoute, type ModelRoute } from './models.ts';
import { buildIndex, isModelHeader, type MatchEntry } from './precedence.ts';
import { onceEach, type Lookup } from './resources.ts';
import { hostsAt, type Routes } from './routes.ts';
import type { RouteOutcome } from './routestatus.ts';
import type { CompiledRule } from './rules.ts';
import type { BackendTarget, EndpointSet, GatewayTable, ListenerTable, Pool, RouteTable } from './table.ts';

/** The table of all Gateways. What did not change is the same object as in the table before. */
export function tableOf(
  lookup: Lookup,
  routes: Routes,
  generation: number,
  before: RouteTable | undefined,
): RouteTable {
  const gateways = gatewaysOf(routes);
  const endpointSets = new Map<string, EndpointSet>();
  const pools = new Map<string, Pool>();
  for (const { rules } of routes.outcomes) {
    for (const { type, key } of targetsOf(rules)) {
      if (type === 'pool') {
        const declared = pools.has(key) ? undefined : lookup.poolByKey(key);
        if (declared !== undefined) pools.set(key, poolOf(lookup, declared));
      } else if (!endpointSets.has(key)) {
        const found = endpointSet(lookup, key);
        if (found !== undefined) endpointSets.set(key, found);
      }
    }
  }
  return {
    generation,
    gateways,
    endpointSets: sameMap(endpointSets, before?.endpointSets),
    pools: sameMap(pools, before?.pools),
  };
}

function sameMap<V>(made: ReadonlyMap<string, V>, before: ReadonlyMap<string, V> | undefined): ReadonlyMap<string, V> {
  if (before?.size !== made.size) return made;
  for (const [key, value] of made) if (before.get(key) !== value) return made;
  return before;
}

type Target = Exclude<BackendTarget, { type: 'invalid' }>;

const targetsOf = onceEach((rules: readonly CompiledRule[]): readonly Target[] =>
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
