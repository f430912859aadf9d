import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMClusterRuntimeConfig, LegacyAIMRuntimeConfig } from '../../../kinds/aim/legacy/aimruntimeconfig.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { ResourceStatus } from '../../../kinds/aim/fields.ts';
import type { ImageMetadata } from '../../../kinds/aim/imagemetadata.ts';
import { Secret } from '../../../kinds/core/secret.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import type { ExtraCondition } from '../health.ts';
import { nameLabel } from '../labels.ts';
import { legacyConditions, readyEvents } from '../legacyconditions.ts';
import { legacyDiscoveredTemplateName, legacyImageModelName } from '../legacynames.ts';
import { lookUpMetadata, retryDelay, type MetadataFinding } from './metadatalookup.ts';
import { withPlanned } from './models.ts';
import { readDeployments } from './templates.ts';
import { modelWatches, templatesOfModel } from './watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan } from '../../../reconcile/pass.ts';
import { RegistryError } from '../registry/errors.ts';
import type { ImageCatalog } from '../registry/imagecatalog.ts';
import { resolveRuntimeConfig, type ResolvedConfig, type RuntimeConfigKinds } from '../runtimeconfig.ts';
import { aggregateTemplates, type TemplateState } from '../templates/aggregate.ts';

/** AIMModel and AIMClusterModel of aim.silogen.ai (aim.md 11.7). */

interface Scope {
  readonly name: 'model' | 'cluster-model';
  readonly kind: Kind<LegacyAIMModel>;
  readonly template: Kind<LegacyAIMServiceTemplate>;
}

export const legacyNamespacedModels: Scope = {
  name: 'model',
  kind: LegacyAIMModel,
  template: LegacyAIMServiceTemplate,
};

export const legacyClusterModels: Scope = {
  name: 'cluster-model',
  kind: LegacyAIMClusterModel,
  template: LegacyAIMClusterServiceTemplate,
};

export const legacyConfigs: RuntimeConfigKinds = {
  namespaced: LegacyAIMRuntimeConfig,
  cluster: LegacyAIMClusterRuntimeConfig,
};

export interface LegacyModelObservations {
  readonly config: ResolvedConfig;
  readonly metadata: MetadataFinding;
  readonly templates: readonly TemplateState[];
}

export function legacyModelController(
  environment: ControllerEnvironment,
  catalog: ImageCatalog,
  scope: Scope,
): AimDefinition<LegacyAIMModel, LegacyModelObservations> {
  const { kind, template } = scope;
  const siblings = templatesOfModel(environment.informers, template);
  const configs = [LegacyAIMRuntimeConfig, LegacyAIMClusterRuntimeConfig];
  return {
    name: scope.name,
    kind,
    owns: [template],
    reads: [...configs, Secret],
    force: true,
    watches: modelWatches(environment, catalog, { kind, template, configs }),
    observe: (model, read) => {
      const { spec, status, metadata } = model;
      const config = resolveRuntimeConfig(read, legacyConfigs, spec?.runtimeConfigName, metadata.namespace);
      const wanted = spec?.discovery?.enabled ?? config.spec.model?.autoDiscovery ?? true;
      return {
        config,
        metadata:
          spec === undefined || !wanted
            ? { state: 'skipped' }
            : lookUpMetadata(read, catalog, {
                image: spec.image,
                imagePullSecrets: spec.imagePullSecrets,
                namespace: metadata.namespace ?? environment.operatorNamespace,
                remembered: status?.observedGeneration === metadata.generation ? status?.imageMetadata : undefined,
              }),
        templates: siblings(model),
      };
    },
    plan: (model, observed) => planLegacyModel(scope, model, observed),
  };
}

export function planLegacyModel(
  scope: Scope,
  model: LegacyAIMModel,
  observed: LegacyModelObservations,
): Plan<LegacyAIMModel> {
  const { config, metadata: finding } = observed;
  const known = finding.state === 'known' ? finding.metadata : undefined;
  const children = config.failure === undefined ? templatesOf(scope, model, known) : [];
  const planned = children.map(({ object }) => object.metadata);
  const { generation } = model.metadata;
  return {
    apply: children,
    requeueAfterMs: retryDelay(finding),
    status: (_failedWrites, now) => {
      const previous = model.status?.conditions ?? [];
      const verdict = verdictOf(model, observed, known, withPlanned(observed.templates, planned));
      const conditions = legacyConditions(previous, conditionsOf(verdict, finding, planned.length), generation, now);
      return {
        status: {
          ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
          ...(known === undefined ? {} : { imageMetadata: known }),
          status: verdict.status,
          conditions,
          ...(generation === undefined ? {} : { observedGeneration: generation }),
        },
        events: readyEvents(previous, conditions, verdict.status === 'Failed' || verdict.status === 'Degraded'),
      };
    },
  };
}

function templatesOf({ kind, template }: Scope, model: LegacyAIMModel, known: ImageMetadata | undefined): Child[] {
  const { spec, metadata } = model;
  if (spec === undefined || spec.discovery?.autoCreateTemplates === false) return [];
  const { imagePullSecrets, serviceAccountName } = spec;
  const imageModel = legacyImageModelName(spec.image);
  const { profiles } = readDeployments(known?.model?.recommendedDeployments ?? []);
  const children = profiles.map((profile): Child => {
    const { gpu, count, metric, precision } = profile;
    const name = legacyDiscoveredTemplateName(imageModel, metadata.name, profile);
    const labels = {
      [`${kind.group}/auto-generated`]: 'true',
      [`${kind.group}/model`]: nameLabel(metadata.name),
    };
    const { namespace } = metadata;
    return child(
      template,
      {
        metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels },
        spec: {
          modelName: metadata.name,
          ...(metric === undefined ? {} : { metric }),
          ...(precision === undefined ? {} : { precision }),
          ...(gpu === undefined || count === undefined ? {} : { gpuSelector: { model: gpu, count } }),
          ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
          ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
        },
      },
      { owned: true },
    );
  });
  return [...new Map(children.map((one) => [one.object.metadata.name, one])).values()];
}

interface LegacyVerdict {
  readonly status: ResourceStatus;
  readonly reason: string;
  readonly message: string;
}

function verdictOf(
  model: LegacyAIMModel,
  { config, metadata }: LegacyModelObservations,
  known: ImageMetadata | undefined,
  templates: readonly TemplateState[],
): LegacyVerdict {
  if (config.failure !== undefined) {
    return { status: 'Degraded', reason: 'RuntimeConfigMissing', message: config.failure.message };
  }
  if (metadata.state === 'skipped') {
    return { status: 'Ready', reason: 'DiscoveryDisabled', message: 'what the image holds is not asked for' };
  }
  if (metadata.state === 'pending') {
    return { status: 'Progressing', reason: 'ExtractingMetadata', message: 'the registry is being asked' };
  }
  if (metadata.state === 'failed') return extractionFailure(metadata);
  if (known?.model?.recommendedDeployments === undefined && templates.length === 0) {
    const message = 'the image recommends no deployments: create templates for it';
    return { status: 'Ready', reason: 'MetadataMissingRecommendedDeployments', message };
  }
  const expected = model.spec?.discovery?.autoCreateTemplates !== false && templates.length > 0;
  const { state, reason, message } = aggregateTemplates(templates, expected);
  if (reason === 'NoTemplatesAvailable') return { status: state, reason: 'AllTemplatesNotAvailable', message };
  return { status: state, reason: state === 'Ready' ? 'AllTemplatesReady' : reason, message };
}

/** Codes of the registry in the terms of aim.md 11.7. */
function extractionFailure({ failure, error }: Extract<MetadataFinding, { state: 'failed' }>): LegacyVerdict {
  const { message } = failure;
  if (error instanceof RegistryError) {
    if (error.failure === 'Unauthorized') return { status: 'Degraded', reason: 'ImagePullAuthFailure', message };
    if (error.failure === 'NotFound') return { status: 'Failed', reason: 'ImageNotFound', message };
    return { status: 'Degraded', reason: 'MetadataExtractionFailed', message };
  }
  if (failure.category === 'MissingUpstream') return { status: 'Degraded', reason: failure.reason, message };
  return { status: 'Failed', reason: 'MetadataExtractionFailed', message };
}

function conditionsOf(verdict: LegacyVerdict, finding: MetadataFinding, templates: number): ExtraCondition[] {
  const { status, reason, message } = verdict;
  const truth = (type: string, holds: boolean, why = reason, text = message): ExtraCondition => ({
    type,
    status: holds ? 'True' : 'False',
    reason: why,
    message: text,
  });
  const extracted =
    finding.state === 'known'
      ? truth('MetadataExtracted', true, 'MetadataExtracted', 'the labels of the image have been read')
      : truth('MetadataExtracted', false);
  const made =
    templates > 0
      ? truth('TemplatesAutoGenerated', true, 'TemplatesCreated', `${String(templates)} templates have been made`)
      : truth('TemplatesAutoGenerated', false);
  return [
    extracted,
    made,
    truth('Ready', status === 'Ready'),
    truth('Progressing', status === 'Progressing'),
    truth('Degraded', status === 'Degraded' || status === 'Failed'),
  ];
}
