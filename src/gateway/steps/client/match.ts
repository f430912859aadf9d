import { takesEverything } from '../../../routes/everything.ts';
import { matchRoute } from '../../../routes/match.ts';
import type { RouteRule } from '../../../routes/table.ts';
import { answer, type Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';
import { frontPage } from './frontpage.ts';
import { modelOfBody } from './model.ts';
import { modelNotFound, tellModels } from './models.ts';
import { waits, type ClientStep } from './step.ts';

/** Finds the rule. One of an AIGatewayRoute takes nothing but requests of the model APIs, and wants to know their model. */
export const findRule: ClientStep = (request) => {
  const { api, served } = request;
  for (;;) {
    const rule = matchRoute(served.listeners, request)?.match?.rule;
    if (api?.model === 'none') {
      const listed = ownModels(request, rule);
      if (listed !== undefined) return listed;
    }
    if (rule?.kind === 'http') {
      request.rule = rule;
      return undefined;
    }
    if (rule === undefined || api === undefined) return notHere(request, rule);
    if (request.model !== undefined) {
      request.rule = rule;
      return saysNotFound(rule) ? modelNotFound(request, request.model) : undefined;
    }
    if (request.unreadable !== undefined) return request.unreadable;
    // With the model another rule may fit better.
    if (modelOfBody(request, api) === waits) return waits;
  }
};

/** `GET /v1/models`, where the gateway knows models and no plain route for its host or path wants it. */
function ownModels(request: GatewayRequest, rule: RouteRule | undefined): Answer | undefined {
  const { api, served } = request;
  if (api === undefined) return undefined;
  if (rule?.kind === 'llm') return tellModels(request, api);
  if ((served.gateway?.models.all.length ?? 0) === 0) return undefined;
  const route = rule && served.table.routes.get(`${rule.route.namespace}/${rule.route.name}`);
  return rule === undefined || takesEverything(rule, route) ? tellModels(request, api) : undefined;
}

/** The last rule of an AIGatewayRoute, which answers for the models that no other of its rules takes (aigateway.md 2.3). */
function saysNotFound({ filters }: RouteRule): boolean {
  return filters.some((filter) => filter.type === 'DirectResponse' && filter.statusCode === 404);
}

/** No rule takes the request, or one that takes only model APIs, and it is none. */
function notHere(request: GatewayRequest, rule: RouteRule | undefined): Answer {
  const { endpoint, api, path, method, model, listener } = request;
  if (path === '/' && (method === 'GET' || method === 'HEAD')) return frontPage(request);
  if (rule === undefined && listener?.readsModel !== true) return answer('no_route');
  if (endpoint !== undefined && api === undefined) {
    const allowed = endpoint.method === 'GET' ? 'GET, HEAD' : endpoint.method;
    return answer('method_not_allowed', { path, allowed }, ['allow', allowed]);
  }
  if (rule !== undefined) return answer('unsupported_path', { path });
  if (request.unreadable !== undefined) return request.unreadable;
  return model === undefined ? answer('no_route') : modelNotFound(request, model);
}
