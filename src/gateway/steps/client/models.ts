import { modelIdIn, type LlmEndpoint } from '../../../llm/endpoints.ts';
import { listModels as listOf, modelsForHost, oneModel, type ListedModel } from '../../../llm/models.ts';
import { answer, declared, type Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';

/** Models named in an error: enough to see a misspelling. */
const maxNamed = 100;

/** The models that a client of this host may see (aigateway.md 3.7). */
export function modelsOf({ served, host }: GatewayRequest): readonly ListedModel[] {
  return served.gateway === undefined ? [] : modelsForHost(served.gateway.models, host);
}

/** They, or the one that is asked for, as the client's API tells them. */
export function tellModels(request: GatewayRequest, { schema }: LlmEndpoint): Answer {
  const models = modelsOf(request);
  const id = modelIdIn(request.path);
  const found = models.find((model) => model.id === id);
  if (id !== undefined && found === undefined) return modelNotFound(request, id);
  const body = found === undefined ? listOf(schema, models) : oneModel(schema, found);
  return declared(200, ['content-type', 'application/json'], body);
}

export function modelNotFound(request: GatewayRequest, model: string): Answer {
  const found = answer('model_not_found');
  const models = modelsOf(request)
    .slice(0, maxNamed)
    .map(({ id }) => id);
  return { ...found, details: { ...found.details, model, models } };
}
