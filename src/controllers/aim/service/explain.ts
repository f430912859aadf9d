import { AIMService } from '../../../kinds/aim/aimservice.ts';
import { keyOf, type ObjectRef } from '../../../kinds/object.ts';
import { currentSelection, selectTemplate, type Rejection } from '../templates/selection.ts';
import { mergeRouting } from '../runtimeconfig.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { observeService, type ObservedService } from './observe.ts';
import { componentsOf, routeOf } from './plan.ts';
import { candidatesFor, wishOf } from './template.ts';
import { cachingMode } from './templatecache.ts';

/** What a service is made of and why, as `headgate explain service/NAME` tells it (design rule 9). */
export interface ServiceExplanation {
  /** `group/Kind namespace/name` */
  readonly service: string;
  readonly status: string;
  /** Why it is in this state. */
  readonly message: string;
  readonly parts: readonly ServicePart[];
  /** Templates of the model and why each was not taken; empty where the service names its template. */
  readonly rejected: readonly Rejection[];
}

export interface ServicePart {
  /** Runtime config, model, template, cache, runtime, route. */
  readonly name: string;
  readonly object: string;
  readonly state: string;
  readonly detail: string;
}

/** undefined: there is no such service. */
export function explainService(ref: ObjectRef, read: Reader): ServiceExplanation | undefined {
  const service = read.get(AIMService, ref);
  if (service?.spec === undefined) return undefined;
  const { spec, status } = service;
  const observed = observeService(service, spec, read);
  const components = componentsOf(service, spec, observed, routeOf(service, observed));
  const part = (name: string, component: string, object: string, otherwise: string): ServicePart => {
    const { state = '', message = '', failures = [] } = components.find((found) => found.name === component) ?? {};
    const detail = message || failures.map((failure) => failure.message).join('; ') || otherwise;
    return { name, object, state: state || (failures.length > 0 ? 'Failed' : '-'), detail };
  };
  const { path, gateway } = routingOf(service, observed);
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return {
    service: `${AIMService.group}/${AIMService.kind} ${keyOf(service.metadata)}`,
    status: status?.status ?? 'Pending',
    message: ready?.message ?? 'it has not been looked at yet',
    parts: [
      part('runtime config', 'RuntimeConfig', observed.config.reference?.name ?? '-', 'none: defaults apply'),
      part('model', 'Model', modelName(observed), ''),
      part('template', 'Template', templateName(observed), ''),
      part(
        'cache',
        'Cache',
        observed.cache?.metadata.name ?? '-',
        `${cachingMode(spec)}; made once a template is ready`,
      ),
      part('runtime', 'InferenceService', observed.servingName ?? '-', ''),
      part('route', 'HTTPRoute', path === undefined ? '-' : `${path} on ${gateway}`, 'routing is off'),
    ],
    rejected: rejectedTemplates(service, observed, read),
  };
}

function modelName({ model }: ObservedService): string {
  if (model.outcome === 'found') return `${model.kind.kind} ${model.model.metadata.name}`;
  return model.outcome === 'create' ? model.create.object.metadata.name : '-';
}

function templateName({ template }: ObservedService): string {
  if (template.outcome === 'found') return `${template.kind.kind} ${template.template.metadata.name}`;
  return template.outcome === 'derive' ? template.derived.object.metadata.name : '-';
}

function routingOf(service: AIMService, observed: ObservedService) {
  const { path } = routeOf(service, observed);
  const { name, namespace } = mergeRouting(observed.config.spec.routing, service.spec?.routing).gatewayRef ?? {};
  return { path, gateway: keyOf({ namespace: namespace ?? service.metadata.namespace, name: name ?? '' }) };
}

/** As the choice would be made now; the template in use may have been chosen before others were ready. */
function rejectedTemplates(
  service: AIMService,
  { model, template }: ObservedService,
  read: Reader,
): readonly Rejection[] {
  const { spec } = service;
  if (spec === undefined || spec.template?.name || model.outcome !== 'found') return [];
  const candidates = candidatesFor(service.metadata.namespace, model.model.metadata.name, read);
  const { rejected, ...selection } = selectTemplate(candidates, wishOf(spec, read), currentSelection);
  const used = template.outcome === 'found' ? template.template.metadata.name : undefined;
  const better = selection.outcome === 'Selected' ? selection.chosen : undefined;
  const others = rejected.filter(({ name }) => name !== used);
  if (better === undefined || used === undefined || better.name === used) return others;
  const { name, scope } = better;
  const detail = `it would be chosen now, but ${used} was chosen earlier and is kept while it is Ready`;
  return [{ name, scope, reason: 'LowerPreferenceRank', detail }, ...others];
}
