import type { HostedModels } from '../llm/models.ts';
import { unchangedOr } from './identity.ts';
import { linkedMatches } from './linkedmatch.ts';
import { emptyListener, everyHost, patchListener, type Filed, type ListenerIndex } from './listenerindex.ts';
import { modelCatalog } from './models.ts';
import {
  noRoutes,
  type BackendTarget,
  type EndpointSet,
  type GatewayTable,
  type ListenerTable,
  type Part,
  type Pool,
  type ResolvedTarget,
  type Route,
  type RouteTable,
} from './table.ts';

/**
 * A table made ready for requests: rules found by host, model and path, targets by key. Whoever reads a table links it; linking the
 * next one costs what has changed in between. Immutable like the table, so that requests in flight finish on the one they began with.
 */
export interface LinkedTable {
  readonly table: RouteTable;
  readonly gateways: ReadonlyMap<string, LinkedGateway>;
  readonly endpointSets: ReadonlyMap<string, EndpointSet>;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly routes: ReadonlyMap<string, Route>;
  /** By Gateway and listener: `placeOf`. */
  readonly listeners: ReadonlyMap<string, ListenerIndex>;
}

export interface LinkedGateway extends Pick<
  GatewayTable,
  'key' | 'bodyLimitBytes' | 'accessLogs' | 'clientCertificate'
> {
  readonly listeners: readonly LinkedListener[];
  /** What `GET /v1/models` lists; made when it is first asked for. */
  readonly models: HostedModels;
}

export interface LinkedListener extends ListenerTable {
  /**
   * Some route here matches on the model: the data plane must read it from the body of LLM requests before it matches.
   * It goes into the request headers named by `modelHeaders`.
   */
  readonly readsModel: boolean;
  readonly index: ListenerIndex;
}

export const nothingLinked: LinkedTable = {
  table: noRoutes,
  gateways: new Map(),
  endpointSets: new Map(),
  pools: new Map(),
  routes: new Map(),
  listeners: new Map(),
};

/** What of the table linked `before` did not change is taken from there. */
export function linkTable(table: RouteTable, before: LinkedTable = nothingLinked): LinkedTable {
  const routes = follow(table.routes, before.table.routes, before.routes);
  const listeners = patchListeners(before.listeners, routes);
  return {
    table,
    gateways: linkGateways(table, listeners, before),
    endpointSets: follow(table.endpointSets, before.table.endpointSets, before.endpointSets).byKey,
    pools: follow(table.pools, before.table.pools, before.pools).byKey,
    routes: routes.byKey,
    listeners,
  };
}

/** The target of a backend as this table has it. */
export function resolveTarget(
  { endpointSets, pools }: Pick<LinkedTable, 'endpointSets' | 'pools'>,
  target: BackendTarget,
): ResolvedTarget {
  if (target.type === 'invalid') return target;
  const found = target.type === 'pool' ? pools.get(target.key) : endpointSets.get(target.key);
  return found ?? { type: 'invalid', reason: 'BackendNotFound', message: `${target.key} is not in the route table` };
}

interface Followed<P> {
  readonly byKey: ReadonlyMap<string, P>;
  readonly gone: readonly P[];
  readonly come: readonly P[];
}

/** The parts of a list by their keys, and what changed since the list before; a part that says the same stays the same object. */
function follow<P extends Part>(
  list: readonly P[],
  listBefore: readonly P[],
  before: ReadonlyMap<string, P>,
): Followed<P> {
  const gone: P[] = [];
  const come: P[] = [];
  if (list === listBefore) return { byKey: before, gone, come };
  let added = 0;
  for (let at = 0; at < list.length; at += 1) {
    const part = list[at];
    if (part === undefined || part === listBefore[at]) continue;
    const known = before.get(part.key);
    if (known === undefined) added += 1;
    else if (unchangedOr(known, part) === known) continue;
    else gone.push(known);
    come.push(part);
  }
  if (before.size + added !== list.length) {
    const keys = new Set(list.map(({ key }) => key));
    for (const [key, part] of before) if (!keys.has(key)) gone.push(part);
  }
  if (gone.length === 0 && come.length === 0) return { byKey: before, gone, come };
  const byKey = new Map(before);
  for (const { key } of gone) byKey.delete(key);
  for (const part of come) byKey.set(part.key, part);
  return { byKey, gone, come };
}

const placeOf = (gateway: string, listener: string): string => `${gateway} ${listener}`;

function patchListeners(
  before: ReadonlyMap<string, ListenerIndex>,
  { gone, come }: Followed<Route>,
): ReadonlyMap<string, ListenerIndex> {
  if (gone.length === 0 && come.length === 0) return before;
  const changes = new Map<string, { gone: Filed[]; come: Filed[] }>();
  const collect = (routes: readonly Route[], which: 'gone' | 'come'): void => {
    for (const route of routes) {
      for (const { gateway, listener, hosts } of route.attachments) {
        const place = placeOf(gateway, listener);
        let change = changes.get(place);
        if (change === undefined) changes.set(place, (change = { gone: [], come: [] }));
        for (const match of linkedMatches(route)) {
          for (const host of hosts.length === 0 ? [everyHost] : hosts) change[which].push({ host, match });
        }
      }
    }
  };
  collect(gone, 'gone');
  collect(come, 'come');
  const listeners = new Map(before);
  for (const [place, change] of changes) {
    const index = patchListener(listeners.get(place) ?? emptyListener, change);
    if (index === emptyListener) listeners.delete(place);
    else listeners.set(place, index);
  }
  return listeners;
}

function linkGateways(
  table: RouteTable,
  listeners: ReadonlyMap<string, ListenerIndex>,
  before: LinkedTable,
): ReadonlyMap<string, LinkedGateway> {
  if (listeners === before.listeners && table.gateways === before.table.gateways) return before.gateways;
  return new Map(table.gateways.map((declared) => [declared.key, linkGateway(declared, table.routes, listeners)]));
}

function linkGateway(
  { key, bodyLimitBytes, accessLogs, clientCertificate, listeners }: GatewayTable,
  routes: readonly Route[],
  indexes: ReadonlyMap<string, ListenerIndex>,
): LinkedGateway {
  let models: HostedModels | undefined;
  return {
    key,
    bodyLimitBytes,
    ...(accessLogs === undefined ? {} : { accessLogs }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    listeners: listeners.map((declared): LinkedListener => {
      const index = indexes.get(placeOf(key, declared.name)) ?? emptyListener;
      return { ...declared, readsModel: index.modelMatches > 0, index };
    }),
    get models() {
      return (models ??= modelCatalog(
        routes.filter(({ attachments }) => attachments.some(({ gateway }) => gateway === key)),
      ));
    },
  };
}
