import type { AIMServiceTemplate, TemplateProfile } from '../../../kinds/aim/aimservicetemplate.ts';
import type { Hardware, ModelSource } from '../../../kinds/aim/fields.ts';
import type { NodeAffinity } from 'kubernetes-types/core/v1.js';
import type { Discovery } from '../discovery/output.ts';
import { hardwareSummary, nodeAffinityFor, type DetectedGpu } from './gpus.ts';

/** What a template is: its weights, profile and hardware, from its spec or from its image (aim.md 7.3). */
export interface TemplateFacts {
  readonly source: 'spec' | 'discovery';
  readonly modelSources: ModelSource[];
  readonly profile: TemplateProfile;
  readonly hardware: Hardware | undefined;
}

/** Of a template that names its weights itself; undefined where the image has to be asked. */
export function profileOfSpec({ spec }: AIMServiceTemplate): TemplateFacts | undefined {
  if (spec?.modelSources === undefined || spec.modelSources.length === 0) return undefined;
  const { metric, precision, type, hardware } = spec;
  const { requests, model } = hardware?.gpu ?? {};
  return {
    source: 'spec',
    modelSources: spec.modelSources,
    hardware: resolveHardware(hardware, hardware?.gpu),
    profile: {
      metadata: {
        ...(requests === undefined ? {} : { gpuCount: requests }),
        ...(model === undefined || model === '' ? {} : { gpu: model }),
        ...(metric === undefined ? {} : { metric }),
        ...(precision === undefined ? {} : { precision }),
        ...(type === undefined ? {} : { type }),
      },
    },
  };
}

export function profileOfDiscovery({ spec }: AIMServiceTemplate, { modelSources, profile }: Discovery): TemplateFacts {
  const { model: _model, quantized_model: _quantizedModel, ...rest } = profile;
  const { gpu, gpuCount } = profile.metadata;
  const own = spec?.hardware;
  return {
    source: 'discovery',
    modelSources,
    profile: rest,
    // What the image says counts, also where it says none; what it does not say is as the spec has it.
    hardware: resolveHardware(own, { requests: gpuCount ?? own?.gpu?.requests, model: gpu ?? own?.gpu?.model }),
  };
}

/** An earlier answer of the image, from the status; it stays when a GPU or model goes and comes back. */
export function rememberedProfile({ status }: AIMServiceTemplate): TemplateFacts | undefined {
  if (status?.profile === undefined || status.modelSources === undefined || status.modelSources.length === 0) {
    return undefined;
  }
  const { profile, modelSources, resolvedHardware } = status;
  return { source: 'discovery', modelSources, profile, hardware: resolvedHardware };
}

/**
 * Neither an empty object nor a model beside its least memory: the schema of the status refuses both, and with them the
 * whole status (trap 9).
 */
function resolveHardware(
  own: Hardware | undefined,
  found: { requests?: number | undefined; model?: string | undefined } | undefined,
): Hardware | undefined {
  const { requests = 0, model = '' } = found ?? {};
  const { minVram, resourceName } = own?.gpu ?? {};
  const wanted = requests > 0 || model !== '';
  const gpu = {
    ...(requests > 0 ? { requests } : {}),
    ...(model === '' ? {} : { model }),
    ...(minVram !== undefined && model === '' ? { minVram } : {}),
    ...(resourceName !== undefined && wanted ? { resourceName } : {}),
  };
  const hasGpu = Object.keys(gpu).length > 0;
  if (!hasGpu && own?.cpu === undefined) return undefined;
  return { ...(hasGpu ? { gpu } : {}), ...(own?.cpu === undefined ? {} : { cpu: own.cpu }) };
}

/** The fields of the status that say it. */
export function factsStatus(
  facts: TemplateFacts,
  gpus: readonly DetectedGpu[],
): {
  modelSources: ModelSource[];
  profile: TemplateProfile;
  resolvedHardware?: Hardware;
  resolvedNodeAffinity?: NodeAffinity;
  hardwareSummary?: string;
} {
  const { modelSources, profile, hardware } = facts;
  const affinity = hardware?.gpu === undefined ? undefined : nodeAffinityFor(hardware.gpu, gpus);
  const summary = hardwareSummary(hardware);
  return {
    modelSources,
    profile,
    ...(hardware === undefined ? {} : { resolvedHardware: hardware }),
    ...(affinity === undefined ? {} : { resolvedNodeAffinity: affinity }),
    ...(summary === undefined ? {} : { hardwareSummary: summary }),
  };
}
