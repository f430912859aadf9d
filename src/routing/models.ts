import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { byAge } from './resources.ts';
import type { ModelCatalog, ModelEntry } from './table.ts';

/** What the routes of a Gateway list at `/v1/models` (aigateway.md 3.7). */

export interface ModelRoute {
  readonly route: HTTPRoute;
  readonly hostnames: readonly string[];
  readonly models: readonly ModelEntry[];
}

/** Older routes first; a model that several routes name is listed once. */
export function modelCatalog(routes: readonly ModelRoute[]): ModelCatalog {
  const sorted = routes.toSorted((a, b) => byAge(a.route, b.route));
  const hosts = new Set(sorted.flatMap(({ hostnames }) => hostnames.map((host) => host.toLowerCase())));
  return {
    all: distinct(sorted),
    byHost: new Map(
      [...hosts].map((host) => [
        host,
        distinct(sorted.filter(({ hostnames }) => hostnames.some((name) => name.toLowerCase() === host))),
      ]),
    ),
    unscoped: distinct(sorted.filter(({ hostnames }) => hostnames.length === 0)),
  };
}

function distinct(routes: readonly ModelRoute[]): ModelEntry[] {
  const byId = new Map<string, ModelEntry>();
  for (const { models } of routes) for (const model of models) if (!byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()];
}
