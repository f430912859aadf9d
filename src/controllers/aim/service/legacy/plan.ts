import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import { HTTPRoute } from '../../../../kinds/gateway/httproute.ts';
import type { Child } from '../../../../reconcile/children.ts';
import type { Plan } from '../../../../reconcile/pass.ts';
import { legacyInferenceService, servingLabels } from './inferenceservice.ts';
import type { ObservedLegacyService } from './observe.ts';
import { planLegacyRoute, type LegacyRoutePlan } from './routing.ts';
import { legacyServiceStatus } from './status.ts';
import type { LegacyServiceSituation } from './statusrows.ts';
import {
  obsoleteClaim,
  sourcesOf,
  storageOf,
  templateCacheChild,
  temporaryClaim,
  type LegacyStorage,
} from './storage.ts';
import { isReadyNow } from './template.ts';

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;

/** Changes of other objects wake a service; this is for what happens between a change and its being known. */
const unsettledMs = 10_000;

/** From what was observed to the children and the status of a service (aim.md 11.5, 11.6). */
export function planLegacyService(
  service: LegacyAIMService,
  seen: ObservedLegacyService | undefined,
): Plan<LegacyAIMService> {
  const { spec } = service;
  if (spec === undefined || seen === undefined) {
    return { apply: [], status: (failedWrites, now) => legacyServiceStatus({ service, failedWrites, now }) };
  }
  const route = planLegacyRoute(service, seen, routeLabels(service, seen));
  const storage = storageOf(spec, seen);
  const situation: Omit<LegacyServiceSituation, 'failedWrites' | 'now'> = { service, seen, route, storage };
  return {
    apply: childrenOf(service, spec, seen, route, storage),
    remove: [
      ...(route.remove && seen.route !== undefined ? [{ kind: HTTPRoute, ref: seen.route.metadata }] : []),
      ...obsoleteClaim(service, seen, storage),
    ],
    requeueAfterMs: service.status?.status === 'Running' ? undefined : unsettledMs,
    status: (failedWrites, now) => legacyServiceStatus({ ...situation, failedWrites, now }),
  };
}

function routeLabels(service: LegacyAIMService, { template, templateModel }: ObservedLegacyService) {
  if (template.outcome !== 'found' || templateModel === undefined) return {};
  return servingLabels({ service, template: template.template, model: templateModel.object });
}

function childrenOf(
  service: LegacyAIMService,
  spec: ServiceSpec,
  seen: ObservedLegacyService,
  route: LegacyRoutePlan,
  storage: LegacyStorage,
): Child[] {
  const { model, template, templateModel, config, cache, claim, servingName, servesKServe } = seen;
  const children: Child[] = [
    ...(model?.outcome === 'create' ? [model.create] : []),
    ...(template.outcome === 'derive' ? [template.derived] : []),
  ];
  if (template.outcome !== 'found' || !isReadyNow(template.template) || config.failure !== undefined) return children;
  if (route.apply !== undefined) children.push(route.apply);
  if (sourcesOf(seen).length === 0) return children;
  if (spec.cacheModel === true && cache === undefined) {
    children.push(templateCacheChild(service, spec, template.kind, template.template));
  }
  if (!storage.cached && claim === undefined) children.push(temporaryClaim(service, seen));
  // Only whole specifications are written (trap 15).
  if (templateModel === undefined || storage.mounts === undefined || !servesKServe) return children;
  const parts = { name: servingName, service, spec, template: template.template, model: templateModel.object };
  return [...children, legacyInferenceService({ ...parts, mounts: storage.mounts })];
}
