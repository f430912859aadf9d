import { matchRoute } from '../../../routes/match.ts';
import { answer } from '../../answers.ts';
import { listModels } from './models.ts';
import { modelOfBody } from './model.ts';
import type { ClientStep } from './step.ts';

/** Finds the rule. One of an AIGatewayRoute takes nothing but requests of the model APIs, and wants to know their model. */
export const findRule: ClientStep = (request) => {
  const { api, path, served } = request;
  for (;;) {
    const rule = matchRoute(served.listeners, request)?.match?.rule;
    if (rule === undefined) return answer('no_route');
    if (rule.kind !== 'llm' || request.model !== undefined) {
      request.rule = rule;
      return undefined;
    }
    if (api === undefined) return answer('unsupported_path', { path });
    if (api.model === 'none') return listModels(request, api);
    // With the model another rule may fit better.
    const outcome = modelOfBody(request, api);
    if (outcome !== undefined) return outcome;
  }
};
