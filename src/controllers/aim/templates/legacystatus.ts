import type { LegacyAIMServiceTemplate } from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { ResourceStatus } from '../../../kinds/aim/fields.ts';
import type { LegacyAIMModel } from '../../../kinds/aim/legacy/aimmodel.ts';
import type { DiscoveryObservation, DiscoveryStep } from '../discovery/discovery.ts';
import type { GpuVerdict } from './gpus.ts';
import type { ExtraCondition } from '../health.ts';
import { legacyConditions, readyEvents } from '../legacyconditions.ts';
import type { LegacyFacts } from './legacyprofile.ts';
import type { Verdict } from '../../../reconcile/pass.ts';
import type { ResolvedConfig } from '../runtimeconfig.ts';
import { modelReference, type FoundModel } from './model.ts';
import { podsHealth } from '../service/workloadhealth.ts';
import { describeFailure, type WriteFailure } from '../../../reconcile/failures.ts';

/** The status of a template of aim.silogen.ai: the first row that fits (aim.md 11.7). */

export interface LegacyTemplateObservations {
  readonly config: ResolvedConfig;
  readonly model: FoundModel<LegacyAIMModel> | undefined;
  readonly gpu: GpuVerdict | undefined;
  readonly seen: DiscoveryObservation | undefined;
  readonly step: DiscoveryStep | undefined;
}

export interface LegacyTemplateSituation extends LegacyTemplateObservations {
  readonly template: LegacyAIMServiceTemplate;
  readonly facts: LegacyFacts | undefined;
  readonly failedWrites: readonly WriteFailure[];
  readonly now: Date;
}

export function legacyTemplateStatus(situation: LegacyTemplateSituation): Verdict<LegacyAIMServiceTemplate> {
  const { template, config, model, facts, step, seen, now } = situation;
  const previous = template.status?.conditions ?? [];
  const { generation } = template.metadata;
  const row = rowOf(situation);
  const conditions = legacyConditions(previous, conditionsOf(row), generation, now);
  const created = step?.apply[0]?.object.metadata ?? seen?.job?.metadata;
  const job =
    created?.namespace === undefined
      ? template.status?.discoveryJob
      : { name: created.name, namespace: created.namespace };
  return {
    status: {
      ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
      ...(model === undefined ? {} : { resolvedModel: modelReference(model) }),
      ...(facts === undefined ? {} : { modelSources: facts.modelSources, profile: facts.profile }),
      ...(job === undefined ? {} : { discoveryJob: job }),
      status: row.status,
      conditions,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    events: readyEvents(previous, conditions, row.status === 'Failed' || row.status === 'Degraded'),
  };
}

interface Row {
  readonly status: ResourceStatus;
  readonly reason: string;
  readonly message: string;
  /** Reason of Discovered, where it is another. */
  readonly discovered?: string;
}

function rowOf({ template, config, model, gpu, facts, step, seen, failedWrites }: LegacyTemplateSituation): Row {
  if (failedWrites[0] !== undefined)
    return { status: 'Degraded', reason: 'ApplyFailed', message: describeFailure(failedWrites[0]) };
  if (config.failure !== undefined) {
    return { status: 'Degraded', reason: 'RuntimeConfigMissing', message: config.failure.message };
  }
  const { modelName = '' } = template.spec ?? {};
  const imageMissing: Row | undefined =
    (model?.object.spec?.image ?? '') === ''
      ? {
          status: 'Degraded',
          reason: 'ImageNotFound',
          message: `modelName: there is no model ${modelName} with an image: create it`,
        }
      : undefined;
  if (facts?.source === 'spec') {
    // Without a model there is no image to serve the weights with.
    return imageMissing ?? { ...available('the weights are named in the spec'), discovered: 'InlineModelSources' };
  }
  if (gpu?.available === false) return { status: 'NotAvailable', reason: 'GPUUnavailable', message: gpu.message };
  if (imageMissing !== undefined) return imageMissing;
  if (facts !== undefined) return { ...available('the image has named its profile'), discovered: 'Discovered' };
  if (step === undefined || seen === undefined) return reconciling('nothing is known of the image yet');
  const pods = podsHealth(seen.pods);
  const pull = pods.failures?.find(({ reason }) => pullReasons.has(reason));
  if (pull !== undefined) return { status: 'Degraded', reason: pull.reason, message: pull.message };
  switch (step.phase) {
    case 'running':
      // A pod that cannot start says why, such as a Secret that is missing.
      return {
        status: 'Progressing',
        reason: 'DiscoveryRunning',
        message:
          pods.state === 'Pending' && pods.reason !== 'PodsPending'
            ? `${step.message}: ${pods.message ?? ''}`
            : step.message,
        discovered: 'JobPending',
      };
    case 'failed': {
      const parsed = step.reason ?? 'JobFailed';
      const discovered = parsed === 'JobFailed' ? 'DiscoveryFailed' : parsed;
      return { status: 'Failed', reason: parsed, message: step.message, discovered };
    }
    default:
      return reconciling(step.message);
  }
}

const pullReasons = new Set(['ImagePullAuthFailure', 'ImageNotFound', 'ImagePullBackOff']);
const available = (message: string): Row => ({ status: 'Ready', reason: 'Available', message });
const reconciling = (message: string): Row => ({ status: 'Pending', reason: 'Reconciling', message });

function conditionsOf({ status, reason, message, discovered = reason }: Row): ExtraCondition[] {
  const truth = (type: string, holds: boolean, why = reason): ExtraCondition => ({
    type,
    status: holds ? 'True' : 'False',
    reason: why,
    message,
  });
  const ready = status === 'Ready';
  return [
    truth('Discovered', ready, discovered),
    truth('Ready', ready),
    truth('Progressing', status === 'Progressing' || status === 'Pending'),
    truth('Failure', status === 'Failed' || status === 'Degraded'),
  ];
}
