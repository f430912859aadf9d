import { keyOf } from '../kinds/object.ts';
import { classStatus } from './gatewayclass.ts';
import { ourGateways, type GatewayState } from './gatewaystate.ts';
import { gatewayStatus, preferredAddress, unservedStatus, type ProgrammedGateway } from './gatewaystatus.ts';
import type { ListenerState } from './listeners.ts';
import { modelCatalog, modelsOf, modelsOfHTTPRoute, type ModelRoute } from './models.ts';
import { backendStatuses, policyStatuses } from './policystatus.ts';
import { poolParents, poolStatuses } from './poolstatus.ts';
import { buildIndex, isModelHeader, type MatchEntry } from './precedence.ts';
import { lookupOf, type PickerKnowledge, type RouteResources } from './resources.ts';
import { outcomesOf, routeStatus, type RouteOutcome } from './routestatus.ts';
import type { WantedStatus } from './statuses.ts';
import type { Endpoint, GatewayTable, ListenerTable, PoolPicker, RouteTable } from './table.ts';

/**
 * From all resources to the table that the data plane serves and the statuses that users read. Pure: it is the same function
 * for the controller, for `explain` and for tests. A resource that is wrong gets a condition that says so and changes
 * nothing for the others (design rule 2).
 */
export function compile(resources: RouteResources, options: CompileOptions): Compiled {
  const lookup = lookupOf(resources, options.pickers);
  const claimed = new Set(options.claimedControllers);
  const gateways = ourGateways(resources, claimed, options.programmed);
  const outcomes = resources.httpRoutes.map((route) => outcomesOf(lookup, gateways, route));
  const served = [...gateways.values()].filter(({ refused }) => refused === undefined);
  return {
    table: {
      generation: options.generation,
      gateways: new Map(served.map((state) => [state.key, gatewayTable(state, outcomes)])),
    },
    pools: lookup.poolEndpoints,
    pickers: lookup.poolPickers,
    configMaps: lookup.configMapsUsed,
    sockets: served.map(socketsOf),
    statuses: [
      ...resources.gatewayClasses
        .filter(({ spec }) => claimed.has(spec.controllerName))
        .map((object) => classStatus(object, options.now)),
      ...[...gateways.values()].map((state) =>
        gatewayStatus({ ...state, attachedRoutes: attachedCounts(state, outcomes) }, options.now),
      ),
      ...resources.gateways
        .filter(({ metadata }) => options.programmed.has(keyOf(metadata)) && !gateways.has(keyOf(metadata)))
        .map((gateway) => unservedStatus(gateway, options.now)),
      ...outcomes.flatMap((outcome) => routeStatus(outcome, claimed, options.now)),
      ...poolStatuses(lookup, poolParents(outcomes), { controllers: claimed, gateways }, options.now),
      ...backendStatuses(lookup, outcomes, options.now),
      ...policyStatuses(resources, [...gateways.values()], outcomes, claimed, options.now),
    ],
  };
}

export interface CompileOptions {
  /** GatewayClasses of these controllers are ours; statuses are signed with the name that the class carries. */
  readonly claimedControllers: readonly string[];
  /** What the data plane made of the Gateways, by `namespace/name`, also of those it has served and serves no more. */
  readonly programmed: ReadonlyMap<string, ProgrammedGateway>;
  readonly now: Date;
  /** Who runs endpoint pickers of ours; absent: nobody. */
  readonly pickers?: PickerKnowledge;
  /** Number of the table. */
  readonly generation: number;
}

export interface Compiled {
  readonly table: RouteTable;
  /** Endpoints of the InferencePools in use, by `poolKey`: what the picker watches. */
  readonly pools: ReadonlyMap<string, readonly Endpoint[]>;
  /** Who chooses among them; pools that name no picker may be absent. */
  readonly pickers: ReadonlyMap<string, PoolPicker>;
  /** `namespace/name` of the ConfigMaps that a change of which changes the table. */
  readonly configMaps: ReadonlySet<string>;
  readonly statuses: readonly WantedStatus[];
  /** The sockets that the Gateways need. */
  readonly sockets: readonly GatewaySockets[];
}

export interface GatewaySockets {
  /** `namespace/name` */
  readonly key: string;
  readonly listeners: readonly { readonly name: string; readonly port: number }[];
  /** The address the Gateway asks for, or had before. */
  readonly preferredAddress?: string;
}

function socketsOf({ key, gateway, listeners }: GatewayState): GatewaySockets {
  const preferred = preferredAddress(gateway);
  return {
    key,
    listeners: listeners
      .filter(({ refused }) => refused === undefined)
      .map(({ listener: { name, port } }) => ({ name, port })),
    ...(preferred === undefined ? {} : { preferredAddress: preferred }),
  };
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

/** The hosts under which an accepted route is reached through a listener, by whichever parentRef; undefined: none. */
function hostsAt({ parents }: RouteOutcome, state: GatewayState, listener: string): readonly string[] | undefined {
  for (const { gateway, accepted, listeners } of parents) {
    const attached = accepted && gateway === state && listeners.find((at) => at.state.listener.name === listener);
    if (attached) return attached.hosts;
  }
  return undefined;
}

function attachedCounts(state: GatewayState, outcomes: readonly RouteOutcome[]): Map<string, number> {
  return new Map(
    state.listeners.map(({ listener: { name } }) => [
      name,
      outcomes.filter((outcome) => hostsAt(outcome, state, name) !== undefined).length,
    ]),
  );
}
