import { AIGatewayRoute, type AIGatewayRouteRule } from '../kinds/aigateway/aigatewayroute.ts';
import { HTTPRouteFilter } from '../kinds/envoygateway/httproutefilter.ts';
import { HTTPRoute, type HTTPRouteRule } from '../kinds/gateway/httproute.ts';
import { apiVersionOf, isKind } from '../kinds/kind.ts';
import type { ObjectMeta } from '../kinds/object.ts';
import { controllerOf, ownerReferenceTo } from '../kube/owners.ts';
import { backendGroup } from './backends.ts';

/**
 * The standard objects that an AIGatewayRoute stands for (aigateway.md 2.1). The aigateway controller writes them; the route
 * compiler reads an AIGatewayRoute through the same functions, so that both always mean the same.
 */

export const generatedAnnotation = 'gateway.envoyproxy.io/ai-gateway-generated';
export const priorityAnnotation = 'gateway.envoyproxy.io/backend-ref-priority';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

const rootPrefix = '/';
const defaultRequestTimeout = '60s';

export const notFoundText =
  'No matching route found. It is likely because the model specified in your request is not configured in the Gateway.';

export function hostRewriteName(route: AIGatewayRoute): string {
  return `ai-eg-host-rewrite-${route.metadata.name}`;
}

export function notFoundName(route: AIGatewayRoute): string {
  return `ai-eg-route-not-found-response-${route.metadata.name}`;
}

/** The two HTTPRouteFilters that the generated rules refer to. */
export function generatedFilters(route: AIGatewayRoute): HTTPRouteFilter[] {
  const filter = (name: string, spec: HTTPRouteFilter['spec']): HTTPRouteFilter => ({
    apiVersion: apiVersionOf(HTTPRouteFilter),
    kind: HTTPRouteFilter.kind,
    metadata: ownedMetadata(route, name),
    spec,
  });
  return [
    filter(hostRewriteName(route), { urlRewrite: { hostname: { type: 'Backend' } } }),
    filter(notFoundName(route), {
      directResponse: { statusCode: 404, body: { type: 'Inline', inline: notFoundText } },
    }),
  ];
}

function ownedMetadata(route: AIGatewayRoute, name: string): ObjectMeta {
  const { namespace, uid } = route.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { ownerReferences: [ownerReferenceTo(AIGatewayRoute, route)] }),
  };
}

type HTTPBackendRef = NonNullable<HTTPRouteRule['backendRefs']>[number];

/** The HTTPRoute, given the backendRefs of each of the route's rules. */
export function generatedHTTPRoute(route: AIGatewayRoute, backendRefs: readonly HTTPBackendRef[][]): HTTPRoute {
  const { labels, annotations = {} } = route.metadata;
  const { [lastApplied]: _, ...copied } = annotations;
  const { parentRefs, hostnames } = route.spec;
  return {
    apiVersion: apiVersionOf(HTTPRoute),
    kind: HTTPRoute.kind,
    metadata: {
      ...ownedMetadata(route, route.metadata.name),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...copied, [priorityAnnotation]: priorities(route), [generatedAnnotation]: 'true' },
    },
    spec: {
      ...(parentRefs === undefined ? {} : { parentRefs }),
      ...(hostnames === undefined ? {} : { hostnames }),
      rules: generatedRules(route).map((rule, i) => {
        const refs = backendRefs[i];
        return refs === undefined || refs.length === 0 ? rule : { ...rule, backendRefs: refs };
      }),
    },
  };
}

function priorities(route: AIGatewayRoute): string {
  return route.spec.rules
    .flatMap(({ backendRefs = [] }, i) => backendRefs.map(({ name, priority = 0 }) => `${i}:${name}:${priority}`))
    .join(',');
}

/** One rule per rule of the route, still without backends, and the rule for requests that none of them takes. */
export function generatedRules(route: AIGatewayRoute): HTTPRouteRule[] {
  return [
    ...route.spec.rules.map((rule) => generatedRule(route, rule)),
    {
      name: 'route-not-found',
      matches: [{ path: { value: rootPrefix } }],
      filters: [extensionRef(notFoundName(route))],
    },
  ];
}

function generatedRule(route: AIGatewayRoute, rule: AIGatewayRouteRule): HTTPRouteRule {
  const { name, matches, timeouts } = rule;
  return {
    ...(name === undefined ? {} : { name }),
    ...(matches === undefined || matches.length === 0
      ? {}
      : { matches: matches.map((match) => ({ ...match, path: { value: rootPrefix } })) }),
    filters: [extensionRef(hostRewriteName(route))],
    timeouts: { ...timeouts, request: timeouts?.request ?? defaultRequestTimeout },
  };
}

function extensionRef(name: string) {
  return { type: 'ExtensionRef' as const, extensionRef: { group: backendGroup, kind: HTTPRouteFilter.kind, name } };
}

/** The name of the AIGatewayRoute that manages this HTTPRoute; undefined for HTTPRoutes that people write. */
export function generatorOf(route: HTTPRoute): string | undefined {
  if (route.metadata.annotations?.[generatedAnnotation] !== 'true') return undefined;
  const owner = controllerOf(route);
  if (owner === undefined || owner.name !== route.metadata.name) return undefined;
  const asObject = { apiVersion: owner.apiVersion, kind: owner.kind, metadata: { name: owner.name } };
  return isKind(AIGatewayRoute, asObject) ? owner.name : undefined;
}
