import { identified, unchangedOr } from '../routes/identity.ts';
import type { Attachment, GatewayTable, ModelEntry, Part, Pool, Route, RouteTable } from '../routes/table.ts';
import { targetsOf } from '../routes/visit.ts';
import { keyOf } from '../kinds/object.ts';
import type { GatewayState } from './gatewaystate.ts';
import { endpointSet, findingsOf, poolOf } from './backends.ts';
import type { CompileMemory } from './memory.ts';
import { modelsOf, modelsOfHTTPRoute } from './models.ts';
import type { Lookup } from './resources.ts';
import { onceEach } from './onceeach.ts';
import type { Routes } from './routes.ts';
import type { RouteOutcome } from './routestatus.ts';

/**
 * The table of all Gateways. What says the same as in the table before is the same object; while the routes are those of before, only the
 * endpoints that a change made outdated are looked at.
 */
export function tableOf(
  lookup: Lookup,
  findings: CompileMemory,
  routes: Routes,
  generation: number,
  before: { readonly routes: Routes | undefined; readonly table: RouteTable },
): RouteTable {
  const { table } = before;
  const targets = targetsIn(routes);
  const findPool = (key: string): Pool | undefined => {
    const declared = lookup.poolByKey(key);
    return declared === undefined ? undefined : poolOf(lookup, declared);
  };
  const { thorough } = findings;
  const outdated = (beginning: string) => new Set(findings.outdated(beginning));
  const kept = <P extends Part>(parts: readonly P[]): Kept<P> => ({
    parts,
    sameKeys: before.routes === routes && !thorough,
    all: thorough,
  });
  return {
    generation,
    gateways: sameList(gatewaysIn(routes, table.gateways), table.gateways),
    routes: sameList(routesIn(routes, table.routes), table.routes),
    endpointSets: found(kept(table.endpointSets), targets.endpoints, outdated(findingsOf.endpoints), (key) =>
      endpointSet(lookup, key),
    ),
    pools: found(kept(table.pools), targets.pools, outdated(findingsOf.pool), findPool),
  };
}

/** A list of the table before. */
interface Kept<P> {
  readonly parts: readonly P[];
  /** The list now is of the same keys. */
  readonly sameKeys: boolean;
  /** Every part is asked for. */
  readonly all: boolean;
}

/** The parts of these keys, in their order. Those that are not outdated are as they are in the list before. */
function found<P extends Part>(
  before: Kept<P>,
  keys: readonly string[],
  outdated: ReadonlySet<string>,
  find: (key: string) => P | undefined,
): readonly P[] {
  const { parts, sameKeys, all } = before;
  if (sameKeys && outdated.size === 0) return parts;
  const replaced = sameKeys ? replace(parts, new Map([...outdated].map((key) => [key, find(key)]))) : undefined;
  if (replaced !== undefined) return sameList(replaced, parts);
  const known = byKey(parts);
  const isKept = (key: string): boolean => !all && !outdated.has(key);
  return sameList(
    keys.flatMap((key) => (isKept(key) ? known.get(key) : undefined) ?? find(key) ?? []),
    parts,
  );
}

const partsByKey = onceEach((parts: readonly Part[]) => new Map(parts.map((part) => [part.key, part])));

function byKey<P extends Part>(parts: readonly P[]): ReadonlyMap<string, P> {
  // The parts of a list by their keys are those of the list.
  return partsByKey(parts) as ReadonlyMap<string, Part> as ReadonlyMap<string, P>;
}

/** The list with parts in the place of those of their keys; undefined: some come or go, which moves the others. */
function replace<P extends Part>(
  before: readonly P[],
  by: ReadonlyMap<string, P | undefined>,
): readonly P[] | undefined {
  let replaced = 0;
  const parts = before.map((part) => {
    const found = by.get(part.key);
    if (found === undefined) return part;
    replaced += 1;
    return found;
  });
  return replaced === by.size ? parts : undefined;
}

function sameList<P>(made: readonly P[], before: readonly P[]): readonly P[] {
  return made.length === before.length && made.every((part, at) => part === before[at]) ? before : made;
}

/** A list of parts in which each that says the same as before is the object of before. */
function keeping<P extends Part>(before: readonly P[], parts: readonly P[]): readonly P[] {
  const known = byKey(before);
  return parts.map((part) => unchangedOr(known.get(part.key), part));
}

/** Keys of the endpoint sets and pools that routes lead to. */
const targetsIn = onceEach(({ outcomes }: Routes) => {
  const endpoints = new Set<string>();
  const pools = new Set<string>();
  for (const outcome of outcomes) {
    if (!isServed(outcome)) continue;
    for (const { type, key } of targetsOfOutcome(outcome)) (type === 'pool' ? pools : endpoints).add(key);
  }
  return { endpoints: [...endpoints], pools: [...pools] };
});

const targetsOfOutcome = onceEach(({ rules }: RouteOutcome) => [...targetsOf(rules)]);

const made = {
  gateways: new WeakMap<Routes, readonly GatewayTable[]>(),
  routes: new WeakMap<Routes, readonly Route[]>(),
};

/** Neither Gateways nor routes depend on endpoints: they are made once for each state of the routes. */
function gatewaysIn(routes: Routes, before: readonly GatewayTable[]): readonly GatewayTable[] {
  let found = made.gateways.get(routes);
  if (found === undefined) {
    const served = [...routes.gateways.values()].filter(({ refused }) => refused === undefined);
    made.gateways.set(routes, (found = keeping(before, served.map(gatewayTable))));
  }
  return found;
}

function routesIn(routes: Routes, before: readonly Route[]): readonly Route[] {
  let found = made.routes.get(routes);
  if (found === undefined) {
    made.routes.set(routes, (found = keeping(before, routes.outcomes.filter(isServed).map(routeOf))));
  }
  return found;
}

const gatewayTable = onceEach(({ key, policies, listeners, parameters, clientCertificate: shown }: GatewayState) =>
  identified<GatewayTable>({
    key,
    bodyLimitBytes: policies.bodyLimitBytes,
    listeners: listeners
      .filter(({ refused }) => refused === undefined)
      .map(({ listener: { name, port, hostname } }) => ({
        name,
        port,
        protocol: 'HTTP',
        ...(hostname === undefined ? {} : { hostname: hostname.toLowerCase() }),
      })),
    ...(parameters === undefined || parameters.effective.accessLogs.length === 0
      ? {}
      : { accessLogs: parameters.effective.accessLogs }),
    ...(shown !== undefined && 'secret' in shown ? { clientCertificate: shown.secret } : {}),
  }),
);

const isServed = ({ parents }: RouteOutcome): boolean =>
  parents.some(({ gateway, accepted }) => accepted && gateway.refused === undefined);

const routeOf = onceEach((outcome: RouteOutcome) => {
  const { route, rules } = outcome;
  return identified<Route>({
    key: keyOf(route.metadata),
    created: route.metadata.creationTimestamp ?? '',
    attachments: attachmentsOf(outcome),
    rules,
    hostnames: (route.spec.hostnames ?? []).map((host) => host.toLowerCase()),
    models: modelsIn(outcome),
  });
});

function modelsIn({ ai, route }: RouteOutcome): readonly ModelEntry[] {
  return ai === undefined ? modelsOfHTTPRoute(route) : modelsOf(ai);
}

/** The listeners that serve the route; of several parentRefs to one listener the first counts. */
function attachmentsOf({ parents }: RouteOutcome): Attachment[] {
  const found = new Map<string, Attachment>();
  for (const { gateway, accepted, listeners } of parents) {
    if (!accepted || gateway.refused !== undefined) continue;
    for (const { state, hosts } of listeners) {
      if (state.refused !== undefined) continue;
      const { name } = state.listener;
      const place = `${gateway.key} ${name}`;
      if (!found.has(place)) found.set(place, { gateway: gateway.key, listener: name, hosts });
    }
  }
  return [...found.values()];
}
