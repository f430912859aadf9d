import { parseAllDocuments } from 'yaml';
import { planRoute } from '../../src/controllers/aigateway/plan.ts';
import type { Secret } from '../../src/kinds/core/secret.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { noResources, type RouteResources } from '../../src/routing/resources.ts';
import { lookupOf } from '../../src/routing/lookup.ts';
import { summariesOf } from '../../src/routing/secrets.ts';

/** Which list of RouteResources holds the objects of a kind. */
const listOf: Readonly<Record<string, keyof RouteResources>> = {
  GatewayClass: 'gatewayClasses',
  Gateway: 'gateways',
  HTTPRoute: 'httpRoutes',
  ReferenceGrant: 'referenceGrants',
  Namespace: 'namespaces',
  Service: 'services',
  EndpointSlice: 'endpointSlices',
  Pod: 'pods',
  Backend: 'backends',
  HTTPRouteFilter: 'httpRouteFilters',
  ClientTrafficPolicy: 'clientTrafficPolicies',
  BackendTrafficPolicy: 'backendTrafficPolicies',
  AIGatewayRoute: 'aiGatewayRoutes',
  AIServiceBackend: 'aiServiceBackends',
  BackendSecurityPolicy: 'backendSecurityPolicies',
  BackendTLSPolicy: 'backendTLSPolicies',
  EnvoyProxy: 'envoyProxies',
  ConfigMap: 'configMaps',
  Secret: 'secrets',
};

const listOfPool = ({ apiVersion }: KubeObject): keyof RouteResources =>
  apiVersion.startsWith('inference.networking.x-k8s.io/') ? 'xInferencePools' : 'inferencePools';

const clusterScoped = new Set(['GatewayClass', 'Namespace']);

/** The objects of a YAML file as caches would hold them: in namespace default, with uids and ages, AIGatewayRoutes planned. */
export function resourcesOf(yaml: string): RouteResources {
  const documents = parseAllDocuments(yaml);
  const lists: Record<string, KubeObject[]> = {};
  for (const [i, document] of documents.entries()) {
    for (const error of document.errors) throw error;
    const object = document.toJS() as KubeObject | null;
    if (object === null) continue;
    const list = object.kind === 'InferencePool' ? listOfPool(object) : listOf[object.kind];
    if (list === undefined) throw new Error(`no routing resource: ${object.kind}`);
    const metadata = {
      uid: `uid-${i}`,
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(clusterScoped.has(object.kind) ? {} : { namespace: 'default' }),
      ...object.metadata,
    };
    (lists[list] ??= []).push({ ...object, metadata });
  }
  // The files are ours; what they lack of a kind's type is theirs to fear.
  const secrets = summariesOf((lists['secrets'] ?? []).map((object) => withData(object as Secret)));
  const resources = { ...noResources, ...lists, secrets } as unknown as RouteResources;
  return { ...resources, httpRoutes: [...resources.httpRoutes, ...generatedRoutes(resources)] };
}

/** As an API has it: what is written as text is kept in base64. */
function withData(secret: Secret): Secret {
  const { stringData = {}, ...rest } = secret;
  const data = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return { ...rest, data: { ...secret.data, ...(Object.fromEntries(data) as Record<string, string>) } };
}

function generatedRoutes(resources: RouteResources): RouteResources['httpRoutes'] {
  const lookup = lookupOf(resources);
  return resources.aiGatewayRoutes.flatMap((route) => {
    const { httpRoute } = planRoute({
      route,
      lookup,
      httpRoute: undefined,
      gateway: ({ namespace, name }) =>
        resources.gateways.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    });
    if (httpRoute === undefined) return [];
    const { creationTimestamp = '', uid = '' } = route.metadata;
    return [
      { ...httpRoute, metadata: { ...httpRoute.metadata, uid: `${uid}-http`, generation: 1, creationTimestamp } },
    ];
  });
}
