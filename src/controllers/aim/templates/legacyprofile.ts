import type { LegacyAIMServiceTemplate, LegacyTemplateProfile } from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { LegacyModelSource } from '../../../kinds/aim/legacy/fields.ts';
import type { Discovery } from '../discovery/output.ts';

/** What a template of aim.silogen.ai is: its weights and profile (aim.md 11.1). */
export interface LegacyFacts {
  readonly source: 'spec' | 'discovery';
  readonly modelSources: LegacyModelSource[];
  readonly profile: LegacyTemplateProfile;
}

export function legacyFactsOfSpec({ spec }: LegacyAIMServiceTemplate): LegacyFacts | undefined {
  if (spec?.modelSources === undefined || spec.modelSources.length === 0) return undefined;
  const { metric, precision, gpuSelector } = spec;
  return {
    source: 'spec',
    modelSources: spec.modelSources,
    profile: {
      metadata: {
        ...(gpuSelector === undefined ? {} : { gpu: gpuSelector.model, gpu_count: gpuSelector.count }),
        ...(metric === undefined ? {} : { metric }),
        ...(precision === undefined ? {} : { precision }),
      },
    },
  };
}

/** Sizes are required here: 0 stands for one that the image does not know. */
export function legacyFactsOfDiscovery({ modelSources, profile }: Discovery): LegacyFacts {
  const { metadata, ...rest } = profile;
  const { gpuCount, type: _type, ...shared } = metadata;
  return {
    source: 'discovery',
    modelSources: modelSources.map(({ modelId, sourceUri, size = '0' }) => ({ name: modelId, sourceUri, size })),
    profile: { ...rest, metadata: { ...shared, ...(gpuCount === undefined ? {} : { gpu_count: gpuCount }) } },
  };
}

export function rememberedLegacyFacts({ status }: LegacyAIMServiceTemplate): LegacyFacts | undefined {
  if (status?.profile === undefined || status.modelSources === undefined || status.modelSources.length === 0) {
    return undefined;
  }
  return { source: 'discovery', modelSources: status.modelSources, profile: status.profile };
}
