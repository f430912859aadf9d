import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../kinds/object.ts';
import type { GatewayState } from './gatewaystate.ts';
import type { CompileMemory } from './memory.ts';
import type { Family } from './resources.ts';
import { poolParents, type PoolParent } from './poolstatus.ts';
import type { Lookup } from './resources.ts';
import { outcomeOf, rememberedOutcome, type RouteOutcome } from './routestatus.ts';

/** What all HTTPRoutes come to at our Gateways. */
export interface Routes {
  readonly outcomes: readonly RouteOutcome[];
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly poolParents: ReadonlyMap<string, readonly PoolParent[]>;
  /** Accepted routes of a Gateway by listener name. */
  attached(gateway: string): ReadonlyMap<string, number>;
}

/** The kinds that the rules and the attachment of a route depend on; what endpoints there are is asked for apart. */
const families: readonly Family[] = [
  'httpRoutes',
  'referenceGrants',
  'namespaces',
  'services',
  'inferencePools',
  'xInferencePools',
  'backends',
  'httpRouteFilters',
  'aiGatewayRoutes',
  'aiServiceBackends',
  'backendSecurityPolicies',
  'backendTLSPolicies',
];

interface Before {
  readonly findings: CompileMemory;
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly routes: Routes | undefined;
}

export function routesOf(lookup: Lookup, gateways: ReadonlyMap<string, GatewayState>, before: Before): Routes {
  const { findings, routes: previous } = before;
  const sameGateways = haveSameValues(gateways, before.gateways);
  if (previous !== undefined && sameGateways && !findings.thorough && !findings.changed(families)) return previous;
  if (!sameGateways) findings.forgetAll(outcomeOf);
  const outdated = new Set(findings.outdated(outcomeOf));
  const outcomes = lookup.resources.httpRoutes.map((route, at) => {
    const was = previous?.outcomes[at];
    const holds = sameGateways && was?.route === route && !findings.thorough && !outdated.has(keyOf(route.metadata));
    return holds ? was : rememberedOutcome(lookup, gateways, route);
  });
  const counts = new Map<string, ReadonlyMap<string, number>>();
  return {
    outcomes,
    gateways,
    poolParents:
      previous !== undefined && sameGateways && leadAlike(previous.outcomes, outcomes)
        ? previous.poolParents
        : poolParents(outcomes),
    attached: (key) => {
      let found = counts.get(key);
      if (found === undefined) counts.set(key, (found = countAttached(gateways.get(key), outcomes)));
      return found;
    },
  };
}

function haveSameValues<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

/** Routes that lead to the same pools, from Gateways that accept the same of them. */
function leadAlike(before: readonly RouteOutcome[], now: readonly RouteOutcome[]): boolean {
  const leads = ({ pools, parents }: RouteOutcome) =>
    pools.size === 0 ? undefined : [pools, parents.map(({ gateway, accepted }) => [gateway.key, accepted])];
  return (
    before.length === now.length &&
    now.every((outcome, at) => {
      const was = before[at];
      return was === outcome || (was !== undefined && isDeepStrictEqual(leads(was), leads(outcome)));
    })
  );
}

/** The hosts under which an accepted route is reached through a listener, by whichever parentRef; undefined: none. */
export function hostsAt(
  { parents }: RouteOutcome,
  state: GatewayState,
  listener: string,
): readonly string[] | undefined {
  for (const { gateway, accepted, listeners } of parents) {
    const attached = accepted && gateway === state && listeners.find((at) => at.state.listener.name === listener);
    if (attached) return attached.hosts;
  }
  return undefined;
}

function countAttached(state: GatewayState | undefined, outcomes: readonly RouteOutcome[]): Map<string, number> {
  if (state === undefined) return new Map();
  return new Map(
    state.listeners.map(({ listener: { name } }) => [
      name,
      outcomes.filter((outcome) => hostsAt(outcome, state, name) !== undefined).length,
    ]),
  );
}
