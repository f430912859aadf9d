import { legacyDialect } from '../../../kinds/aim/dialect.ts';
import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMClusterRuntimeConfig, LegacyAIMRuntimeConfig } from '../../../kinds/aim/legacy/aimruntimeconfig.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import { Job } from '../../../kinds/batch/job.ts';
import { Node } from '../../../kinds/core/node.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { ClusterServingRuntime, ServingRuntime } from '../../../kinds/kserve/servingruntime.ts';
import { createDiscoveryObserver, nextDiscoveryStep } from '../discovery/discovery.ts';
import { discoverySpecHash, type DiscoveryAttempts } from '../discovery/backoff.ts';
import type { DiscoveryRequest } from '../discovery/job.ts';
import type { DiscoverySlots } from '../discovery/slots.ts';
import { checkGpus, detectGpus, type GpuDemand } from './gpus.ts';
import { legacyConfigs } from '../models/legacymodels.ts';
import { legacyServingRuntime } from './legacyservingruntime.ts';
import { legacyFactsOfDiscovery, legacyFactsOfSpec, rememberedLegacyFacts, type LegacyFacts } from './legacyprofile.ts';
import { legacyTemplateStatus, type LegacyTemplateObservations } from './legacystatus.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan, Reader } from '../../../reconcile/pass.ts';
import { resolveRuntimeConfig } from '../runtimeconfig.ts';
import { findModel, type FoundModel } from './model.ts';
import { templateWatches } from './watches.ts';

/** AIMServiceTemplate and AIMClusterServiceTemplate of aim.silogen.ai (aim.md 11.7). */

interface Scope {
  readonly name: 'service-template' | 'cluster-service-template';
  readonly kind: Kind<LegacyAIMServiceTemplate>;
  readonly runtime: Kind<ServingRuntime>;
}

export const legacyNamespacedTemplates: Scope = {
  name: 'service-template',
  kind: LegacyAIMServiceTemplate,
  runtime: ServingRuntime,
};

export const legacyClusterTemplates: Scope = {
  name: 'cluster-service-template',
  kind: LegacyAIMClusterServiceTemplate,
  runtime: ClusterServingRuntime,
};

export function legacyTemplateController(
  environment: ControllerEnvironment,
  slots: DiscoverySlots,
  scope: Scope,
): AimDefinition<LegacyAIMServiceTemplate, LegacyTemplateObservations> {
  const { kind } = scope;
  const models = kind.namespaced ? [LegacyAIMModel, LegacyAIMClusterModel] : [LegacyAIMClusterModel];
  const configs = [LegacyAIMRuntimeConfig, LegacyAIMClusterRuntimeConfig];
  const discovery = createDiscoveryObserver(environment, slots);
  /** Failed tries by uid: this generation's status has no place for them, so a restart forgets them. */
  const attempts = new Map<string, DiscoveryAttempts>();
  environment.informers.informer(kind).onChange(({ object, deleted }) => {
    if (deleted) attempts.delete(object.metadata.uid ?? '');
  });

  const ask = async (
    template: LegacyAIMServiceTemplate,
    request: DiscoveryRequest | undefined,
    read: Reader,
  ): Promise<Pick<LegacyTemplateObservations, 'seen' | 'step'>> => {
    if (request === undefined) return { seen: undefined, step: undefined };
    const uid = template.metadata.uid ?? '';
    const specHash = discoverySpecHash({ ...request, modelName: request.model });
    const question = { ownerUid: uid, request, attempts: attempts.get(uid), specHash };
    const seen = await discovery.observe(question, read);
    const step = nextDiscoveryStep(question, seen);
    if (step.attempts === undefined) attempts.delete(uid);
    else attempts.set(uid, step.attempts);
    return { seen, step };
  };

  return {
    name: scope.name,
    kind,
    owns: [Job, scope.runtime],
    reads: [...models, ...configs, Node, Pod],
    force: true,
    workers: 4,
    watches: templateWatches(environment.informers, {
      kind,
      models,
      configs,
      usesGpus: ({ metadata }) => demandOf(environment.informers.informer(kind).get(metadata)) !== undefined,
    }),
    observe: async (template, read) => {
      const model = findModel(read, { namespaced: LegacyAIMModel, cluster: LegacyAIMClusterModel }, template);
      const demand = demandOf(template);
      const gpu = demand === undefined ? undefined : checkGpus(demand, detectGpus(read.list(Node)));
      const request = gpu?.available === false ? undefined : requestOf(environment, template, model);
      return {
        config: resolveRuntimeConfig(
          read,
          legacyConfigs,
          template.spec?.runtimeConfigName,
          template.metadata.namespace,
        ),
        model,
        gpu,
        ...(await ask(template, request, read)),
      };
    },
    plan: (template, observed) => planLegacyTemplate(scope, template, observed),
  };
}

function demandOf(template: LegacyAIMServiceTemplate | undefined): GpuDemand | undefined {
  const selector = template?.spec?.gpuSelector;
  return selector === undefined ? undefined : { requests: selector.count, model: selector.model };
}

function requestOf(
  { operatorNamespace }: ControllerEnvironment,
  template: LegacyAIMServiceTemplate,
  model: FoundModel<LegacyAIMModel> | undefined,
): DiscoveryRequest | undefined {
  const { spec, metadata } = template;
  const image = model?.object.spec?.image ?? '';
  if (spec === undefined || image === '' || factsOf(template) !== undefined) return undefined;
  return {
    dialect: legacyDialect,
    template: metadata.name,
    namespace: metadata.namespace ?? operatorNamespace,
    model: spec.modelName,
    image,
    // Those of the template, where the newer generation takes the model's.
    serviceAccountName: spec.serviceAccountName,
    imagePullSecrets: spec.imagePullSecrets,
    env: spec.env,
    metric: spec.metric,
    precision: spec.precision,
    gpu: demandOf(template),
    backoffLimit: 3,
  };
}

function factsOf(template: LegacyAIMServiceTemplate): LegacyFacts | undefined {
  return legacyFactsOfSpec(template) ?? rememberedLegacyFacts(template);
}

export function planLegacyTemplate(
  scope: Scope,
  template: LegacyAIMServiceTemplate,
  observed: LegacyTemplateObservations,
): Plan<LegacyAIMServiceTemplate> {
  const { step, model, gpu } = observed;
  const facts = factsOf(template) ?? (step?.found === undefined ? undefined : legacyFactsOfDiscovery(step.found));
  const image = model?.object.spec?.image ?? '';
  const ready = facts !== undefined && image !== '' && gpu?.available !== false;
  return {
    apply: [
      ...(step?.apply ?? []),
      ...(ready ? [legacyServingRuntime(scope.runtime, template, { image, facts, model: model?.object.spec })] : []),
    ],
    remove: step?.remove ?? [],
    requeueAfterMs: step?.requeueAfterMs,
    status: (failedWrites, now) => legacyTemplateStatus({ template, ...observed, facts, failedWrites, now }),
  };
}
