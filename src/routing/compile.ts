import { keyOf } from '../kinds/object.ts';
import { classStatus } from './gatewayclass.ts';
import { ourGateways, type GatewayState } from './gatewaystate.ts';
import { gatewayStatus, preferredAddress, unservedStatus, type ProgrammedGateway } from './gatewaystatus.ts';
import { CompileMemory } from './memory.ts';
import { backendStatuses, policyStatuses } from './policystatus.ts';
import { envoyProxyStatuses } from './envoyproxystatus.ts';
import { pickerFindingsOf, poolStatuses } from './poolstatus.ts';
import type { Lookup, PickerKnowledge, RouteResources } from './resources.ts';
import { lookupOf } from './lookup.ts';
import { routesOf, type Routes } from './routes.ts';
import { routeStatus, type RouteOutcome } from './routestatus.ts';
import type { WantedStatus } from './statuses.ts';
import { tableOf } from './tables.ts';
import { tlsPolicyStatuses } from './tlsstatus.ts';
import { noRoutes, type RouteTable } from '../routes/table.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';

/**
 * From all resources to the table that the data plane serves and the statuses that users read. Pure: it is the same function
 * for the controller, for `explain` and for tests; a memory of earlier compiles changes what it costs and which objects are the
 * same ones as before, nothing else. A resource that is wrong gets a condition that says so and changes nothing for the others
 * (design rule 2).
 */
export function compile(
  resources: RouteResources,
  options: CompileOptions,
  memory: RoutingMemory = newRoutingMemory(),
): Compiled {
  const { now, programmed } = options;
  const lookup = lookupOf(resources, options.pickers, memory.findings);
  const claimed = new Set(options.claimedControllers);
  const gateways = ourGateways(lookup, claimed, memory.gateways);
  const routes = routesOf(lookup, gateways, memory);
  const table = tableOf(lookup, memory.findings, routes, options.generation, memory);
  const served = servedGateways(resources.gateways, gateways, programmed);
  const statuses = [
    ...resources.gatewayClasses
      .filter(({ spec }) => claimed.has(spec.controllerName))
      .map((object) => classStatus(lookup, object, now)),
    ...served.map((facts) => gatewayStatus({ ...facts, attachedRoutes: routes.attached(facts.key) }, now)),
    ...resources.gateways
      .filter(({ metadata }) => programmed.has(keyOf(metadata)) && !gateways.has(keyOf(metadata)))
      .map((gateway) => unservedStatus(gateway, now)),
    ...objectStatuses(lookup, routes, gateways, claimed, memory, now),
  ];
  memory.findings.sweep();
  Object.assign(memory, { gateways, routes, table });
  return {
    table,
    asked: { configMaps: memory.findings.asked('configMaps'), secrets: memory.findings.asked('secrets') },
    sockets: served.filter(({ refused }) => refused === undefined).map(socketsOf),
    statuses,
  };
}

/** Statuses of what there may be thousands of: made again only when something has changed that they tell of. */
function objectStatuses(
  lookup: Lookup,
  routes: Routes,
  gateways: ReadonlyMap<string, GatewayState>,
  claimed: ReadonlySet<string>,
  memory: RoutingMemory,
  now: Date,
): readonly WantedStatus[] {
  const { resources } = lookup;
  const { outcomes } = routes;
  const { made } = memory;
  const { findings } = memory;
  const sameGateways = memory.gateways.size === gateways.size && !findings.thorough;
  const sameRoutes = memory.routes === routes && sameGateways;
  if (!sameRoutes) {
    made.routes = outcomes.flatMap((outcome) => remembered(memory, outcome, () => routeStatus(outcome, claimed, now)));
  }
  if (!sameRoutes || findings.changed(policyKinds)) {
    made.policies = [
      ...backendStatuses(lookup, outcomes, now),
      ...policyStatuses(resources, [...gateways.values()], outcomes, claimed, now),
      ...tlsPolicyStatuses(lookup, [...gateways.values()], outcomes, claimed, now),
      ...envoyProxyStatuses(lookup, gateways.values(), claimed, now),
    ];
  }
  const samePools = memory.routes?.poolParents === routes.poolParents && sameGateways;
  if (!samePools || findings.changed(poolKinds) || findings.outdated(pickerFindingsOf).length > 0) {
    made.pools = poolStatuses(lookup, routes.poolParents, { controllers: claimed, gateways }, now);
  }
  return [...made.routes, ...made.pools, ...made.policies];
}

const policyKinds = [
  'backends',
  'clientTrafficPolicies',
  'backendTrafficPolicies',
  'backendTLSPolicies',
  'envoyProxies',
  'gateways',
  'gatewayClasses',
  'services',
  'configMaps',
  'secrets',
] as const;
const poolKinds = ['inferencePools', 'xInferencePools', 'gateways'] as const;

/** What a compile leaves for the next one. */
export interface RoutingMemory {
  readonly findings: CompileMemory;
  gateways: ReadonlyMap<string, GatewayState>;
  routes: Routes | undefined;
  table: RouteTable;
  readonly routeStatuses: WeakMap<RouteOutcome, WantedStatus[]>;
  readonly made: { routes: WantedStatus[]; pools: WantedStatus[]; policies: WantedStatus[] };
}

export function newRoutingMemory(): RoutingMemory {
  return {
    findings: new CompileMemory(),
    gateways: new Map(),
    routes: undefined,
    table: noRoutes,
    routeStatuses: new WeakMap(),
    made: { routes: [], pools: [], policies: [] },
  };
}

/** An outcome that is the same object has the same status. */
function remembered(memory: RoutingMemory, outcome: RouteOutcome, make: () => WantedStatus[]): WantedStatus[] {
  let found = memory.routeStatuses.get(outcome);
  if (found === undefined) memory.routeStatuses.set(outcome, (found = make()));
  return found;
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
  /** `namespace/name` of the ConfigMaps and Secrets that a change of which changes the table or a status; maybe of some more. */
  readonly asked: Readonly<Record<'configMaps' | 'secrets', ReadonlySet<string>>>;
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

/** A Gateway of ours as it is now, status included. */
type ServedGateway = GatewayState & { readonly current: Gateway; readonly programmed: ProgrammedGateway | undefined };

function servedGateways(
  current: readonly Gateway[],
  states: ReadonlyMap<string, GatewayState>,
  programmed: ReadonlyMap<string, ProgrammedGateway>,
): ServedGateway[] {
  return current.flatMap((gateway) => {
    const key = keyOf(gateway.metadata);
    const state = states.get(key);
    return state === undefined ? [] : [{ ...state, current: gateway, programmed: programmed.get(key) }];
  });
}

function socketsOf({ key, current, listeners }: ServedGateway): GatewaySockets {
  const preferred = preferredAddress(current);
  return {
    key,
    listeners: listeners
      .filter(({ refused }) => refused === undefined)
      .map(({ listener: { name, port } }) => ({ name, port })),
    ...(preferred === undefined ? {} : { preferredAddress: preferred }),
  };
}
