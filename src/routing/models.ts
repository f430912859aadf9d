import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { byAge } from './resources.ts';
import { modelHeaders, type ModelCatalog, type ModelEntry } from './table.ts';

/** What the routes of a Gateway list at `/v1/models` (aigateway.md 3.7). */

export interface ModelRoute {
  readonly route: HTTPRoute;
  readonly hostnames: readonly string[];
  readonly models: readonly ModelEntry[];
}

const owner = { ai: 'Envoy AI Gateway', http: 'headgate' };

/** The models an AIGatewayRoute declares: those of Exact matches on `x-ai-eg-model`. */
export function modelsOf({ metadata, spec }: AIGatewayRoute): ModelEntry[] {
  return spec.rules.flatMap(({ matches = [], modelsOwnedBy, modelsCreatedAt }) => {
    const created = unixSeconds(modelsCreatedAt ?? metadata.creationTimestamp);
    return matches
      .flatMap(({ headers = [] }) => exactModels(headers, modelHeaders[0]))
      .map((id) => ({ id, ownedBy: modelsOwnedBy ?? owner.ai, created }));
  });
}

/** The models an HTTPRoute declares, written for a body-based router (epp.md 8): those of Exact matches on its header. */
export function modelsOfHTTPRoute({ metadata, spec }: HTTPRoute): ModelEntry[] {
  const created = unixSeconds(metadata.creationTimestamp);
  return (spec.rules ?? [])
    .flatMap(({ matches = [] }) => matches)
    .flatMap(({ headers = [] }) => exactModels(headers, modelHeaders[1]))
    .map((id) => ({ id, ownedBy: owner.http, created }));
}

function exactModels(headers: readonly { name: string; type?: string; value: string }[], header: string): string[] {
  return headers.flatMap(({ name, type = 'Exact', value }) =>
    type === 'Exact' && name.toLowerCase() === header ? [value] : [],
  );
}

function unixSeconds(time: string | undefined): number {
  const milliseconds = Date.parse(time ?? '');
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
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
