import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { parseDuration } from '../kinds/durations.ts';
import { resolveAIBackend } from './aibackends.ts';
import { generatedFilters, generatedRules } from './airoute.ts';
import type { Problem } from './filters.ts';
import type { Lookup } from './resources.ts';
import { backendId, finishRule, poolsOf, ruleParts, tiersOf, type CompiledRoute } from './rules.ts';
import type { RouteRule, Tier, WeightedBackend } from '../routes/table.ts';

/**
 * The rules of an HTTPRoute that an AIGatewayRoute generates. They are read from the AIGatewayRoute itself, whose backendRefs
 * carry what an HTTPRoute cannot say; `route` gives what the rules are attached by. So a change of the AIGatewayRoute takes
 * effect as a whole, without a moment in which the HTTPRoute lags behind.
 */
export function compileAIRoute(lookup: Lookup, route: HTTPRoute, ai: AIGatewayRoute): CompiledRoute {
  const problems: Problem[] = [];
  // The filters exist as objects, which users may edit; while they are being created their content is known all the same.
  const filters = new Map(generatedFilters(ai).map((filter) => [filter.metadata.name, filter]));
  const rules = generatedRules(ai).map((rule, i) => {
    const parts = ruleParts(route, rule, i, (ref) => lookup.filter(ref) ?? filters.get(ref.name), problems);
    const declared = ai.spec.rules[i];
    const tiers = aiTiers(lookup, route, ai, i, parts.filters, problems);
    const idle = declared?.streamIdleTimeout === undefined ? undefined : parseDuration(declared.streamIdleTimeout);
    const idleTimeout = idle === undefined || idle === 0 ? {} : { streamIdleTimeoutMs: idle };
    return finishRule(route, rule, i, { ...parts, tiers, kind: 'llm', ...idleTimeout }, problems);
  });
  return { rules, problems, pools: poolsOf(rules) };
}

function aiTiers(
  lookup: Lookup,
  route: HTTPRoute,
  ai: AIGatewayRoute,
  i: number,
  filters: RouteRule['filters'],
  problems: Problem[],
): Tier[] {
  const byPriority = new Map<number, WeightedBackend[]>();
  for (const [j, ref] of (ai.spec.rules[i]?.backendRefs ?? []).entries()) {
    const { target, llm, credential } = resolveAIBackend(lookup, ai, ref);
    if (target.type === 'invalid') {
      problems.push({
        type: 'unresolved',
        reason: target.reason,
        message: `spec.rules[${i}].backendRefs[${j}]: ${target.message}`,
      });
    }
    const backend: WeightedBackend = {
      id: backendId(route, ref.name, i, j),
      weight: ref.weight ?? 1,
      filters: [],
      target,
      ...(llm === undefined ? {} : { llm }),
      ...(credential === undefined ? {} : { credential }),
    };
    const priority = target.type === 'pool' ? 0 : (ref.priority ?? 0);
    const tier = byPriority.get(priority);
    if (tier === undefined) byPriority.set(priority, [backend]);
    else tier.push(backend);
  }
  return tiersOf(byPriority, filters);
}
