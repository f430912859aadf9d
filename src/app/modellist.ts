import type { ServedModel } from '../admin/resources.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { ObjectRef, OwnerReference } from '../kinds/object.ts';
import { controllerOf } from '../kube/owners.ts';
import { matchRoute } from '../routes/match.ts';
import { isModelHeader, type LinkedMatch } from '../routes/linkedmatch.ts';
import type { LinkedGateway, LinkedListener, LinkedTable } from '../routes/index.ts';
import { hostsOf, orderedMatches, type HostIndex } from '../routes/listenerindex.ts';
import type { ListenerTable, RouteRule } from '../routes/table.ts';
import { backendsOf, endpointsOf } from './summary.ts';

/** What the listing reads besides the table. */
export interface ModelListSources {
  readonly table: LinkedTable;
  readonly route: (ref: ObjectRef) => HTTPRoute | undefined;
  /**
   * The name that requests to a route of this owner have to carry, for routes that do not match on it, where it is known;
   * undefined: the owner serves no model of its own.
   */
  readonly modelOf: (owner: OwnerReference, namespace: string) => { readonly name: string | undefined } | undefined;
  /** `http://address:port` of a listener; undefined: it is not open. */
  readonly originOf: (gateway: string, listener: ListenerTable) => string | undefined;
}

/** Every model once for each Gateway, route and host, in the order of their names. */
export function listModels(sources: ModelListSources): ServedModel[] {
  const found = new Map<string, ServedModel>();
  for (const gateway of sources.table.gateways.values()) {
    // Plain HTTP first: it needs no certificate.
    const listeners = gateway.listeners.toSorted(
      (a, b) => Number(a.protocol !== 'HTTP') - Number(b.protocol !== 'HTTP'),
    );
    for (const listener of listeners) {
      for (const [name, index] of hostsOf(listener.index)) {
        const host = name === '*' ? (listener.hostname ?? '') : name;
        for (const listed of [...byModel(listener, host, index), ...byPath(index, sources)]) {
          const entry = describe(gateway, listener, host, listed, sources);
          const key = JSON.stringify([entry.gateway, entry.route, entry.model, entry.host]);
          if (!found.has(key)) found.set(key, entry);
        }
      }
    }
  }
  return [...found.values()].toSorted((a, b) => compare(sortKey(a), sortKey(b)));
}

const sortKey = ({ model = '', gateway, host = '', route }: ServedModel): string =>
  `${model}\n${gateway}\n${host}\n${route}`;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Found {
  readonly model: string | undefined;
  readonly match: LinkedMatch;
}

/** Models that matches name, each with the match that a chat request for it would get. */
function byModel(listener: LinkedListener, host: string, index: HostIndex): Found[] {
  return [...index.byModel].flatMap(([model, matches]) => {
    const chat = matchRoute([listener], {
      host: host === '' ? 'localhost' : host.replace('*', 'any'),
      path: '/v1/chat/completions',
      query: '',
      method: 'POST',
      model,
      header: () => undefined,
    })?.match;
    const match = chat !== undefined && matches.includes(chat) ? chat : matches[0];
    return match === undefined ? [] : [{ model, match }];
  });
}

/** Models behind paths of their own: of routes that a resource made which knows its model. */
function byPath(index: HostIndex, { route, modelOf }: ModelListSources): Found[] {
  return orderedMatches(index).flatMap((match) => {
    const { rule, path, headers } = match;
    if (rule.kind === 'llm' || path === undefined || headers.some(({ name }) => isModelHeader(name))) return [];
    const object = route(rule.route);
    const owner = object === undefined ? undefined : controllerOf(object);
    const model = owner === undefined ? undefined : modelOf(owner, rule.route.namespace);
    return model === undefined ? [] : [{ model: model.name, match }];
  });
}

function describe(
  gateway: LinkedGateway,
  listener: LinkedListener,
  host: string,
  { model, match }: Found,
  sources: ModelListSources,
): ServedModel {
  const origin = sources.originOf(gateway.key, listener);
  const { rule } = match;
  return {
    ...(model === undefined ? {} : { model }),
    source: sourceOf(rule, sources),
    route: `${rule.route.namespace}/${rule.route.name}`,
    backend: backendsOf(rule),
    endpoints: endpointsOf(sources.table, rule),
    gateway: gateway.key,
    ...(origin === undefined ? {} : { url: `${origin}${basePath(match)}` }),
    ...(host === '' ? {} : { host }),
  };
}

function sourceOf({ route }: RouteRule, sources: ModelListSources): ServedModel['source'] {
  const { namespace, name } = route;
  const object = sources.route(route);
  const owner = object === undefined ? undefined : controllerOf(object);
  if (owner === undefined) return { apiVersion: apiVersionOf(HTTPRoute), kind: HTTPRoute.kind, namespace, name };
  return { apiVersion: owner.apiVersion, kind: owner.kind, namespace, name: owner.name };
}

/** `/v1`, behind the prefix of a route that has one of its own. */
function basePath({ path }: LinkedMatch): string {
  if (path === undefined || path.type === 'RegularExpression') return '/v1';
  return `${path.value.replace(/\/v1(\/.*)?$/, '').replace(/\/+$/, '')}/v1`;
}
