import { isDeepStrictEqual } from 'node:util';
import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import { Node } from '../../../../kinds/core/node.ts';
import type { Kind } from '../../../../kinds/kind.ts';
import { keyOf } from '../../../../kinds/object.ts';
import { child, type Child } from '../../../../reconcile/children.ts';
import { detectGpus } from '../../templates/gpus.ts';
import { managedByLabel } from '../../labels.ts';
import { legacyDerivedTemplateName } from '../../legacynames.ts';
import type { Reader } from '../../../../reconcile/pass.ts';
import { defaultGpuResource } from '../../resources.ts';
import { legacySelection, selectTemplate, type Candidate, type Selection } from '../../templates/selection.ts';
import type { LegacyModelResolution } from './model.ts';

/** Which template a service of aim.silogen.ai runs with: named or chosen, with its overrides (aim.md 11.5). */
export type LegacyTemplateResolution =
  | {
      readonly outcome: 'found';
      readonly kind: Kind<LegacyAIMServiceTemplate>;
      readonly template: LegacyAIMServiceTemplate;
    }
  | { readonly outcome: 'derive'; readonly derived: Child; readonly base: string }
  /** The template that is named is not there. */
  | { readonly outcome: 'missing'; readonly message: string }
  | { readonly outcome: 'none'; readonly selection: Selection; readonly model: string }
  /** The model is not ready, and so has no templates to choose from. */
  | { readonly outcome: 'waiting' };

/** Index of the templates by the model they are for. */
export const byLegacyModel = 'aim/legacy-model';
export const derivedLabel = 'aim.silogen.ai/derived-template';

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;
type TemplateSpec = NonNullable<LegacyAIMServiceTemplate['spec']>;
interface Found {
  readonly kind: Kind<LegacyAIMServiceTemplate>;
  readonly template: LegacyAIMServiceTemplate;
}

export const isReadyNow = ({ status }: { status?: { status?: string } }): boolean => status?.status === 'Ready';

export function resolveLegacyTemplate(
  service: LegacyAIMService,
  spec: ServiceSpec,
  model: LegacyModelResolution | undefined,
  read: Reader,
): LegacyTemplateResolution {
  const { namespace = '' } = service.metadata;
  const name = spec.templateRef?.trim();
  if (name) {
    const named = templateNamed(namespace, name, read);
    if (named !== undefined) return withOverrides(namespace, spec, named, read);
    const what = `there is neither AIMServiceTemplate ${keyOf({ namespace, name })} nor AIMClusterServiceTemplate ${name}`;
    return { outcome: 'missing', message: `templateRef: ${what}: create one or change the name` };
  }
  if (model?.outcome !== 'found' || !isReadyNow(model.model)) return { outcome: 'waiting' };
  const modelName = model.model.metadata.name;
  const chosen = choose(service, spec, modelName, read);
  if ('outcome' in chosen) return { outcome: 'none', selection: chosen, model: modelName };
  const kind = chosen.scope === 'Cluster' ? LegacyAIMClusterServiceTemplate : LegacyAIMServiceTemplate;
  const template = read.get(kind, kind.namespaced ? { namespace, name: chosen.name } : { name: chosen.name });
  return template === undefined ? { outcome: 'waiting' } : withOverrides(namespace, spec, { kind, template }, read);
}

function templateNamed(namespace: string, name: string, read: Reader): Found | undefined {
  const own = read.get(LegacyAIMServiceTemplate, { namespace, name });
  if (own !== undefined) return { kind: LegacyAIMServiceTemplate, template: own };
  const cluster = read.get(LegacyAIMClusterServiceTemplate, { name });
  return cluster === undefined ? undefined : { kind: LegacyAIMClusterServiceTemplate, template: cluster };
}

/** Of templates that tie, the one that is in use stays: a new one must not break what runs. */
function choose(
  { metadata, status }: LegacyAIMService,
  spec: ServiceSpec,
  model: string,
  read: Reader,
): Candidate | Selection {
  const candidates = candidatesFor(metadata.namespace, model, read);
  const gpusInCluster = detectGpus(read.list(Node)).map((gpu) => gpu.model);
  const selection = selectTemplate(candidates, { allowUnoptimized: true, gpusInCluster }, legacySelection);
  if (selection.outcome === 'Selected') return selection.chosen;
  if (selection.outcome !== 'Ambiguous') return selection;
  const { name: inUse, scope } = status?.resolvedTemplate ?? {};
  const tied = selection.rejected.filter(({ reason }) => reason === 'TemplateSelectionAmbiguous');
  const kept = candidates.find(
    (candidate) =>
      tied.some(({ name, scope: of }) => name === candidate.name && of === candidate.scope) &&
      (hasOverrides(spec)
        ? legacyDerivedTemplateName(candidate.name, spec.overrides ?? {}) === inUse
        : candidate.name === inUse && candidate.scope === scope),
  );
  return kept ?? selection;
}

export function candidatesFor(namespace: string | undefined, model: string, read: Reader): Candidate[] {
  const own = read
    .byIndex(LegacyAIMServiceTemplate, byLegacyModel, model)
    .filter(({ metadata }) => metadata.namespace === namespace);
  const cluster = read.byIndex(LegacyAIMClusterServiceTemplate, byLegacyModel, model);
  return [
    ...own.map((template) => candidateOf('Namespace', template)),
    ...cluster.map((template) => candidateOf('Cluster', template)),
  ].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function candidateOf(scope: Candidate['scope'], { metadata, spec, status }: LegacyAIMServiceTemplate): Candidate {
  const profile = status?.profile?.metadata;
  return {
    name: metadata.name,
    scope,
    status: status?.status,
    profileType: undefined,
    gpuModel: spec?.gpuSelector?.model || profile?.gpu,
    gpuCount: spec?.gpuSelector?.count || profile?.gpu_count,
    metric: profile?.metric ?? spec?.metric,
    precision: profile?.precision ?? spec?.precision,
    derived: metadata.labels?.[derivedLabel] === 'true',
  };
}

export function hasOverrides({ overrides }: ServiceSpec): boolean {
  return overrides !== undefined && Object.values(overrides).some((value) => value !== undefined);
}

/** A template with the overrides: of the name that says so, else any that is the same, else a new one. */
function withOverrides(namespace: string, spec: ServiceSpec, base: Found, read: Reader): LegacyTemplateResolution {
  const { overrides = {} } = spec;
  if (!hasOverrides(spec)) return { outcome: 'found', ...base };
  const name = legacyDerivedTemplateName(base.template.metadata.name, overrides);
  const made = read.get(LegacyAIMServiceTemplate, { namespace, name });
  if (made !== undefined) return { outcome: 'found', kind: LegacyAIMServiceTemplate, template: made };
  const wanted = derivedSpec(spec, base.template);
  const same = sameTemplate(namespace, wanted, read);
  if (same !== undefined) return { outcome: 'found', ...same };
  const labels = { [managedByLabel]: 'aim-controller', [derivedLabel]: 'true' };
  const derived = child(
    LegacyAIMServiceTemplate,
    { metadata: { name, namespace, labels }, spec: wanted },
    { owned: false },
  );
  return { outcome: 'derive', derived, base: base.template.metadata.name };
}

function derivedSpec(service: ServiceSpec, { spec: base }: LegacyAIMServiceTemplate): TemplateSpec {
  const { metric = base?.metric, precision = base?.precision, gpuSelector } = service.overrides ?? {};
  const gpus = gpuSelector === undefined ? base?.gpuSelector : { resourceName: defaultGpuResource, ...gpuSelector };
  const secrets = service.imagePullSecrets ?? base?.imagePullSecrets;
  const account = service.serviceAccountName ?? base?.serviceAccountName;
  const resources = service.resources ?? base?.resources;
  const env = service.env ?? base?.env;
  const caching =
    service.cacheModel === true ? { enabled: true, ...(env === undefined ? {} : { env }) } : base?.caching;
  return {
    ...base,
    modelName: base?.modelName ?? '',
    ...(metric === undefined ? {} : { metric }),
    ...(precision === undefined ? {} : { precision }),
    ...(gpus === undefined ? {} : { gpuSelector: gpus }),
    ...(secrets === undefined ? {} : { imagePullSecrets: secrets }),
    ...(account === undefined ? {} : { serviceAccountName: account }),
    ...(resources === undefined ? {} : { resources }),
    ...(env === undefined ? {} : { env }),
    ...(caching === undefined ? {} : { caching }),
  };
}

/** Templates of the cluster have no variables, secrets of a namespace or caching. */
function sameTemplate(namespace: string, wanted: TemplateSpec, read: Reader): Found | undefined {
  const same = ({ spec }: LegacyAIMServiceTemplate): boolean => isDeepStrictEqual(spec, plain(wanted));
  const own = read
    .byIndex(LegacyAIMServiceTemplate, byLegacyModel, wanted.modelName)
    .find((template) => template.metadata.namespace === namespace && same(template));
  if (own !== undefined) return { kind: LegacyAIMServiceTemplate, template: own };
  if (wanted.env ?? wanted.imagePullSecrets ?? wanted.caching) return undefined;
  const cluster = read.byIndex(LegacyAIMClusterServiceTemplate, byLegacyModel, wanted.modelName).find(same);
  return cluster === undefined ? undefined : { kind: LegacyAIMClusterServiceTemplate, template: cluster };
}

/** As the API stores it. */
const plain = (spec: TemplateSpec): unknown => JSON.parse(JSON.stringify(spec));
