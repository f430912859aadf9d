import { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import { Node } from '../../../../kinds/core/node.ts';
import { keyOf, type ObjectRef } from '../../../../kinds/object.ts';
import type { Reader } from '../../../../reconcile/pass.ts';
import { detectGpus } from '../../templates/gpus.ts';
import { legacySelection, selectTemplate, type Rejection } from '../../templates/selection.ts';
import type { ServiceExplanation, ServicePart } from '../explain.ts';
import { observeLegacyService, type ObservedLegacyService } from './observe.ts';
import { candidatesFor } from './template.ts';

/** As `explainService`, for the older generation, whose conditions say the state of each part; undefined: no such service. */
export function explainLegacyService(ref: ObjectRef, read: Reader): ServiceExplanation | undefined {
  const service = read.get(LegacyAIMService, ref);
  if (service?.spec === undefined) return undefined;
  const { spec, status } = service;
  const observed = observeLegacyService(service, spec, read);
  const conditionOf = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  const part = (name: string, type: string, object: string | undefined): ServicePart => {
    const condition = conditionOf(type);
    const state = condition?.status === 'True' ? 'Ready' : (condition?.reason ?? '-');
    return { name, object: object ?? '-', state, detail: condition?.message ?? 'not looked at yet' };
  };
  return {
    service: `${LegacyAIMService.group}/${LegacyAIMService.kind} ${keyOf(service.metadata)}`,
    status: status?.status ?? 'Pending',
    message: conditionOf('Ready')?.message ?? 'it has not been looked at yet',
    parts: [
      {
        name: 'runtime config',
        object: observed.config.reference?.name ?? '-',
        state: observed.config.reference === undefined ? '-' : 'Ready',
        detail: observed.config.reference === undefined ? 'none: defaults apply' : '',
      },
      part('model', 'Resolved', observed.templateModel?.object.metadata.name),
      part('template', 'Resolved', templateName(observed)),
      part('cache', 'CacheReady', observed.cache?.metadata.name ?? observed.claim?.metadata.name),
      part('runtime', 'RuntimeReady', observed.servingName),
      part('route', 'RoutingReady', status?.routing?.path),
    ],
    rejected: spec.templateRef?.trim() ? [] : rejectedTemplates(service, observed, read),
  };
}

function templateName({ template }: ObservedLegacyService): string | undefined {
  if (template.outcome === 'found') return `${template.kind.kind} ${template.template.metadata.name}`;
  return template.outcome === 'derive' ? template.derived.object.metadata.name : undefined;
}

/** As the choice would be made now. */
function rejectedTemplates(
  { metadata }: LegacyAIMService,
  { model }: ObservedLegacyService,
  read: Reader,
): readonly Rejection[] {
  if (model?.outcome !== 'found') return [];
  const candidates = candidatesFor(metadata.namespace, model.model.metadata.name, read);
  const gpusInCluster = detectGpus(read.list(Node)).map((gpu) => gpu.model);
  return selectTemplate(candidates, { allowUnoptimized: true, gpusInCluster }, legacySelection).rejected;
}
