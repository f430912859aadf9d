import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import type { Hardware } from '../../../kinds/aim/fields.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf } from '../../../kinds/object.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { missingUpstream, type Failure } from '../failures.ts';
import { detectGpus } from '../templates/gpus.ts';
import type { Component, State } from '../health.ts';
import { managedByLabel } from '../labels.ts';
import { derivedTemplateName } from '../names.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { Node } from '../../../kinds/core/node.ts';
import {
  currentSelection,
  describeRejections,
  meetsOverrides,
  selectTemplate,
  type Candidate,
  type Selection,
  type Wish,
} from '../templates/selection.ts';
import { defaultConfigName } from '../runtimeconfig.ts';
import { cachingMode } from './templatecache.ts';
import { isReady, type ModelResolution } from './model.ts';

/** Which template a service runs with: named, chosen, or made from one with its overrides (aim.md 5.3.2, 5.4). */
export type TemplateResolution =
  | {
      readonly outcome: 'found';
      readonly kind: Kind<AIMServiceTemplate>;
      readonly template: AIMServiceTemplate;
      /** How it was chosen; undefined: it was named or kept. */
      readonly selection?: Selection;
    }
  | { readonly outcome: 'derive'; readonly derived: Child; readonly base: string }
  | { readonly outcome: 'none'; readonly selection: Selection; readonly model: string }
  | { readonly outcome: 'waiting' }
  | { readonly outcome: 'failed'; readonly failure: Failure };

/** Index of the templates by the model they are for. */
export const byModel = 'aim/model';

type ServiceSpec = NonNullable<AIMService['spec']>;
type Found = { kind: Kind<AIMServiceTemplate>; template: AIMServiceTemplate };

export function resolveTemplate(
  service: AIMService,
  spec: ServiceSpec,
  model: ModelResolution,
  read: Reader,
): TemplateResolution {
  const { namespace } = service.metadata;
  const name = spec.template?.name?.trim();
  if (name) {
    const named = templateNamed(namespace, name, read);
    if (named !== undefined) return withOverrides(service, spec, named, read);
    return {
      outcome: 'failed',
      failure: missingUpstream(
        `there is neither AIMServiceTemplate ${keyOf({ namespace, name })} nor AIMClusterServiceTemplate ${name}: create one or change template.name`,
        'TemplateNotFound',
      ),
    };
  }
  if (model.outcome !== 'found') return { outcome: 'waiting' };
  const modelName = model.model.metadata.name;
  const wish = wishOf(spec, read);
  const sticky = stickyTemplate(service, modelName, wish, read);
  if (sticky !== undefined) return withOverrides(service, spec, sticky, read);
  const selection = selectTemplate(candidatesFor(namespace, modelName, read), wish, currentSelection);
  if (selection.outcome !== 'Selected') return { outcome: 'none', selection, model: modelName };
  const { scope, name: chosen } = selection.chosen;
  const kind = scope === 'Cluster' ? AIMClusterServiceTemplate : AIMServiceTemplate;
  const template = read.get(kind, kind.namespaced ? { namespace, name: chosen } : { name: chosen });
  if (template === undefined) return { outcome: 'waiting' };
  const resolution = withOverrides(service, spec, { kind, template }, read);
  return resolution.outcome === 'found' ? { ...resolution, selection } : resolution;
}

function templateNamed(namespace: string | undefined, name: string, read: Reader): Found | undefined {
  const own = read.get(AIMServiceTemplate, { namespace, name });
  if (own !== undefined) return { kind: AIMServiceTemplate, template: own };
  const cluster = read.get(AIMClusterServiceTemplate, { name });
  return cluster === undefined ? undefined : { kind: AIMClusterServiceTemplate, template: cluster };
}

/** The template of former passes stays while it is Ready and still what the service wants. */
function stickyTemplate(
  { metadata: { namespace }, status }: AIMService,
  model: string,
  wish: Wish,
  read: Reader,
): Found | undefined {
  const { name, scope, uid } = status?.resolvedTemplate ?? {};
  if (name === undefined) return undefined;
  const kind = scope === 'Cluster' ? AIMClusterServiceTemplate : AIMServiceTemplate;
  const template = read.get(kind, kind.namespaced ? { namespace, name } : { name });
  if (template === undefined || template.metadata.uid !== uid || !isReady(template)) return undefined;
  if (template.spec?.modelName !== model) return undefined;
  return meetsOverrides(candidateOf(kind, template), wish, currentSelection) ? { kind, template } : undefined;
}

export function candidatesFor(namespace: string | undefined, model: string, read: Reader): Candidate[] {
  const own = read
    .byIndex(AIMServiceTemplate, byModel, model)
    .filter(({ metadata }) => metadata.namespace === namespace);
  const cluster = read.byIndex(AIMClusterServiceTemplate, byModel, model);
  const candidates = [
    ...own.map((template) => candidateOf(AIMServiceTemplate, template)),
    ...cluster.map((template) => candidateOf(AIMClusterServiceTemplate, template)),
  ];
  return candidates.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function candidateOf(kind: Kind, { metadata, spec, status }: AIMServiceTemplate): Candidate {
  const profile = status?.profile?.metadata;
  const gpu = spec?.hardware?.gpu;
  return {
    name: metadata.name,
    scope: kind.namespaced ? 'Namespace' : 'Cluster',
    status: status?.status,
    why: status?.conditions?.find(({ type }) => type === 'Ready')?.message,
    profileType: profile?.type,
    gpuModel: gpu?.model || profile?.gpu,
    gpuCount: gpu?.requests || profile?.gpuCount,
    metric: profile?.metric ?? spec?.metric,
    precision: profile?.precision ?? spec?.precision,
    derived: metadata.labels?.[`${kind.group}/origin`] === 'derived',
  };
}

export function wishOf({ template, overrides }: ServiceSpec, read: Reader): Wish {
  const gpu = overrides?.hardware?.gpu;
  return {
    allowUnoptimized: template?.allowUnoptimized === true,
    metric: overrides?.metric,
    precision: overrides?.precision,
    gpuModel: gpu?.model,
    gpuCount: gpu?.requests,
    gpusInCluster: detectGpus(read.list(Node)).map(({ model }) => model),
  };
}

/** The template itself where it already is as the overrides want it; else the one that is made from it. */
function withOverrides(service: AIMService, spec: ServiceSpec, base: Found, read: Reader): TemplateResolution {
  const { overrides } = spec;
  if (overrides === undefined || isAsWanted(base, overrides)) return { outcome: 'found', ...base };
  const { namespace = '' } = service.metadata;
  const gpu = overrides.hardware?.gpu;
  const name = derivedTemplateName(base.template.metadata.name, {
    gpu: gpu?.model,
    count: gpu?.requests,
    precision: overrides.precision,
    metric: overrides.metric,
  });
  const made = read.get(AIMServiceTemplate, { namespace, name });
  if (made !== undefined) return { outcome: 'found', kind: AIMServiceTemplate, template: made };
  const derived = derivedTemplate(name, service, spec, base.template);
  return { outcome: 'derive', derived, base: base.template.metadata.name };
}

type Overrides = NonNullable<ServiceSpec['overrides']>;

function isAsWanted({ kind, template }: Found, { metric, precision, hardware }: Overrides): boolean {
  const is = candidateOf(kind, template);
  const gpu = hardware?.gpu;
  const own = template.spec?.hardware;
  return (
    (metric === undefined || metric === is.metric) &&
    (precision === undefined || precision === is.precision) &&
    (!gpu?.model || gpu.model === is.gpuModel) &&
    (!gpu?.requests || gpu.requests === is.gpuCount) &&
    (gpu?.minVram === undefined || gpu.minVram === own?.gpu?.minVram) &&
    (hardware?.cpu === undefined || JSON.stringify(hardware.cpu) === JSON.stringify(own?.cpu))
  );
}

function derivedTemplate(name: string, service: AIMService, spec: ServiceSpec, base: AIMServiceTemplate): Child {
  const { namespace = '' } = service.metadata;
  const from = base.spec;
  const { metric = from?.metric, precision = from?.precision, hardware } = spec.overrides ?? {};
  const secrets = spec.imagePullSecrets?.length ? spec.imagePullSecrets : from?.imagePullSecrets;
  const resources = spec.resources ?? from?.resources;
  const merged = mergeHardware(from?.hardware, hardware);
  const caching = cachingMode(spec) === 'Shared' ? { enabled: true } : from?.caching;
  return child(
    AIMServiceTemplate,
    {
      metadata: {
        name,
        namespace,
        labels: { [managedByLabel]: 'aim-engine', [`${AIMServiceTemplate.group}/origin`]: 'derived' },
      },
      spec: {
        ...from,
        modelName: from?.modelName ?? '',
        runtimeConfigName: spec.runtimeConfigName ?? from?.runtimeConfigName ?? defaultConfigName,
        ...(metric === undefined ? {} : { metric }),
        ...(precision === undefined ? {} : { precision }),
        ...(merged === undefined ? {} : { hardware: merged }),
        ...(secrets === undefined ? {} : { imagePullSecrets: secrets }),
        ...(resources === undefined ? {} : { resources }),
        ...(caching === undefined ? {} : { caching }),
      },
    },
    { owned: true },
  );
}

/** A GPU model and a minimum of memory exclude each other: what the service says drops what the template said. */
function mergeHardware(base: Hardware | undefined, override: Hardware | undefined): Hardware | undefined {
  if (override === undefined) return base;
  const { model, minVram, ...others } = base?.gpu ?? {};
  const placed = override.gpu?.model !== undefined || override.gpu?.minVram !== undefined;
  const kept = placed
    ? {}
    : { ...(model === undefined ? {} : { model }), ...(minVram === undefined ? {} : { minVram }) };
  const gpu = { ...others, ...kept, ...override.gpu };
  const cpu = override.cpu ?? base?.cpu;
  return { ...(Object.keys(gpu).length === 0 ? {} : { gpu }), ...(cpu === undefined ? {} : { cpu }) };
}

const progressing: ReadonlySet<string | undefined> = new Set([undefined, '', 'Pending', 'Progressing']);

/** `said` is what the condition said before. */
export function templateComponent(resolution: TemplateResolution, said: string | undefined): Component {
  const name = 'Template';
  const dependency = 'Upstream';
  const not = (state: State, reason: string, message: string): Component => ({
    name,
    state,
    reason,
    message,
    dependency,
  });
  switch (resolution.outcome) {
    case 'failed':
      return { name, failures: [resolution.failure], dependency };
    case 'waiting':
      return not('Pending', 'TemplateNotFound', 'a template is chosen once the model is known');
    case 'derive': {
      const { name: derived } = resolution.derived.object.metadata;
      return not(
        'Progressing',
        'TemplateNotReady',
        `making template ${derived} from ${resolution.base} and the overrides`,
      );
    }
    case 'none':
      return noTemplate(resolution.selection, resolution.model, not);
    case 'found': {
      const { kind, template } = resolution;
      const called = `${kind.kind} ${template.metadata.name}`;
      if (isReady(template)) return not('Ready', 'Resolved', describeChoice(called, resolution.selection, said));
      const status = template.status?.status;
      const why = template.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
      const state = progressing.has(status) ? 'Progressing' : status === 'NotAvailable' ? 'NotAvailable' : 'Failed';
      return not(
        state,
        'TemplateNotReady',
        `${called} is ${status ?? 'not looked at yet'}${why === undefined ? '' : `: ${why}`}`,
      );
    }
  }
}

function describeChoice(called: string, selection: Selection | undefined, said: string | undefined): string {
  if (selection !== undefined && selection.rejected.length > 0) {
    return `${called} is used; not taken: ${describeRejections(selection.rejected)}`;
  }
  // Told when the choice was made: what became of the others since does not matter to the service.
  return said?.startsWith(`${called} is used`) === true ? said : `${called} is used`;
}

function noTemplate(
  { outcome, rejected }: Selection,
  model: string,
  not: (state: State, reason: string, message: string) => Component,
): Component {
  const why = describeRejections(rejected);
  switch (outcome) {
    case 'NoneReady':
      return not('Progressing', 'TemplateNotReady', `templates of model ${model} exist but are not ready: ${why}`);
    case 'Ambiguous':
      return not(
        'Failed',
        'TemplateSelectionAmbiguous',
        `several templates of model ${model} fit equally well: ${why}`,
      );
    case 'NoMatch':
      return not('Pending', 'TemplateNotFound', `no template of model ${model} fits: ${why}`);
    default:
      return not('Pending', 'TemplateNotFound', `model ${model} has no template yet: it makes them, or create one`);
  }
}
