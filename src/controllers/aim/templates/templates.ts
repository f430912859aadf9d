import { AIMClusterModel, AIMModel } from '../../../kinds/aim/aimmodel.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { currentDialect } from '../../../kinds/aim/dialect.ts';
import { Job } from '../../../kinds/batch/job.ts';
import { Node } from '../../../kinds/core/node.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { isControlledBy } from '../../../kube/owners.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { discoverySpecHash } from '../discovery/backoff.ts';
import {
  createDiscoveryObserver,
  nextDiscoveryStep,
  type DiscoveryObservation,
  type DiscoveryQuestion,
} from '../discovery/discovery.ts';
import type { DiscoveryRequest } from '../discovery/job.ts';
import type { DiscoverySlots } from '../discovery/slots.ts';
import { checkGpus, detectGpus, needsGpu, type DetectedGpu, type GpuVerdict } from './gpus.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan, Reader } from '../../../reconcile/pass.ts';
import { currentRuntimeConfigs, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';
import { findModel, modelComponent, type FoundModel } from './model.ts';
import { profileOfDiscovery, profileOfSpec, rememberedProfile, type TemplateFacts } from './profile.ts';
import { templateStatus } from './status.ts';
import { templateWatches } from './watches.ts';

/** AIMServiceTemplate and AIMClusterServiceTemplate of aim.eai.amd.com (aim.md 7). */

export interface TemplateScope {
  readonly name: 'service-template' | 'cluster-service-template';
  readonly kind: Kind<AIMServiceTemplate>;
  readonly modelComponent: 'Model' | 'ClusterModel';
}

export const namespacedTemplates: TemplateScope = {
  name: 'service-template',
  kind: AIMServiceTemplate,
  modelComponent: 'Model',
};

export const clusterTemplates: TemplateScope = {
  name: 'cluster-service-template',
  kind: AIMClusterServiceTemplate,
  modelComponent: 'ClusterModel',
};

export interface TemplateObservations {
  readonly config: ResolvedConfig;
  readonly model: FoundModel<AIMModel> | undefined;
  readonly gpus: readonly DetectedGpu[];
  /** The question to the image; undefined where it is not to be asked. */
  readonly discovery: { readonly question: DiscoveryQuestion; readonly seen: DiscoveryObservation } | undefined;
  /** A cache with the template's name that somebody else made. */
  readonly foreignCache: boolean;
}

export function templateController(
  environment: ControllerEnvironment,
  slots: DiscoverySlots,
  scope: TemplateScope,
): AimDefinition<AIMServiceTemplate, TemplateObservations> {
  const { kind } = scope;
  const { namespaced, cluster } = currentRuntimeConfigs;
  const models = kind.namespaced ? [AIMModel, AIMClusterModel] : [AIMClusterModel];
  const discovery = createDiscoveryObserver(environment, slots);
  return {
    name: scope.name,
    kind,
    owns: [Job, ...(kind.namespaced ? [AIMTemplateCache] : [])],
    reads: [...models, namespaced, cluster, Node, Pod],
    watches: templateWatches(environment.informers, {
      kind,
      models,
      configs: [namespaced, cluster],
      usesGpus: ({ metadata }) => needsGpus(environment.informers.informer(kind).get(metadata)),
    }),
    // Reading the log of one job must not hold up the others.
    workers: 4,
    observe: async (template, read) => {
      const { namespace, runtimeConfigName } = { ...template.metadata, ...template.spec };
      const model = findModel(read, { namespaced: AIMModel, cluster: AIMClusterModel }, template);
      const gpus = detectGpus(read.list(Node));
      const question = discoveryQuestion(environment, template, model, gpus);
      return {
        config: resolveRuntimeConfig(read, currentRuntimeConfigs, runtimeConfigName, namespace),
        model,
        gpus,
        discovery: question === undefined ? undefined : { question, seen: await discovery.observe(question, read) },
        foreignCache: hasForeignCache(template, read),
      };
    },
    plan: (template, observed) => planTemplate(scope, template, observed),
  };
}

function needsGpus(template: AIMServiceTemplate | undefined): boolean {
  return needsGpu(template?.spec?.hardware?.gpu);
}

/** Nobody is asked while the answer is known or could not be used: no model, no image, no such GPU. */
function discoveryQuestion(
  { operatorNamespace }: ControllerEnvironment,
  template: AIMServiceTemplate,
  model: FoundModel<AIMModel> | undefined,
  gpus: readonly DetectedGpu[],
): DiscoveryQuestion | undefined {
  const { spec, metadata } = template;
  const modelSpec = model?.object.spec;
  if (spec === undefined || modelSpec === undefined || modelSpec.image === '' || knownFacts(template) !== undefined) {
    return undefined;
  }
  if (gpuVerdict(template, gpus)?.available === false) return undefined;
  const request: DiscoveryRequest = {
    dialect: currentDialect,
    template: metadata.name,
    namespace: metadata.namespace ?? operatorNamespace,
    model: spec.modelName,
    image: modelSpec.image,
    serviceAccountName: modelSpec.serviceAccountName,
    imagePullSecrets: modelSpec.imagePullSecrets,
    env: metadata.namespace === undefined ? undefined : spec.env,
    metric: spec.metric,
    precision: spec.precision,
    gpu: spec.hardware?.gpu,
    profileId: spec.profileId,
    backoffLimit: 0,
  };
  return {
    ownerUid: metadata.uid ?? '',
    request,
    attempts: template.status?.discovery,
    specHash: discoverySpecHash({ ...request, modelName: request.model }),
  };
}

export function gpuVerdict(template: AIMServiceTemplate, gpus: readonly DetectedGpu[]): GpuVerdict | undefined {
  const demand = template.spec?.hardware?.gpu;
  return demand !== undefined && needsGpu(demand) ? checkGpus(demand, gpus) : undefined;
}

/** What the template is, without asking: said in its spec, or found out before. */
function knownFacts(template: AIMServiceTemplate): TemplateFacts | undefined {
  return profileOfSpec(template) ?? rememberedProfile(template);
}

function hasForeignCache(template: AIMServiceTemplate, read: Reader): boolean {
  const { namespace, name } = template.metadata;
  if (namespace === undefined) return false;
  const cache = read.get(AIMTemplateCache, { namespace, name });
  return cache !== undefined && !isControlledBy(cache, template);
}

export function planTemplate(
  scope: TemplateScope,
  template: AIMServiceTemplate,
  observed: TemplateObservations,
): Plan<AIMServiceTemplate> {
  const { config, model, gpus } = observed;
  const { discovery } = observed;
  const step = discovery === undefined ? undefined : nextDiscoveryStep(discovery.question, discovery.seen);
  const facts =
    knownFacts(template) ?? (step?.found === undefined ? undefined : profileOfDiscovery(template, step.found));
  const gpu = gpuVerdict(template, gpus);
  const usable = facts !== undefined && model !== undefined && gpu?.available !== false;
  return {
    apply: [...(step?.apply ?? []), ...(usable && !observed.foreignCache ? ownCache(template, facts) : [])],
    remove: step?.remove ?? [],
    labelPropagation: config.spec.labelPropagation,
    requeueAfterMs: step?.requeueAfterMs,
    status: (failedWrites, now) =>
      templateStatus({
        template,
        config,
        model,
        modelComponent: modelComponent(scope.modelComponent, template, model),
        gpu,
        gpus,
        facts,
        step,
        seen: discovery?.seen,
        failedWrites,
        now,
      }),
  };
}

/** The cache that a template keeps for itself (aim.md 7.3). */
function ownCache(template: AIMServiceTemplate, facts: TemplateFacts): Child[] {
  const { spec, metadata } = template;
  const { namespace, name } = metadata;
  if (spec?.caching?.enabled !== true || namespace === undefined || facts.modelSources.length === 0) return [];
  const { runtimeConfigName, caching } = spec;
  return [
    child(
      AIMTemplateCache,
      {
        metadata: { name, namespace },
        spec: {
          templateName: name,
          templateScope: 'Namespace',
          ...(runtimeConfigName === undefined ? {} : { runtimeConfigName }),
          ...(caching.env === undefined ? {} : { env: caching.env }),
        },
      },
      { owned: true },
    ),
  ];
}
