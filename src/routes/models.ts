import type { HostedModels } from '../llm/models.ts';
import type { ModelEntry, Route } from './table.ts';

/** What the routes of a Gateway list at `/v1/models`, scoped by host: older routes first, a model that several name once (aigateway.md 3.7). */
export function modelCatalog(routes: readonly Route[]): HostedModels {
  const sorted = routes.filter(listsModels).sort(byAge);
  const byHost = new Map<string, Route[]>();
  for (const route of sorted) {
    for (const host of new Set(route.hostnames)) {
      const found = byHost.get(host);
      if (found === undefined) byHost.set(host, [route]);
      else found.push(route);
    }
  }
  return {
    all: distinct(sorted),
    byHost: new Map([...byHost].map(([host, served]) => [host, distinct(served)])),
    unscoped: distinct(sorted.filter(({ hostnames }) => hostnames.length === 0)),
  };
}

/** A plain route that names no model says nothing of models, not even for its hosts. */
function listsModels({ models, rules }: Route): boolean {
  return models.length > 0 || rules.some(({ kind }) => kind === 'llm');
}

function byAge(a: Route, b: Route): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}

function distinct(routes: readonly Route[]): ModelEntry[] {
  const byId = new Map<string, ModelEntry>();
  for (const { models } of routes) for (const model of models) if (!byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()];
}
