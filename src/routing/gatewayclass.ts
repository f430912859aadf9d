import { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import { classParameters, effectText } from './envoyproxy.ts';
import type { Lookup } from './resources.ts';
import { findings, no, wantStatus, yes, type WantedStatus } from './statuses.ts';

/** The Gateway API release whose kinds these are. */
export const bundleVersion = 'v1.5.1';

/** The features of that release that are carried out, in the names of its conformance suite; sorted. */
export const supportedFeatures: readonly string[] = [
  'BackendTLSPolicy',
  'BackendTLSPolicySANValidation',
  'Gateway',
  'GatewayBackendClientCertificate',
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

/** gatewayapi.md 2 */
export function classStatus(lookup: Lookup, object: GatewayClass, now: Date): WantedStatus {
  const parameters = classParameters(lookup, object);
  const problem = parameters !== undefined && 'problem' in parameters ? parameters.problem : undefined;
  const note = parameters !== undefined && 'key' in parameters ? effectText(parameters) : undefined;
  const served = 'Gateways of this class are served by Headgate';
  const conditions = findings(
    object.status?.conditions,
    [
      problem === undefined
        ? yes('Accepted', 'Accepted', note === undefined ? served : `${served}. ${note}`)
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
