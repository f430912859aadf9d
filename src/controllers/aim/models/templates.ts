import type { AIMModel, CustomTemplate } from '../../../kinds/aim/aimmodel.ts';
import type { AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { metrics, precisions, type Hardware, type ModelSource } from '../../../kinds/aim/fields.ts';
import type { ImageMetadata, RecommendedDeployment } from '../../../kinds/aim/imagemetadata.ts';
import { mergeEnv } from '../mergeenv.ts';
import { automaticTemplateName, customTemplateName, discoveredTemplateName, type NamedProfile } from '../names.ts';

/** The templates that a model makes, of its image's recommendations and of its own list (aim.md 6.3). */

export type ModelSpec = NonNullable<AIMModel['spec']>;
export type TemplateSpec = NonNullable<AIMServiceTemplate['spec']>;

export interface ModelTemplate {
  readonly name: string;
  readonly spec: TemplateSpec;
  /** Short name that the user gave it. */
  readonly alias?: string | undefined;
}

export interface ModelTemplates {
  readonly templates: readonly ModelTemplate[];
  /** Recommended deployments that no template can be made of, a sentence each. */
  readonly refused: readonly string[];
}

/** undefined: it is not known yet, because nothing is known of the image. */
export function expectsTemplates(spec: ModelSpec, metadata: ImageMetadata | undefined): boolean | undefined {
  if (spec.discovery?.createServiceTemplates === false) return false;
  if (isCustom(spec)) return true;
  if (metadata === undefined) return undefined;
  return (metadata.model?.recommendedDeployments ?? []).length > 0 || (spec.customTemplates ?? []).length > 0;
}

/** A model with weights of its own, beside an image that only runs them. */
export function isCustom(spec: ModelSpec): boolean {
  return (spec.modelSources ?? []).length > 0;
}

export function templatesOf(
  model: { readonly name: string; readonly namespaced: boolean; readonly spec: ModelSpec },
  metadata: ImageMetadata | undefined,
): ModelTemplates {
  const { spec } = model;
  if (expectsTemplates(spec, metadata) !== true) return { templates: [], refused: [] };
  const custom = (spec.customTemplates ?? []).map((template, index) => customTemplate(model, template, index));
  if (isCustom(spec)) {
    return { templates: custom.length > 0 ? custom : [automaticTemplate(model)], refused: [] };
  }
  const read = readDeployments(metadata?.model?.recommendedDeployments ?? []);
  const recommended = read.profiles.map((profile) => recommendedTemplate(model, profile));
  const byName = new Map([...recommended, ...custom].map((template) => [template.name, template]));
  return { templates: [...byName.values()], refused: read.refused };
}

interface Deployment extends NamedProfile {
  readonly metric: (typeof metrics)[number] | undefined;
  readonly precision: (typeof precisions)[number] | undefined;
  readonly profileId: string | undefined;
}

/** Deployments in terms of templates: metric and precision must be ones that exist. */
export function readDeployments(deployments: readonly RecommendedDeployment[]): {
  profiles: Deployment[];
  refused: string[];
} {
  const profiles: Deployment[] = [];
  const refused: string[] = [];
  for (const [i, deployment] of deployments.entries()) {
    const metric = metrics.find((known) => known === deployment.metric?.toLowerCase());
    const precision = precisions.find((known) => known === deployment.precision?.toLowerCase());
    const unknown =
      metric === undefined && (deployment.metric ?? '') !== ''
        ? `metric "${deployment.metric ?? ''}"`
        : precision === undefined && (deployment.precision ?? '') !== ''
          ? `precision "${deployment.precision ?? ''}"`
          : undefined;
    if (unknown !== undefined) {
      refused.push(`recommended deployment ${String(i)} of the image has the unknown ${unknown}`);
      continue;
    }
    const { gpuModel = '', gpuCount = 0, profileId = '' } = deployment;
    profiles.push({
      gpu: gpuModel === '' ? undefined : gpuModel,
      count: gpuCount > 0 ? gpuCount : undefined,
      metric,
      precision,
      profileId: profileId === '' ? undefined : profileId,
    });
  }
  return { profiles, refused };
}

type Model = Parameters<typeof templatesOf>[0];

function recommendedTemplate({ name, spec }: Model, profile: Deployment): ModelTemplate {
  const { gpu, count, metric, precision, profileId } = profile;
  return {
    name: discoveredTemplateName(name, spec.image, profile),
    spec: defined({
      ...inherited(name, spec),
      metric,
      precision,
      profileId,
      hardware: gpu === undefined || count === undefined ? undefined : { gpu: { requests: count, model: gpu } },
    }),
  };
}

function inherited(name: string, spec: ModelSpec) {
  const { imagePullSecrets, serviceAccountName } = spec;
  return { modelName: name, imagePullSecrets, serviceAccountName };
}

function customTemplate(model: Model, template: CustomTemplate, index: number): ModelTemplate {
  const { name, spec } = model;
  const alias = template.name === '' ? undefined : template.name;
  return {
    name: customTemplateName({
      model: name,
      index,
      name: alias,
      profile: template.profile,
      gpu: template.hardware?.gpu,
    }),
    alias,
    spec: customSpec(model, {
      type: template.type ?? spec.custom?.type ?? 'unoptimized',
      hardware: mergeHardware(spec.custom?.hardware, template.hardware),
      metric: template.profile?.metric,
      precision: template.profile?.precision,
      env: mergeEnv(spec.env, template.env),
    }),
  };
}

function automaticTemplate(model: Model): ModelTemplate {
  const { custom, env } = model.spec;
  return {
    name: automaticTemplateName(model.name),
    spec: customSpec(model, {
      type: custom?.type ?? 'unoptimized',
      hardware: custom?.hardware,
      metric: undefined,
      precision: undefined,
      env: env ?? [],
    }),
  };
}

type CustomFields = {
  [F in 'type' | 'hardware' | 'metric' | 'precision']: TemplateSpec[F] | undefined;
} & { env: NonNullable<TemplateSpec['env']> };

function customSpec({ name, spec, namespaced }: Model, fields: CustomFields): TemplateSpec {
  const { env, hardware, ...rest } = fields;
  const cpu = hardware?.cpu;
  const sources: ModelSource[] | undefined = isCustom(spec) ? spec.modelSources : undefined;
  return defined({
    ...inherited(name, spec),
    ...rest,
    modelSources: sources,
    hardware,
    // Cluster templates get no variables: those of a model may refer to Secrets of its namespace.
    env: namespaced && env.length > 0 ? env : undefined,
    resources:
      cpu === undefined
        ? undefined
        : { requests: { cpu: cpu.requests }, ...(cpu.limits === undefined ? {} : { limits: { cpu: cpu.limits } }) },
  });
}

/** Field by field; a template's model takes the place of the default's least memory, which may not stand beside it. */
function mergeHardware(base: Hardware | undefined, own: Hardware | undefined): Hardware | undefined {
  if (base === undefined || own === undefined) return own ?? base;
  const { requests, model, resourceName } = own.gpu ?? {};
  const merged = { ...base.gpu, ...given({ requests, model, resourceName }) };
  const { minVram, ...withoutMinVram } = merged;
  const gpu = minVram !== undefined && (merged.model ?? '') !== '' ? withoutMinVram : merged;
  const cpu = own.cpu ?? base.cpu;
  return {
    ...(base.gpu === undefined && own.gpu === undefined ? {} : { gpu }),
    ...(cpu === undefined ? {} : { cpu }),
  };
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the fields that have a value. */
function given<T extends object>(fields: T): Given<T> {
  // What is left has, by construction, no undefined value.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

function defined<T extends { modelName: string }>(fields: T): Given<T> & { modelName: string } {
  return { ...given(fields), modelName: fields.modelName };
}
