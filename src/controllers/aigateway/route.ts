import { AIGatewayRoute } from '../../kinds/aigateway/aigatewayroute.ts';
import { AIServiceBackend } from '../../kinds/aigateway/aiservicebackend.ts';
import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { HTTPRouteFilter } from '../../kinds/envoygateway/httproutefilter.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../../kinds/object.ts';
import { watch, type Watch } from '../../kube/controller.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import { noResources, type Lookup } from '../../routing/resources.ts';
import { lookupOf } from '../../routing/lookup.ts';
import { child } from '../../reconcile/children.ts';
import type { Definition, Plan, Reader } from '../../reconcile/pass.ts';
import { attachmentsOf, planRoute, type RouteObservation } from './plan.ts';
import { policiesOf, readsAbroad, targetKeysOf, targetsAbroad } from './policies.ts';
import { refusalIn, statusOf } from './verdict.ts';

/** AIGatewayRoutes: the HTTPRoute and the filters that each stands for (aigateway.md 2.1 to 2.4). */

export const finalizer = 'aigateway.envoyproxy.io/finalizer';

/** Passes wait for the API most of the time: thousands of routes that come at once are not written one after the other. */
const workers = 8;

export function routeDefinition(informers: InformerCache): Definition<AIGatewayRoute, Omit<RouteObservation, 'route'>> {
  return {
    name: 'aigatewayroute',
    manager: 'headgate-aigateway',
    kind: AIGatewayRoute,
    owns: [HTTPRouteFilter],
    reads: [AIServiceBackend, BackendSecurityPolicy, ReferenceGrant, Gateway, HTTPRoute],
    watches: routeWatches(informers),
    workers,
    finalizer: { name: finalizer },
    observe: (route, read) => ({
      lookup: lookupFor(route, read),
      httpRoute: read.get(HTTPRoute, route.metadata),
      gateway: (ref) => read.get(Gateway, ref),
    }),
    plan: (route, observed) => passOf(route, observed),
  };
}

function passOf(route: AIGatewayRoute, observed: Omit<RouteObservation, 'route'>): Plan<AIGatewayRoute> {
  const { filters, httpRoute, verdict } = planRoute({ route, ...observed });
  return {
    apply: [
      // Users may edit the filters afterwards.
      ...filters.map((filter) => child(HTTPRouteFilter, filter, { owned: true, write: 'create' })),
      ...(httpRoute === undefined ? [] : [child(HTTPRoute, httpRoute, { owned: true, write: 'update' })]),
    ],
    status: (failures, now) => {
      const refusal = refusalIn(failures);
      if (refusal === undefined && failures.length > 0) return { status: route.status ?? {}, events: [] };
      return statusOf(route, refusal ?? verdict, now);
    },
  };
}

/** What the route refers to, and nothing else: a pass costs the same among ten routes and among thousands. */
function lookupFor(route: AIGatewayRoute, read: Reader): Lookup {
  const refs = backendRefsOf(route);
  const backendSecurityPolicies = [...new Set(refs.flatMap((ref) => policiesOf(read, ref)))];
  const crossing =
    refs.some(({ namespace }) => namespace !== route.metadata.namespace) || backendSecurityPolicies.some(readsAbroad);
  return lookupOf({
    ...noResources,
    referenceGrants: crossing ? read.list(ReferenceGrant) : [],
    aiServiceBackends: refs.flatMap((ref) => read.get(AIServiceBackend, ref) ?? []),
    backendSecurityPolicies,
  });
}

const byBackend = 'backend';
const byParent = 'parent';
const crossNamespace = 'cross-namespace';

/** What else wakes a route: found by index, so that one change among thousands of routes costs what it concerns. */
function routeWatches(informers: InformerCache): Watch[] {
  const routes = informers.informer(AIGatewayRoute);
  routes.addIndex(byBackend, (route) => backendRefsOf(route).map(keyOf));
  routes.addIndex(byParent, parentsOf);
  routes.addIndex(crossNamespace, (route) =>
    backendRefsOf(route).some(({ namespace }) => namespace !== route.metadata.namespace) ? ['yes'] : [],
  );
  const filed = (index: string, value: string): string[] =>
    routes.byIndex(index, value).map(({ metadata }) => keyOf(metadata));
  return [
    // By name: an HTTPRoute that somebody else made, in the way of ours, is news, too.
    watch(informers.informer(HTTPRoute), (change) =>
      (onlyStatusChanged(change) && sameAttachments(change)) || routes.get(change.object.metadata) === undefined
        ? []
        : [keyOf(change.object.metadata)],
    ),
    watch(informers.informer(ReferenceGrant), () => [
      ...filed(crossNamespace, 'yes'),
      ...targetsAbroad(informers).flatMap((key) => filed(byBackend, key)),
    ]),
    watch(informers.informer(Gateway), ({ object, previous, deleted }) =>
      previous === undefined || deleted ? filed(byParent, keyOf(object.metadata)) : [],
    ),
    watch(informers.informer(AIServiceBackend), (change) =>
      onlyStatusChanged(change) ? [] : filed(byBackend, keyOf(change.object.metadata)),
    ),
    watch(informers.informer(BackendSecurityPolicy), (change) =>
      onlyStatusChanged(change) ? [] : targetKeysOf(change).flatMap((key) => filed(byBackend, key)),
    ),
  ];
}

function onlyStatusChanged({ object, previous, deleted }: Change<KubeObject>): boolean {
  if (deleted || previous === undefined) return false;
  const declared = ({ metadata }: KubeObject): string =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.labels,
      metadata.annotations,
      metadata.ownerReferences,
      metadata.deletionTimestamp,
    ]);
  return object.metadata.generation !== undefined && declared(object) === declared(previous);
}

function sameAttachments({ object, previous }: Change<HTTPRoute>): boolean {
  return JSON.stringify(attachmentsOf(object)) === JSON.stringify(attachmentsOf(previous));
}

function backendRefsOf({ metadata, spec }: AIGatewayRoute): ObjectRef[] {
  return spec.rules.flatMap(({ backendRefs = [] }) =>
    backendRefs.map(({ namespace = metadata.namespace, name }) => ({ namespace, name })),
  );
}

function parentsOf({ metadata, spec }: AIGatewayRoute): string[] {
  return (spec.parentRefs ?? []).map(({ namespace = metadata.namespace, name }) => keyOf({ namespace, name }));
}
