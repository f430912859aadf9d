import type { AIGatewayRoute } from '../../kinds/aigateway/aigatewayroute.ts';
import type { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import type { AIServiceBackend } from '../../kinds/aigateway/aiservicebackend.ts';
import type { HTTPRouteFilter } from '../../kinds/envoygateway/httproutefilter.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import type { HTTPRoute, HTTPRouteRule } from '../../kinds/gateway/httproute.ts';
import { keyOf, type ObjectRef } from '../../kinds/object.ts';
import { isControlledBy } from '../../kube/owners.ts';
import { checkRef, credentialsProblem, isPoolRef, schemaProblem } from '../../routing/aibackends.ts';
import { generatedFilters, generatedHTTPRoute } from '../../routing/airoute.ts';
import { poolGroup } from '../../routing/backends.ts';
import { policyProblem } from '../../routing/credentials.ts';
import type { Lookup } from '../../routing/resources.ts';
import type { Verdict } from './verdict.ts';

/** What the aigateway controller should do, decided without doing it (aigateway.md 1.7, 2.1 to 2.4). */

export interface RouteObservation {
  readonly route: AIGatewayRoute;
  readonly lookup: Lookup;
  /** The HTTPRoute of the same name, whoever made it. */
  readonly httpRoute: HTTPRoute | undefined;
  gateway(ref: ObjectRef): Gateway | undefined;
}

export interface RoutePlan {
  /** Created where absent; users may edit them afterwards. */
  readonly filters: readonly HTTPRouteFilter[];
  /** Undefined: leave the HTTPRoute as it is. */
  readonly httpRoute: HTTPRoute | undefined;
  readonly verdict: Verdict;
}

export function planRoute(observed: RouteObservation): RoutePlan {
  const { route, lookup, httpRoute } = observed;
  if (httpRoute !== undefined && !isControlledBy(httpRoute, route)) {
    const message = `HTTPRoute ${keyOf(httpRoute.metadata)} exists and is not managed by this AIGatewayRoute: delete it, or rename one of the two`;
    return { filters: [], httpRoute: undefined, verdict: { accepted: false, message } };
  }
  const filters = generatedFilters(route);
  const checked = route.spec.rules.map(({ backendRefs = [] }) =>
    backendRefs.map((declared) => ({ declared, ...checkRef(lookup, route, declared) })),
  );
  const problems = checked.flat().flatMap(({ problem }) => problem ?? []);
  // Without these there is nothing to write into the HTTPRoute: the last good one stays.
  const missing = problems.find(({ reason }) => reason === 'RefNotPermitted' || reason === 'BackendNotFound');
  if (missing !== undefined) {
    return { filters, httpRoute: undefined, verdict: { accepted: false, message: missing.message } };
  }
  const namespace = route.metadata.namespace ?? '';
  const backendRefs = checked.map((refs) =>
    refs.map(({ declared, backend }) => httpBackendRef(namespace, declared, backend)),
  );
  const problem = problems[0]?.message ?? missingGateway(observed) ?? unattached(observed) ?? unsupportedField(route);
  return {
    filters,
    httpRoute: generatedHTTPRoute(route, backendRefs),
    verdict:
      problem === undefined
        ? { accepted: true, message: 'AI Gateway Route reconciled successfully' }
        : { accepted: false, message: problem },
  };
}

type AIBackendRef = NonNullable<AIGatewayRoute['spec']['rules'][number]['backendRefs']>[number];

function httpBackendRef(
  routeNamespace: string,
  ref: AIBackendRef,
  backend: AIServiceBackend | undefined,
): NonNullable<HTTPRouteRule['backendRefs']>[number] {
  const weight = ref.weight ?? 1;
  if (isPoolRef(ref) || backend === undefined) {
    return {
      group: poolGroup,
      kind: 'InferencePool',
      name: ref.name,
      namespace: ref.namespace ?? routeNamespace,
      weight,
    };
  }
  const { group = '', kind = '', name, namespace, port } = backend.spec.backendRef;
  const backendNamespace = namespace ?? backend.metadata.namespace ?? routeNamespace;
  return {
    group,
    kind,
    name,
    weight,
    ...(backendNamespace === routeNamespace ? {} : { namespace: backendNamespace }),
    ...(port === undefined ? {} : { port }),
  };
}

function missingGateway({ route, ...observed }: RouteObservation): string | undefined {
  for (const { name, namespace = route.metadata.namespace } of route.spec.parentRefs ?? []) {
    if (observed.gateway({ namespace, name }) === undefined) {
      return `failed to get Gateway ${name}.${namespace ?? ''}: ${Gateway.kind} ${name}.${namespace ?? ''} not found`;
    }
  }
  return undefined;
}

/** Why no Gateway serves the route, though all it names is there: what its HTTPRoute, as it is now, was told. */
function unattached({ route, httpRoute }: RouteObservation): string | undefined {
  if ((route.spec.parentRefs ?? []).length === 0) {
    return 'spec.parentRefs names no Gateway: the route is attached to none, and nothing is served';
  }
  const verdicts = attachmentsOf(httpRoute);
  const refused = verdicts.find(({ status }) => status === 'False');
  if (refused === undefined || verdicts.some(({ status }) => status === 'True')) return undefined;
  return `HTTPRoute ${keyOf(route.metadata)} is attached nowhere: ${refused.gateway}: ${refused.reason}: ${refused.message}`;
}

/** What each Gateway says of an HTTPRoute as it is now. */
export function attachmentsOf(httpRoute: HTTPRoute | undefined) {
  return (httpRoute?.status?.parents ?? []).flatMap(({ parentRef, conditions }) =>
    conditions
      .filter(
        ({ type, observedGeneration }) =>
          type === 'Accepted' && (observedGeneration ?? 0) >= (httpRoute?.metadata.generation ?? 0),
      )
      .map(({ status, reason, message }) => ({ gateway: `Gateway ${parentRef.name}`, status, reason, message })),
  );
}

function unsupportedField({ spec }: AIGatewayRoute): string | undefined {
  if ((spec.llmRequestCosts ?? []).length === 0) return undefined;
  return 'spec.llmRequestCosts is not supported yet: requests are served, and no cost is counted';
}

export function planBackend(lookup: Lookup, backend: AIServiceBackend): Verdict {
  const problem = schemaProblem(backend) ?? credentialsProblem(lookup, 'AIServiceBackend', backend.metadata);
  return problem === undefined
    ? { accepted: true, message: 'AIServiceBackend reconciled successfully' }
    : { accepted: false, message: problem };
}

export function planSecurityPolicy(lookup: Lookup, policy: BackendSecurityPolicy): Verdict {
  const problem = policyProblem(lookup, policy);
  return problem === undefined
    ? { accepted: true, message: 'BackendSecurityPolicy reconciled successfully' }
    : { accepted: false, message: problem };
}

export const unsupportedGatewayConfig: Verdict = {
  accepted: false,
  message: 'GatewayConfig is not supported yet: it has no effect',
};
