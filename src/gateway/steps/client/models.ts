import type { LlmEndpoint } from '../../../llm/endpoints.ts';
import { listModels as listOf, modelsForHost } from '../../../llm/models.ts';
import { declared, type Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';

/** The models of this host, as the client's API lists them (aigateway.md 3.7). */
export function listModels({ served, host }: GatewayRequest, { schema }: LlmEndpoint): Answer {
  const models = served.gateway === undefined ? [] : modelsForHost(served.gateway.models, host);
  return declared(200, ['content-type', 'application/json'], listOf(schema, models));
}
