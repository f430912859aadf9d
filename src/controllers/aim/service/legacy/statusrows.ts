import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import { InferenceService } from '../../../../kinds/kserve/inferenceservice.ts';
import { claimHealth } from '../../caches/claims.ts';
import { describeRejections } from '../../templates/selection.ts';
import { podsHealth } from '../workloadhealth.ts';
import type { LegacyModelResolution } from './model.ts';
import type { ObservedLegacyService } from './observe.ts';
import type { LegacyRoutePlan } from './routing.ts';
import { sourcesOf, type LegacyStorage } from './storage.ts';
import type { LegacyTemplateResolution } from './template.ts';
import { describeFailure, type WriteFailure } from '../../../../reconcile/failures.ts';

export interface LegacyServiceSituation {
  readonly service: LegacyAIMService;
  /** undefined together: the service has no spec. */
  readonly seen?: ObservedLegacyService;
  readonly route?: LegacyRoutePlan;
  readonly storage?: LegacyStorage;
  readonly failedWrites: readonly WriteFailure[];
  readonly now: Date;
}

/** The table of aim.md 11.6: the first row that fits is what a service is in. */
export interface Row {
  readonly status: NonNullable<NonNullable<LegacyAIMService['status']>['status']>;
  readonly reason: string;
  readonly message: string;
  readonly resolved: boolean;
  readonly failure: boolean;
  readonly progressing: boolean;
  readonly ready: boolean;
  /** The runtime is ready though the service is not. */
  readonly serving?: boolean;
  /** Where a condition has another reason than the row. */
  readonly resolvedReason?: string;
  readonly runtimeReason?: string;
  readonly readyReason?: string;
}

const base = { resolved: true, failure: false, progressing: false, ready: false } as const;

/** Nothing goes on until somebody changes something. */
const stopped = (status: 'Failed' | 'Degraded', reason: string, message: string): Row => ({
  ...base,
  status,
  reason,
  message,
  failure: true,
});
const unresolved = (row: Row): Row => ({ ...row, resolved: false });
const waiting = (status: 'Pending' | 'Starting', reason: string, message: string): Row => ({
  ...base,
  status,
  reason,
  message,
  progressing: true,
});

export function rowOf(situation: LegacyServiceSituation): Row {
  const { seen, failedWrites } = situation;
  if (failedWrites[0] !== undefined)
    return unresolved(stopped('Failed', 'RuntimeFailed', describeFailure(failedWrites[0])));
  if (seen === undefined) {
    const message = 'spec.model is missing: say which model to serve';
    return unresolved(stopped('Failed', 'ValidationFailed', message));
  }
  return (
    (seen.model === undefined ? undefined : modelRow(seen.model)) ??
    templateRow(seen.template) ??
    configRow(situation, seen) ??
    resolvedTemplateRow(seen) ??
    runtimeRow(situation, seen)
  );
}

/** Rows 5 and 7. */
function modelRow(model: LegacyModelResolution): Row | undefined {
  switch (model.outcome) {
    case 'failed':
      return unresolved(stopped('Failed', model.reason, model.message));
    case 'create':
      return unresolved(waiting('Pending', 'ModelPending', `making AIMModel ${model.create.object.metadata.name}`));
    case 'missing':
      return unresolved(waiting('Pending', 'ModelNotFound', model.message));
    case 'found': {
      const { metadata, status } = model.model;
      const state = status?.status ?? 'Pending';
      if (state === 'Ready') return undefined;
      const why = status?.conditions?.find(({ type }) => type === 'Ready')?.message;
      const message = `${model.kind.kind} ${metadata.name} is ${state}${why === undefined || why === '' ? '' : `: ${why}`}`;
      if (state === 'Failed' || state === 'Degraded') return unresolved(stopped(state, `Model${state}`, message));
      return unresolved(waiting('Pending', state === 'NotAvailable' ? 'ModelNotReady' : `Model${state}`, message));
    }
  }
}

/** Rows 8 and 9. */
function templateRow(template: LegacyTemplateResolution): Row | undefined {
  switch (template.outcome) {
    case 'found':
      return undefined;
    case 'missing':
      return unresolved(stopped('Degraded', 'TemplateNotFound', template.message));
    case 'derive': {
      const { name } = template.derived.object.metadata;
      const message = `making template ${name} from ${template.base} and the overrides`;
      return { ...unresolved(waiting('Pending', 'TemplateNotFound', message)), runtimeReason: 'CreatingRuntime' };
    }
    case 'waiting':
      return unresolved(waiting('Pending', 'ModelNotReady', 'a template is chosen when the model is ready'));
    case 'none':
      return selectionRow(template);
  }
}

function selectionRow({ selection, model }: Extract<LegacyTemplateResolution, { outcome: 'none' }>): Row {
  const why = describeRejections(selection.rejected);
  switch (selection.outcome) {
    case 'NoneReady': {
      const message = `templates of model ${model} exist, and none is ready: ${why}`;
      return { ...unresolved(waiting('Pending', 'TemplateNotAvailable', message)), readyReason: 'TemplateNotFound' };
    }
    case 'Ambiguous': {
      const message = `several templates of model ${model} fit equally well: name one in templateRef; ${why}`;
      return unresolved(stopped('Failed', 'TemplateSelectionAmbiguous', message));
    }
    case 'NoMatch':
      return unresolved(
        stopped('Failed', 'TemplateNotFound', `no template of model ${model} fits this cluster: ${why}`),
      );
    default: {
      const message = `model ${model} has no template: create one, or name one in templateRef`;
      return unresolved(stopped('Failed', 'TemplateNotFound', message));
    }
  }
}

/** Rows 6, 10 and 11. */
function configRow({ route }: LegacyServiceSituation, { config, template, templateModel }: ObservedLegacyService) {
  if (template.outcome === 'found' && (templateModel?.object.spec?.image ?? '') === '') {
    const { metadata, spec } = template.template;
    const message = `template ${metadata.name}: there is no model ${spec?.modelName ?? ''} with an image: create it`;
    return unresolved(stopped('Degraded', 'ImageNotFound', message));
  }
  if (config.failure !== undefined) return stopped('Degraded', 'RuntimeConfigMissing', config.failure.message);
  if (route?.verdict === 'invalid') return stopped('Degraded', 'PathTemplateInvalid', route.condition.message);
  return undefined;
}

/** Rows 12 to 14. */
function resolvedTemplateRow(seen: ObservedLegacyService): Row | undefined {
  if (seen.template.outcome !== 'found') return undefined;
  const { kind, template } = seen.template;
  const { status, conditions = [] } = template.status ?? {};
  const said = (type: string) => conditions.find((condition) => condition.type === type);
  const why = said('Ready')?.message;
  const message = `${kind.kind} ${template.metadata.name} is ${status ?? 'Pending'}${why === undefined ? '' : `: ${why}`}`;
  if (status === 'Failed' || status === 'Degraded' || status === 'NotAvailable') {
    return stopped(status === 'Failed' ? 'Failed' : 'Degraded', said('Failure')?.reason ?? 'TemplateDegraded', message);
  }
  if (status !== 'Ready') return waiting('Pending', 'TemplateNotAvailable', message);
  if (sourcesOf(seen).length > 0) return undefined;
  const advice = 'the template names no model sources, so there is nothing to serve: see its condition Discovered';
  return stopped('Degraded', 'NoModelSources', advice);
}

/** Rows 15 to 19, of which a route that cannot be had is the background. */
function runtimeRow(situation: LegacyServiceSituation, seen: ObservedLegacyService): Row {
  const { route, storage } = situation;
  const { servingName, serving, pods, cache, servesKServe } = seen;
  if (!servesKServe) {
    const message = `the cluster does not serve ${InferenceService.kind} (${InferenceService.group}): install KServe; it is noticed within seconds`;
    return stopped('Degraded', 'RuntimeFailed', message);
  }
  const pull = podsHealth(pods).failures?.find(({ reason }) => pullReasons.has(reason));
  if (pull !== undefined) return stopped('Degraded', pull.reason, pull.message);
  if (storage?.cached === true && cache?.status?.status === 'Failed') {
    const why = cache.status.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    return stopped('Failed', 'CacheFailed', `AIMTemplateCache ${cache.metadata.name} has failed: ${why}`);
  }
  const unrouted =
    route?.verdict === 'failed'
      ? stopped('Failed', 'RouteFailed', route.condition.message)
      : route?.verdict === 'degraded'
        ? stopped('Degraded', 'RouteFailed', route.condition.message)
        : undefined;
  const ready = serving?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') {
    if (unrouted !== undefined) return { ...unrouted, serving: true };
    if (route?.verdict === 'ready') {
      return { ...base, status: 'Running', reason: 'RuntimeReady', message: 'InferenceService is ready', ready: true };
    }
    return { ...waiting('Starting', 'ConfiguringRoute', route?.condition.message ?? ''), serving: true };
  }
  if (unrouted !== undefined) return { ...unrouted, runtimeReason: 'CreatingRuntime' };
  if (serving === undefined) return waiting('Starting', 'CreatingRuntime', waitText(situation, seen));
  const failure = serving.status?.modelStatus?.lastFailureInfo?.message;
  if (failure !== undefined) {
    return stopped('Degraded', 'RuntimeFailed', `InferenceService ${servingName} fails: ${failure}`);
  }
  const why = claimProblem(seen, storage?.cached === true) ?? ready?.message ?? '';
  const because = why === '' ? '' : `: ${why}`;
  return waiting('Starting', 'CreatingRuntime', `InferenceService ${servingName} is not ready yet${because}`);
}

const pullReasons = new Set(['ImagePullAuthFailure', 'ImageNotFound', 'ImagePullBackOff']);

function waitText({ storage }: LegacyServiceSituation, { servingName, cache }: ObservedLegacyService): string {
  if (storage?.cached !== true || storage.mounts !== undefined) return `making InferenceService ${servingName}`;
  return `InferenceService ${servingName} is made when AIMTemplateCache ${cache?.metadata.name ?? ''} is Available`;
}

function claimProblem({ claim, classes }: ObservedLegacyService, cached: boolean): string | undefined {
  if (cached || claim === undefined || claim.status?.phase === 'Bound') return undefined;
  const health = claimHealth(claim, classes);
  return health.message ?? health.failures?.[0]?.message;
}
