import type { LlmEndpoint } from '../../../llm/endpoints.ts';
import { listModels as listOf, modelsForHost, type ListedModel } from '../../../llm/models.ts';
import { answer, declared, type Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';

/** Models named in an error: enough to see a misspelling. */
const maxNamed = 100;

/** The models that a client of this host may see (aigateway.md 3.7). */
export function modelsOf({ served, host }: GatewayRequest): readonly ListedModel[] {
  return served.gateway === undefined ? [] : modelsForHost(served.gateway.models, host);
}

/** They, as the client's API lists them. */
export function listModels(request: GatewayRequest, { schema }: LlmEndpoint): Answer {
  return declared(200, ['content-type', 'application/json'], listOf(schema, modelsOf(request)));
}

export function modelNotFound(request: GatewayRequest): Answer {
  const found = answer('model_not_found');
  const models = modelsOf(request)
    .slice(0, maxNamed)
    .map(({ id }) => id);
  return { ...found, details: { ...found.details, model: request.model ?? '', models } };
}
