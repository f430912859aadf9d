import { isDeepStrictEqual } from 'node:util';
import { AIGatewayRoute } from '../../kinds/aigateway/aigatewayroute.ts';
import { AIServiceBackend } from '../../kinds/aigateway/aiservicebackend.ts';
import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { ConfigMap } from '../../kinds/core/configmap.ts';
import { Namespace } from '../../kinds/core/namespace.ts';
import { Secret } from '../../kinds/core/secret.ts';
import { Pod } from '../../kinds/core/pod.ts';
import { Service } from '../../kinds/core/service.ts';
import { EndpointSlice } from '../../kinds/discovery/endpointslice.ts';
import { Backend } from '../../kinds/envoygateway/backend.ts';
import { BackendTrafficPolicy } from '../../kinds/envoygateway/backendtrafficpolicy.ts';
import { ClientTrafficPolicy } from '../../kinds/envoygateway/clienttrafficpolicy.ts';
import { EnvoyProxy } from '../../kinds/envoygateway/envoyproxy.ts';
import { HTTPRouteFilter } from '../../kinds/envoygateway/httproutefilter.ts';
import { BackendTLSPolicy } from '../../kinds/gateway/backendtlspolicy.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { GatewayClass } from '../../kinds/gateway/gatewayclass.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../kinds/inference/inferencepool.ts';
import { XInferencePool } from '../../kinds/inference/xinferencepool.ts';
import type { Kind } from '../../kinds/kind.ts';
import { keyOf, type KubeObject } from '../../kinds/object.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import type { RouteResources } from '../../routing/resources.ts';
import { summariesOf } from '../../routing/secrets.ts';

/** Kinds whose status routing reads: whether a pod is ready. */
const statusMatters: ReadonlySet<Kind> = new Set<Kind>([Pod]);

/** The routing resources of the caches, and who to tell when one of them changes. */
export interface Observed {
  resources(): RouteResources;
  /**
   * `routing` is false when only a status changed that routes do not depend on. There are many ConfigMaps and Secrets that routes have
   * nothing to do with: of those only what `uses` (by `namespace/name`) is told.
   */
  onChange(
    listener: (routing: boolean) => void,
    uses: (family: 'configMaps' | 'secrets', key: string) => boolean,
  ): () => void;
}

export function observeRouting(informers: InformerCache): Observed {
  const gatewayClasses = informers.informer(GatewayClass);
  const gateways = informers.informer(Gateway);
  const httpRoutes = informers.informer(HTTPRoute);
  const referenceGrants = informers.informer(ReferenceGrant);
  const namespaces = informers.informer(Namespace);
  const services = informers.informer(Service);
  const endpointSlices = informers.informer(EndpointSlice);
  const pods = informers.informer(Pod);
  const inferencePools = informers.informer(InferencePool);
  const xInferencePools = informers.informer(XInferencePool);
  const backends = informers.informer(Backend);
  const httpRouteFilters = informers.informer(HTTPRouteFilter);
  const clientTrafficPolicies = informers.informer(ClientTrafficPolicy);
  const backendTrafficPolicies = informers.informer(BackendTrafficPolicy);
  const aiGatewayRoutes = informers.informer(AIGatewayRoute);
  const aiServiceBackends = informers.informer(AIServiceBackend);
  const backendSecurityPolicies = informers.informer(BackendSecurityPolicy);
  const backendTLSPolicies = informers.informer(BackendTLSPolicy);
  const envoyProxies = informers.informer(EnvoyProxy);
  const configMaps = informers.informer(ConfigMap);
  const secrets = informers.informer(Secret);
  const informersOf = {
    gatewayClasses,
    gateways,
    httpRoutes,
    referenceGrants,
    namespaces,
    services,
    endpointSlices,
    pods,
  };
  const poolsOf = { inferencePools, xInferencePools };
  const policiesOf = { backends, httpRouteFilters, clientTrafficPolicies, backendTrafficPolicies };
  const proxiesOf = { backendTLSPolicies, envoyProxies };
  const aiOf = { aiGatewayRoutes, aiServiceBackends, backendSecurityPolicies };
  const all = { ...informersOf, ...poolsOf, ...policiesOf, ...proxiesOf, ...aiOf };
  return {
    resources: () => ({
      gatewayClasses: gatewayClasses.list(),
      gateways: gateways.list(),
      httpRoutes: httpRoutes.list(),
      referenceGrants: referenceGrants.list(),
      namespaces: namespaces.list(),
      services: services.list(),
      endpointSlices: endpointSlices.list(),
      pods: pods.list(),
      inferencePools: inferencePools.list(),
      xInferencePools: xInferencePools.list(),
      backends: backends.list(),
      httpRouteFilters: httpRouteFilters.list(),
      clientTrafficPolicies: clientTrafficPolicies.list(),
      backendTrafficPolicies: backendTrafficPolicies.list(),
      aiGatewayRoutes: aiGatewayRoutes.list(),
      aiServiceBackends: aiServiceBackends.list(),
      backendSecurityPolicies: backendSecurityPolicies.list(),
      backendTLSPolicies: backendTLSPolicies.list(),
      envoyProxies: envoyProxies.list(),
      configMaps: configMaps.list(),
      secrets: summariesOf(secrets.list()),
    }),
    onChange: (listener, uses) => {
      const stops = Object.values(all).map((informer) =>
        informer.onChange((change) => {
          listener(statusMatters.has(informer.kind) || !onlyStatusChanged(change));
        }),
      );
      const told = (family: 'configMaps' | 'secrets') => (change: Change<KubeObject>) => {
        if (uses(family, keyOf(change.object.metadata)) && !onlyStatusChanged(change)) listener(true);
      };
      stops.push(configMaps.onChange(told('configMaps')), secrets.onChange(told('secrets')));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

const bookkeeping = new Set(['resourceVersion', 'managedFields']);

/** True when two versions of an object differ in nothing but their status. */
export function onlyStatusChanged({ object, previous, deleted }: Change<KubeObject>): boolean {
  if (previous === undefined || deleted) return false;
  return isDeepStrictEqual(withoutStatus(object), withoutStatus(previous));
}

function withoutStatus(object: KubeObject): unknown {
  const fields = Object.entries(object).filter(([name]) => name !== 'status' && name !== 'metadata');
  const metadata = Object.entries(object.metadata).filter(([name]) => !bookkeeping.has(name));
  return [Object.fromEntries(fields), Object.fromEntries(metadata)];
}
