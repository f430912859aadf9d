import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import type { AimRouting } from '../../../../kinds/aim/fields.ts';
import { Gateway } from '../../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../kinds/gateway/httproute.ts';
import { keyOf } from '../../../../kinds/object.ts';
import type { Child } from '../../../../reconcile/children.ts';
import { gatewayDuration } from '../../../../kinds/durations.ts';
import type { ExtraCondition } from '../../health.ts';
import { httpRouteChild } from '../httproute.ts';
import { legacyHTTPRouteName } from '../../legacynames.ts';
import { predictorService } from '../../names.ts';
import { legacyPaths, renderPath } from '../pathtemplate.ts';
import { mergeRouting } from '../../runtimeconfig.ts';
import type { ObservedLegacyService } from './observe.ts';

/** Whether and how a service of aim.silogen.ai is reached through a Gateway (aim.md 11.5, 11.6). */
export interface LegacyRoutePlan {
  readonly path: string | undefined;
  /** undefined: the route stays as it is. */
  readonly apply: Child | undefined;
  /** The route of a service whose routing is off has to go (trap 5). */
  readonly remove: boolean;
  readonly condition: ExtraCondition;
  /** What a route that cannot be had makes of the service. */
  readonly verdict: 'ready' | 'waiting' | 'degraded' | 'failed' | 'invalid';
}

export function planLegacyRoute(
  service: LegacyAIMService,
  seen: ObservedLegacyService,
  labels: Record<string, string>,
): LegacyRoutePlan {
  const { config, route, gateway, servingName, servesRoutes } = seen;
  const { name, namespace = '', uid } = service.metadata;
  const routing = mergeRouting(config.spec.routing, service.spec?.routing);
  const { gatewayRef, pathTemplate, requestTimeout, annotations } = routing;
  const without = (
    verdict: LegacyRoutePlan['verdict'],
    reason: string,
    message: string,
    path?: string,
  ): LegacyRoutePlan => ({
    path,
    apply: undefined,
    remove: false,
    condition: condition(verdict === 'ready', reason, message),
    verdict,
  });
  if (routing.enabled !== true) {
    const ours = route?.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
    return { ...without('ready', 'RouteReady', 'Routing disabled'), remove: ours };
  }
  const rendered = renderPath(pathTemplate, service, legacyPaths);
  if ('error' in rendered) return without('invalid', 'PathTemplateInvalid', rendered.error);
  const { path } = rendered;
  if (gatewayRef === undefined) {
    const message =
      'routing is enabled and no Gateway is named: set routing.gatewayRef in the service or its runtime config';
    return without('failed', 'RouteFailed', message, path);
  }
  if (requestTimeout !== undefined && gatewayDuration(requestTimeout) === undefined) {
    const message = `routing.requestTimeout "${requestTimeout}" is no duration such as 120s, 90m or 1h30m`;
    return without('degraded', 'RouteFailed', message, path);
  }
  if (!servesRoutes) {
    const message = `the cluster does not serve HTTPRoute (${HTTPRoute.group}): install the Gateway API; it is noticed within seconds`;
    return without('degraded', 'RouteFailed', message, path);
  }
  const parent = { namespace, ...gatewayRef };
  const { verdict, ...told } = healthOf(route, parent, gateway);
  return {
    path,
    apply: httpRouteChild({
      name: legacyHTTPRouteName(name),
      namespace,
      labels,
      annotations,
      gatewayRef: parent,
      path,
      backend: predictorService(servingName),
      requestTimeout,
    }),
    remove: false,
    condition: condition(verdict === 'ready', told.reason, told.message),
    verdict,
  };
}

const condition = (ready: boolean, reason: string, message: string): ExtraCondition => ({
  type: 'RoutingReady',
  status: ready ? 'True' : 'False',
  reason,
  message,
});

type Told = Pick<LegacyRoutePlan, 'verdict'> & { reason: string; message: string };

/** All parents must have accepted the route. */
function healthOf(
  route: HTTPRoute | undefined,
  parent: NonNullable<AimRouting['gatewayRef']>,
  gateway: Gateway | undefined,
): Told {
  const waiting = (message: string): Told => ({ verdict: 'waiting', reason: 'ConfiguringRoute', message });
  if (route === undefined) return waiting('the HTTPRoute is made when the template is ready');
  const called = `HTTPRoute ${route.metadata.name}`;
  if ((parent.kind ?? Gateway.kind) === Gateway.kind && gateway === undefined) {
    return waiting(`Gateway ${keyOf(parent)} does not exist: create it or change routing.gatewayRef`);
  }
  const accepted = (route.status?.parents ?? []).map(({ conditions }) =>
    conditions.find(({ type }) => type === 'Accepted'),
  );
  if (accepted.length === 0) return waiting(`no Gateway has said anything about ${called} yet`);
  const refused = accepted.find((one) => one?.status === 'False');
  if (refused !== undefined) {
    const { reason, message } = refused;
    return { verdict: reason === 'RouteFailed' ? 'degraded' : 'waiting', reason, message: `${called}: ${message}` };
  }
  return accepted.every((one) => one?.status === 'True')
    ? { verdict: 'ready', reason: 'RouteReady', message: 'HTTPRoute configured' }
    : waiting(`not all Gateways have accepted ${called} yet`);
}
