import { AIGatewayRoute } from '../../kinds/aigateway/aigatewayroute.ts';
import { AIServiceBackend } from '../../kinds/aigateway/aiservicebackend.ts';
import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { GatewayConfig } from '../../kinds/aigateway/gatewayconfig.ts';
import { HTTPRouteFilter } from '../../kinds/envoygateway/httproutefilter.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import type { Kind } from '../../kinds/kind.ts';
import { keyOf, refOf, type KubeObject, type ObjectRef } from '../../kinds/object.ts';
import { KubeError, type KubeClient } from '../../kube/client.ts';
import { startController, watch, type Controller } from '../../kube/controller.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import { lookupOf, noResources, type Lookup } from '../../routing/resources.ts';
import type { Log } from '../../telemetry/log.ts';
import { createSettled } from '../../reconcile/settled.ts';
import { createMissingFilters, typeAsReason, writeHTTPRoute, writeVerdict, type WithConditions } from './apply.ts';
import { planBackend, planRoute, unsupportedGatewayConfig, unsupportedSecurityPolicy, type Verdict } from './plan.ts';

export interface AIGatewayOptions {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly log: Log;
}

export const finalizer = 'aigateway.envoyproxy.io/finalizer';

/** Keeps the generated objects and the statuses of the AI gateway kinds (aigateway.md 2.1 to 2.4). */
export async function startAIGatewayControllers(options: AIGatewayOptions): Promise<Controller> {
  const { client, informers, log } = options;
  const routes = informers.informer(AIGatewayRoute);
  const backends = informers.informer(AIServiceBackend);
  const policies = informers.informer(BackendSecurityPolicy);
  const grants = informers.informer(ReferenceGrant);
  const gateways = informers.informer(Gateway);
  const httpRoutes = informers.informer(HTTPRoute);
  const filters = informers.informer(HTTPRouteFilter);
  await informers.synced();

  const settled = createSettled();
  const lookup = (): Lookup =>
    lookupOf({
      ...noResources,
      referenceGrants: grants.list(),
      aiServiceBackends: backends.list(),
      backendSecurityPolicies: policies.list(),
    });

  const own = ({ object }: Change<KubeObject>): string[] => [keyOf(object.metadata)];
  const routesWhere = (holds: (route: AIGatewayRoute) => boolean): string[] =>
    routes
      .list()
      .filter(holds)
      .map(({ metadata }) => keyOf(metadata));

  const reconcileRoute = async (key: string): Promise<void> => {
    const route = routes.get(refOf(key));
    if (route === undefined) return;
    if (route.metadata.deletionTimestamp !== undefined) {
      await setFinalizer(client, route, false);
      return;
    }
    await setFinalizer(client, route, true);
    const httpRoute = httpRoutes.get(route.metadata);
    const plan = planRoute({ route, lookup: lookup(), httpRoute, gateway: (ref) => gateways.get(ref) });
    let { verdict } = plan;
    try {
      await createMissingFilters(client, plan.filters, (filter) => filters.get(filter.metadata) !== undefined);
      if (plan.httpRoute !== undefined) await writeHTTPRoute(client, settled, plan.httpRoute, httpRoute);
    } catch (error) {
      const refusal = refusalText(error);
      if (refusal === undefined) throw error;
      verdict = { accepted: false, message: refusal };
    }
    await writeVerdict(client, AIGatewayRoute, route, verdict);
  };

  const controllers = [
    startController({
      name: 'aigatewayroute',
      log,
      reconcile: reconcileRoute,
      watches: [
        watch(routes, own),
        watch(httpRoutes, ({ object }) => (routes.get(object.metadata) === undefined ? [] : [keyOf(object.metadata)])),
        watch(filters, ({ object }) => ownersOf(object, AIGatewayRoute.kind)),
        watch(grants, () => routesWhere(crossesNamespaces)),
        watch(gateways, ({ object, previous, deleted }) =>
          previous === undefined || deleted ? routesWhere((route) => hasParent(route, object.metadata)) : [],
        ),
        watch(backends, ({ object }) => routesWhere((route) => refersTo(route, object.metadata))),
        watch(policies, ({ object }) => routesWhere((route) => mayUse(route, object.metadata.namespace))),
      ],
    }),
    startController({
      name: 'aiservicebackend',
      log,
      reconcile: async (key) => {
        const backend = backends.get(refOf(key));
        if (backend !== undefined)
          await writeVerdict(client, AIServiceBackend, backend, planBackend(lookup(), backend));
      },
      watches: [
        watch(backends, own),
        watch(policies, ({ object }) =>
          backends.list(object.metadata.namespace).map(({ metadata }) => keyOf(metadata)),
        ),
      ],
    }),
    startFixedVerdict(options, BackendSecurityPolicy, unsupportedSecurityPolicy),
    startFixedVerdict(options, GatewayConfig, unsupportedGatewayConfig, typeAsReason),
  ];
  return {
    stop: async () => {
      await Promise.all(controllers.map(async (controller) => controller.stop()));
    },
  };
}

/** A kind whose objects all get the same answer for now. */
function startFixedVerdict<T extends WithConditions>(
  { client, informers, log }: AIGatewayOptions,
  kind: Kind<T>,
  verdict: Verdict,
  reasons?: typeof typeAsReason,
): Controller {
  const informer = informers.informer(kind);
  return startController({
    name: kind.kind.toLowerCase(),
    log,
    reconcile: async (key) => {
      const object = informer.get(refOf(key));
      if (object !== undefined) await writeVerdict(client, kind, object, verdict, reasons);
    },
    watches: [watch(informer, ({ object }) => [keyOf(object.metadata)])],
  });
}

async function setFinalizer(client: KubeClient, route: AIGatewayRoute, wanted: boolean): Promise<void> {
  const { finalizers = [], resourceVersion } = route.metadata;
  if (finalizers.includes(finalizer) === wanted) return;
  const changed = wanted ? [...finalizers, finalizer] : finalizers.filter((name) => name !== finalizer);
  // With the resourceVersion, so that nobody else's finalizer is lost.
  const body = { metadata: { finalizers: changed, resourceVersion } };
  await client.patch(AIGatewayRoute, route.metadata, { type: 'merge', body });
}

/** What the user has to know of a write that the API refuses for good; undefined for errors that may pass. */
function refusalText(error: unknown): string | undefined {
  if (!(error instanceof KubeError) || ![400, 403, 422].includes(error.code)) return undefined;
  return `the generated objects are refused: ${error.message}`;
}

function ownersOf({ metadata }: KubeObject, kind: string): string[] {
  const { namespace, ownerReferences = [] } = metadata;
  return ownerReferences.filter((owner) => owner.kind === kind).map(({ name }) => keyOf({ namespace, name }));
}

function refsOf({ metadata, spec }: AIGatewayRoute): ObjectRef[] {
  return spec.rules.flatMap(({ backendRefs = [] }) =>
    backendRefs.map(({ namespace = metadata.namespace, name }) => ({ namespace, name })),
  );
}

function refersTo(route: AIGatewayRoute, target: ObjectRef): boolean {
  return refsOf(route).some((ref) => keyOf(ref) === keyOf(target));
}

function mayUse(route: AIGatewayRoute, namespace: string | undefined): boolean {
  return refsOf(route).some((ref) => ref.namespace === namespace);
}

function crossesNamespaces(route: AIGatewayRoute): boolean {
  return refsOf(route).some((ref) => ref.namespace !== route.metadata.namespace);
}

function hasParent(route: AIGatewayRoute, gateway: ObjectRef): boolean {
  return (route.spec.parentRefs ?? []).some(
    ({ namespace = route.metadata.namespace, name }) => keyOf({ namespace, name }) === keyOf(gateway),
  );
}
