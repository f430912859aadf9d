import type { AIMModel } from '../../../kinds/aim/aimmodel.ts';
import type { AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { configComponent } from '../configcomponent.ts';
import type { DiscoveryObservation, DiscoveryStep } from '../discovery/discovery.ts';
import { invalidSpec } from '../failures.ts';
import type { DetectedGpu, GpuVerdict } from './gpus.ts';
import { assess, type Component, type ExtraCondition } from '../health.ts';
import type { Verdict } from '../../../reconcile/pass.ts';
import { resourceStatus } from '../resourcestatus.ts';
import type { ResolvedConfig } from '../runtimeconfig.ts';
import { modelReference, type FoundModel } from './model.ts';
import { factsStatus, type TemplateFacts } from './profile.ts';
import { transitionEvents } from '../transitions.ts';
import { jobHealth, podsHealth, type Health } from '../service/workloadhealth.ts';
import type { WriteFailure } from '../../../reconcile/failures.ts';

/** The status of a template of aim.eai.amd.com (aim.md 7.2, 7.7). */

export interface TemplateSituation {
  readonly template: AIMServiceTemplate;
  readonly config: ResolvedConfig;
  readonly model: FoundModel<AIMModel> | undefined;
  readonly modelComponent: Component;
  /** undefined: no GPU is asked for. */
  readonly gpu: GpuVerdict | undefined;
  readonly gpus: readonly DetectedGpu[];
  readonly facts: TemplateFacts | undefined;
  readonly step: DiscoveryStep | undefined;
  readonly seen: DiscoveryObservation | undefined;
  readonly failedWrites: readonly WriteFailure[];
  readonly now: Date;
}

export function templateStatus(situation: TemplateSituation): Verdict<AIMServiceTemplate> {
  const { template, config, model, gpu, gpus, facts, step, failedWrites, now } = situation;
  const previous = template.status?.conditions ?? [];
  const { state, conditions, alarms, retry } = assess(
    {
      components: [
        configComponent(config, 'ConfigNotFound'),
        situation.modelComponent,
        ...(gpu === undefined ? [] : [gpuComponent(gpu)]),
        ...(facts === undefined ? discoveryComponents(situation) : []),
      ],
      extra: [discovered(situation)],
      failedWrites,
    },
    previous,
    now,
  );
  const { generation } = template.metadata;
  const job = discoveryJobReference(situation);
  const attempts = facts === undefined ? (step === undefined ? template.status?.discovery : step.attempts) : undefined;
  return {
    status: {
      ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
      ...(model === undefined ? {} : { resolvedModel: modelReference(model) }),
      ...(facts === undefined ? {} : factsStatus(facts, gpus)),
      ...(job === undefined ? {} : { discoveryJob: job }),
      ...(attempts === undefined ? {} : { discovery: attempts }),
      status: resourceStatus(state),
      conditions,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    events: transitionEvents(previous, conditions, alarms),
    // A wait of its own is known; everything else is tried again with back-off.
    ...(retry === undefined || step?.requeueAfterMs !== undefined ? {} : { retry }),
  };
}

function gpuComponent(gpu: GpuVerdict): Component {
  return gpu.available
    ? { name: 'GPU', state: 'Ready', reason: 'GPUAvailable', message: gpu.message }
    : { name: 'GPU', state: 'NotAvailable', reason: gpu.reason, message: gpu.message };
}

function discoveryComponents({ step, seen }: TemplateSituation): Component[] {
  const dependency = 'Downstream' as const;
  const waiting = (message: string): Component[] =>
    ['DiscoveryJob', 'DiscoveryPods'].map((name) => ({
      name,
      dependency,
      state: 'Pending',
      reason: 'JobNotCreated',
      message,
    }));
  if (step === undefined || seen === undefined) {
    return waiting('the image is asked once the model and the GPUs are there');
  }
  switch (step.phase) {
    case 'found':
      return [];
    case 'waiting':
    case 'queued':
      return waiting(step.message);
    case 'running':
      return [
        { name: 'DiscoveryJob', dependency, state: 'Progressing', reason: 'JobRunning', message: step.message },
        { name: 'DiscoveryPods', dependency, ...runningPods(seen) },
      ];
    case 'failed':
      return [
        { name: 'DiscoveryJob', dependency, ...failedJob(step, seen) },
        { name: 'DiscoveryPods', dependency, ...failedPods(step, seen) },
      ];
  }
}

/** Only trouble is told of pods on their way: every step of theirs would be a write otherwise. */
function runningPods({ pods }: DiscoveryObservation): Health {
  const health = podsHealth(pods);
  const trouble = health.state === 'Pending' && health.reason === 'FailedScheduling';
  const pullProblem = health.failures?.some(({ category }) => category !== 'MissingDownstream') === true;
  if (trouble || pullProblem) return health;
  return { state: 'Progressing', reason: 'PodsStarting', message: 'the pod of the discovery job is on its way' };
}

function failedJob(step: DiscoveryStep, { job }: DiscoveryObservation): Health {
  if (step.reason !== undefined && step.reason !== 'JobFailed')
    return { failures: [invalidSpec(step.reason, step.message)] };
  const [failure = invalidSpec('JobFailed', 'the job failed')] =
    job === undefined ? [] : (jobHealth(job).failures ?? []);
  return { failures: [{ ...failure, message: `${failure.message}; ${step.message}` }] };
}

function failedPods(step: DiscoveryStep, { pods, logs }: DiscoveryObservation): Health {
  if (step.reason !== 'JobFailed') {
    return { state: 'Ready', reason: 'PodsReady', message: 'the pod of the discovery job has ended well' };
  }
  return podsHealth(pods, { logOf: ({ metadata }) => logs.get(metadata.name) });
}

function discovered({ facts, step }: TemplateSituation): ExtraCondition {
  const type = 'Discovered';
  if (facts?.source === 'spec') {
    const message = 'Model sources provided in-line in spec';
    return { type, status: 'True', reason: 'InlineModelSources', message };
  }
  if (facts !== undefined) {
    return { type, status: 'True', reason: 'DiscoveryComplete', message: 'the image has named its profile' };
  }
  const message = step?.message ?? 'the image is asked once the model and the GPUs are there';
  return { type, status: 'False', reason: 'AwaitingDiscovery', message };
}

function discoveryJobReference({
  template,
  step,
  seen,
}: TemplateSituation): { name: string; namespace: string } | undefined {
  const created = step?.apply[0]?.object.metadata ?? seen?.job?.metadata;
  if (created?.namespace === undefined) {
    const { name, namespace } = template.status?.discoveryJob ?? {};
    return name === undefined || namespace === undefined ? undefined : { name, namespace };
  }
  return { name: created.name, namespace: created.namespace };
}
