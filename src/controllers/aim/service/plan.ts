import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { InferenceService } from '../../../kinds/kserve/inferenceservice.ts';
import type { Child } from '../../../reconcile/children.ts';
import { invalidSpec } from '../failures.ts';
import { assess, type Component, type State } from '../health.ts';
import type { Plan } from '../../../reconcile/pass.ts';
import { referenceTo } from '../references.ts';
import { transitionEvents } from '../transitions.ts';
import { podsHealth } from './workloadhealth.ts';
import { inferenceServiceChild, mountsCache } from './inferenceservice.ts';
import { isReady, modelComponent } from './model.ts';
import type { ObservedService } from './observe.ts';
import { planRoute, type RoutePlan } from './routing.ts';
import { autoscalerComponent, isAutoscaled, runtimeOf } from './scaling.ts';
import { templateComponent } from './template.ts';
import { cacheComponent, cachingMode, templateCacheChild } from './templatecache.ts';
import type { WriteFailure } from '../../../reconcile/failures.ts';

type ServiceSpec = NonNullable<AIMService['spec']>;
type ServiceStatus = NonNullable<AIMService['status']>;

/** From what was observed to the children and the status of a service (aim.md 5.3, 5.8). */
export function planService(service: AIMService, observed: ObservedService | undefined): Plan<AIMService> {
  const { spec } = service;
  if (spec === undefined || observed === undefined) return planWithoutSpec(service);
  const { config, servesKServe } = observed;
  const route = routeOf(service, observed);
  const components = componentsOf(service, spec, observed, route);
  return {
    // With a configuration missing, everything made now would have to be made again.
    apply: config.failure === undefined ? childrenOf(service, spec, observed, route) : [],
    remove: route.remove && observed.route !== undefined ? [{ kind: HTTPRoute, ref: observed.route.metadata }] : [],
    labelPropagation: config.spec.labelPropagation,
    requeueAfterMs: servesKServe && (observed.servesRoutes || route.component === undefined) ? undefined : unservedMs,
    status: (failedWrites, now) =>
      statusOf(service, components, failedWrites, now, fieldsOf(service, spec, observed, route)),
  };
}

export function routeOf(service: AIMService, observed: ObservedService): RoutePlan {
  return planRoute({
    service,
    config: observed.config.spec.routing,
    backend: observed.servingName,
    route: observed.route,
    served: observed.servesRoutes,
    gateway: observed.gateway,
  });
}

/** What the service depends on and what it makes, each with its state (aim.md 5.8). */
export function componentsOf(
  service: AIMService,
  spec: ServiceSpec,
  observed: ObservedService,
  route: RoutePlan,
): Component[] {
  return [
    ...configComponents(observed),
    modelComponent(observed.model),
    templateComponent(observed.template, messageOf(service, 'TemplateReady')),
    ...cacheComponents(spec, observed),
    ...servingComponents(spec, observed),
    ...(route.component === undefined ? [] : [route.component]),
  ];
}

/** A kind that is missing may be installed at any time. */
const unservedMs = 10_000;

function planWithoutSpec(service: AIMService): Plan<AIMService> {
  const failures = [invalidSpec('ModelNotSpecified', 'spec.model is missing: say which model to serve')];
  return {
    apply: [],
    status: (failedWrites, now) =>
      statusOf(service, [{ name: 'Model', failures, dependency: 'Upstream' }], failedWrites, now, {}),
  };
}

function messageOf(service: AIMService, type: string): string | undefined {
  return service.status?.conditions?.find((condition) => condition.type === type)?.message;
}

function configComponents({ config }: ObservedService): Component[] {
  const named = { name: 'RuntimeConfig', dependency: 'Upstream' } as const;
  if (config.failure !== undefined) return [{ ...named, failures: [config.failure] }];
  if (config.reference === undefined) return [];
  const message = `runtime config ${config.reference.name ?? ''} is used`;
  return [{ ...named, state: 'Ready', reason: 'RuntimeConfigResolved', message }];
}

function childrenOf(service: AIMService, spec: ServiceSpec, observed: ObservedService, route: RoutePlan): Child[] {
  const { model, template, cache, config, servingName, serving, servesKServe } = observed;
  const children: Child[] = [
    ...(model.outcome === 'create' ? [model.create] : []),
    ...(template.outcome === 'derive' ? [template.derived] : []),
    ...(route.apply === undefined ? [] : [route.apply]),
  ];
  if (template.outcome !== 'found' || !isReady(template.template)) return children;
  if (cache === undefined && (template.template.status?.modelSources?.length ?? 0) > 0) {
    children.push(templateCacheChild(service, spec, template.kind, template.template, config.spec));
  }
  // Only whole specifications are written (trap 15): without its model the image is not known.
  const image = model.outcome === 'found' ? model.model.spec?.image : undefined;
  if (servingName === undefined || image === undefined || !servesKServe) return children;
  const readyCache = cache !== undefined && isReady(cache) ? cache : undefined;
  const mayStart = model.outcome === 'found' && isReady(model.model) && readyCache !== undefined;
  if (serving === undefined && !mayStart) return children;
  const parts = { name: servingName, service, spec, image, template: template.template, config: config.spec };
  return [...children, inferenceServiceChild({ ...parts, cache: readyCache, live: serving })];
}

function cacheComponents(spec: ServiceSpec, { template, cache, serving }: ObservedService): Component[] {
  const known = template.outcome === 'found' && isReady(template.template);
  if (!known && cache === undefined) return [];
  return [
    cacheComponent({
      mode: cachingMode(spec),
      cache,
      hasSources: template.outcome === 'found' && (template.template.status?.modelSources?.length ?? 0) > 0,
      mounted: mountsCache(serving),
    }),
  ];
}

function servingComponents(spec: ServiceSpec, observed: ObservedService): Component[] {
  const { servingName, serving, pods, autoscaler } = observed;
  const component = servingComponent(observed);
  if (servingName === undefined || serving === undefined) return [component];
  const ready = component.state === 'Ready';
  return [
    component,
    { name: 'InferenceServicePods', dependency: 'Downstream', ...podsHealth(pods) },
    ...(isAutoscaled(spec) ? [autoscalerComponent(servingName, autoscaler, ready)] : []),
  ];
}

function servingComponent({ servingName, serving, servesKServe }: ObservedService): Component {
  const named = { name: 'InferenceService', dependency: 'Downstream' } as const;
  if (servingName === undefined) {
    const message =
      'namespaces of more than 42 characters cannot have services: the names of what is made would be too long';
    return { ...named, failures: [invalidSpec('NamespaceTooLong', message)] };
  }
  if (!servesKServe) {
    const message = `the cluster does not serve InferenceService (${InferenceService.group}): install KServe; it is noticed within seconds`;
    return { ...named, state: 'Degraded', reason: 'KServeNotInstalled', message };
  }
  if (serving === undefined) {
    return {
      ...named,
      state: 'Progressing',
      reason: 'CreatingRuntime',
      message: 'the InferenceService is made when all it needs is ready',
    };
  }
  const ready = serving.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') {
    return { ...named, state: 'Ready', reason: 'RuntimeReady', message: `InferenceService ${servingName} is ready` };
  }
  const failure = serving.status?.modelStatus?.lastFailureInfo?.message;
  const why = failure ?? ready?.message ?? '';
  const message = `InferenceService ${servingName} is not ready yet${why === '' ? '' : `: ${why}`}`;
  return { ...named, state: 'Progressing', reason: 'CreatingRuntime', message };
}

/** Services call two states by other names, and have no word for the third (trap 3). */
const serviceStates: Readonly<Record<State, NonNullable<ServiceStatus['status']>>> = {
  Running: 'Running',
  Ready: 'Running',
  Progressing: 'Starting',
  Starting: 'Starting',
  Pending: 'Pending',
  Degraded: 'Degraded',
  NotAvailable: 'Degraded',
  Failed: 'Failed',
};

type StatusFields = Omit<ServiceStatus, 'status' | 'conditions' | 'observedGeneration'>;

function fieldsOf(service: AIMService, spec: ServiceSpec, observed: ObservedService, route: RoutePlan): StatusFields {
  const { config, model, template, cache, autoscaler } = observed;
  const { resolvedModel, resolvedTemplate } = service.status ?? {};
  const readyModel =
    model.outcome === 'found' && isReady(model.model) ? referenceTo(model.kind, model.model) : resolvedModel;
  const readyTemplate =
    template.outcome === 'found' && isReady(template.template)
      ? referenceTo(template.kind, template.template)
      : resolvedTemplate;
  return {
    ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
    ...(readyModel === undefined ? {} : { resolvedModel: readyModel }),
    ...(readyTemplate === undefined ? {} : { resolvedTemplate: readyTemplate }),
    ...(route.path === undefined ? {} : { routing: { path: route.path } }),
    ...(cache !== undefined && isReady(cache)
      ? { cache: { templateCacheRef: referenceTo(AIMTemplateCache, cache) } }
      : {}),
    runtime: runtimeOf(spec, autoscaler),
  };
}

function statusOf(
  service: AIMService,
  components: readonly Component[],
  failedWrites: readonly WriteFailure[],
  now: Date,
  fields: StatusFields,
) {
  const previous = service.status?.conditions ?? [];
  const { state, conditions, alarms, retry } = assess({ components, failedWrites }, previous, now);
  const { generation } = service.metadata;
  const status: ServiceStatus = {
    status: serviceStates[state],
    conditions,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...fields,
  };
  return { status, events: transitionEvents(previous, conditions, alarms), retry };
}
