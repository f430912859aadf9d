import { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import { findings, no, wantStatus, yes, type WantedStatus } from './statuses.ts';

/** The Gateway API release whose kinds these are. */
export const bundleVersion = 'v1.5.1';

/** The features of that release that are carried out, in the names of its conformance suite; sorted. */
export const supportedFeatures: readonly string[] = [
  'Gateway',
  'GatewayHTTPListenerIsolation',
  'HTTPRoute',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'ReferenceGrant',
];

/** Why Gateways of a class are not served although the class names one of our controllers. */
export function classProblem({ spec }: GatewayClass): string | undefined {
  return spec.parametersRef === undefined ? undefined : 'spec.parametersRef is not supported: remove it';
}

/** gatewayapi.md 2 */
export function classStatus(object: GatewayClass, now: Date): WantedStatus {
  const problem = classProblem(object);
  const conditions = findings(
    object.status?.conditions,
    [
      problem === undefined
        ? yes('Accepted', 'Accepted', 'Gateways of this class are served by Headgate')
        : no('Accepted', 'InvalidParameters', problem),
      yes('SupportedVersion', 'SupportedVersion', `Gateway API ${bundleVersion} is supported`),
    ],
    object,
    now,
  );
  return wantStatus(GatewayClass, object, {
    ...object.status,
    conditions,
    supportedFeatures: supportedFeatures.map((name) => ({ name })),
  });
}
