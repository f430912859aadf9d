/** What `GET /v1/models` and `GET /anthropic/v1/models` answer (aigateway.md 3.7). */
import type { LlmSchema } from './endpoints.ts';
import { timestamp } from '../kinds/timestamp.ts';

export interface ListedModel {
  readonly id: string;
  readonly ownedBy: string;
  /** Unix seconds. */
  readonly created: number;
}

/** Models by the hosts of the routes that serve them. Host keys are lower-case and may begin with `*.`. */
export interface HostedModels {
  readonly all: readonly ListedModel[];
  readonly byHost: ReadonlyMap<string, readonly ListedModel[]>;
  readonly unscoped: readonly ListedModel[];
}

/** The models that a client of `host` (lower-case, without port) may see. */
export function modelsForHost(models: HostedModels, host: string): readonly ListedModel[] {
  if (host === '' || models.byHost.size === 0) return models.all;
  const exact = models.byHost.get(host);
  if (exact !== undefined) return exact;
  // A wildcard stands for one label only, so the longest suffix that can match is the host without its first label.
  const dot = host.indexOf('.');
  const wildcard = dot > 0 ? models.byHost.get(`*${host.slice(dot)}`) : undefined;
  return wildcard ?? models.unscoped;
}

export function listModels(schema: LlmSchema, models: readonly ListedModel[]): string {
  if (schema !== 'Anthropic') {
    const data = models.map((model) => modelFields(schema, model));
    return JSON.stringify({ object: 'list', data });
  }
  const data = models.map((model) => modelFields(schema, model));
  return JSON.stringify({
    data,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
    has_more: false,
  });
}

/** One model, as `GET /v1/models/{id}` answers. */
export function oneModel(schema: LlmSchema, model: ListedModel): string {
  return JSON.stringify(modelFields(schema, model));
}

function modelFields(schema: LlmSchema, { id, created, ownedBy }: ListedModel): Record<string, string | number> {
  if (schema !== 'Anthropic') return { id, object: 'model', created, owned_by: ownedBy };
  return { id, type: 'model', display_name: id, created_at: timestamp(new Date(created * 1000)) };
}
