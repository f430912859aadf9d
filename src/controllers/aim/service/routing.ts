import { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { AimRouting } from '../../../kinds/aim/fields.ts';
import { Gateway } from '../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { keyOf } from '../../../kinds/object.ts';
import type { Child } from '../../../reconcile/children.ts';
import { gatewayDuration } from '../../../kinds/durations.ts';
import { invalidSpec } from '../failures.ts';
import type { Component } from '../health.ts';
import { httpRouteChild } from './httproute.ts';
import { componentLabel, labelValue, managedByLabel } from '../labels.ts';
import { httpRouteName, predictorService } from '../names.ts';
import { currentPaths, renderPath } from './pathtemplate.ts';
import { mergeRouting } from '../runtimeconfig.ts';
import { httpRouteHealth } from './workloadhealth.ts';

/** Whether and how a service is reached through a Gateway (aim.md 5.6). */
export interface RoutePlan {
  /** undefined: routing is off. */
  readonly component: Component | undefined;
  /** undefined: the route stays as it is. */
  readonly apply: Child | undefined;
  /** The route of a service whose routing is off has to go (trap 5). */
  readonly remove: boolean;
  readonly path: string | undefined;
}

export interface RouteSituation {
  readonly service: AIMService;
  readonly config: AimRouting | undefined;
  /** Name of the InferenceService; undefined: it cannot have one. */
  readonly backend: string | undefined;
  readonly route: HTTPRoute | undefined;
  readonly served: boolean;
  /** The Gateway that is named, as far as it is one. */
  readonly gateway: Gateway | undefined;
}

export function planRoute({ service, config, backend, route, served, gateway }: RouteSituation): RoutePlan {
  const routing = mergeRouting(config, service.spec?.routing);
  const ours = route?.metadata.ownerReferences?.some(({ uid }) => uid === service.metadata.uid) === true;
  if (routing.enabled !== true) return { component: undefined, apply: undefined, remove: ours, path: undefined };
  const { gatewayRef, pathTemplate, requestTimeout, annotations } = routing;
  const no = (component: Omit<Component, 'name' | 'dependency'>, path?: string): RoutePlan => ({
    component: { name: 'HTTPRoute', dependency: 'Downstream', ...component },
    apply: undefined,
    remove: false,
    path,
  });
  if (gatewayRef === undefined) {
    const message =
      'routing is enabled and no Gateway is named: set routing.gatewayRef in the service or its runtime config';
    return no({ failures: [invalidSpec('GatewayNotConfigured', message)] });
  }
  if (requestTimeout !== undefined && gatewayDuration(requestTimeout) === undefined) {
    const message = `routing.requestTimeout "${requestTimeout}" is no duration such as 120s, 90m or 1h30m`;
    return no({ failures: [invalidSpec('RequestTimeoutInvalid', message)] });
  }
  const rendered = renderPath(pathTemplate, service, currentPaths);
  if ('error' in rendered) {
    return no({ state: 'Degraded', reason: 'PathTemplateInvalid', message: rendered.error });
  }
  const { path } = rendered;
  if (!served) {
    const message = `the cluster does not serve HTTPRoute (${HTTPRoute.group}): install the Gateway API; it is noticed within seconds`;
    return no({ state: 'Degraded', reason: 'GatewayAPINotInstalled', message }, path);
  }
  if (backend === undefined) return no({ state: 'Progressing', reason: 'HTTPRouteCreating', message: 'waits' }, path);
  const { name, namespace = '' } = service.metadata;
  const wanted = { name: httpRouteName(name, namespace), namespace, gatewayRef, path, requestTimeout, annotations };
  return {
    component: componentOf(service, route, gatewayRef, gateway),
    apply: httpRouteChild({ ...wanted, labels: labelsOf(service), backend: predictorService(backend) }),
    remove: false,
    path,
  };
}

function labelsOf({ metadata }: AIMService): Record<string, string> {
  return {
    [componentLabel]: 'routing',
    [managedByLabel]: 'aim-engine',
    [`${AIMService.group}/service`]: labelValue(metadata.name),
  };
}

function componentOf(
  service: AIMService,
  route: HTTPRoute | undefined,
  gatewayRef: NonNullable<AimRouting['gatewayRef']>,
  gateway: Gateway | undefined,
): Component {
  const named = { name: 'HTTPRoute', dependency: 'Downstream' } as const;
  if (route === undefined) {
    return { ...named, state: 'Progressing', reason: 'HTTPRouteCreating', message: 'the route is being made' };
  }
  const health = httpRouteHealth(route);
  const { kind = Gateway.kind, name, namespace = service.metadata.namespace } = gatewayRef;
  if (health.reason === 'HTTPRoutePending' && kind === Gateway.kind && gateway === undefined) {
    const message = `Gateway ${keyOf({ namespace, name })} does not exist: create it or change routing.gatewayRef`;
    return { ...named, ...health, message };
  }
  return { ...named, ...health };
}
