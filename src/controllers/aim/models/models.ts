import { AIMClusterModel, AIMModel } from '../../../kinds/aim/aimmodel.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import type { ImageMetadata } from '../../../kinds/aim/imagemetadata.ts';
import { Secret } from '../../../kinds/core/secret.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { configComponent } from '../configcomponent.ts';
import { assess, type Component } from '../health.ts';
import { nameLabel } from '../labels.ts';
import { lookUpMetadata, retryDelay, type MetadataFinding } from './metadatalookup.ts';
import { expectsTemplates, isCustom, templatesOf, type ModelSpec } from './templates.ts';
import { modelWatches, templatesOfModel } from './watches.ts';
import type { AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Plan, Reader } from '../../../reconcile/pass.ts';
import type { ImageCatalog } from '../registry/imagecatalog.ts';
import { resourceStatus } from '../resourcestatus.ts';
import { currentRuntimeConfigs, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';
import { aggregateTemplates, type TemplateState } from '../templates/aggregate.ts';
import { transitionEvents } from '../transitions.ts';

/** AIMModel and AIMClusterModel of aim.eai.amd.com: an image, what it holds, and its templates (aim.md 6). */

interface Scope {
  readonly name: 'model' | 'cluster-model';
  readonly kind: Kind<AIMModel>;
  readonly template: Kind<AIMServiceTemplate>;
  readonly component: 'ServiceTemplates' | 'ClusterServiceTemplates';
  /** What a missing runtime configuration is called. */
  readonly configMissing: string;
}

export const namespacedModels: Scope = {
  name: 'model',
  kind: AIMModel,
  template: AIMServiceTemplate,
  component: 'ServiceTemplates',
  configMissing: 'ConfigNotFound',
};

export const clusterModels: Scope = {
  name: 'cluster-model',
  kind: AIMClusterModel,
  template: AIMClusterServiceTemplate,
  component: 'ClusterServiceTemplates',
  configMissing: 'ReferenceNotFound',
};

export interface ModelObservations {
  readonly config: ResolvedConfig;
  readonly metadata: MetadataFinding;
  readonly templates: readonly TemplateState[];
}

export function modelController(
  environment: ControllerEnvironment,
  catalog: ImageCatalog,
  scope: Scope,
): AimDefinition<AIMModel, ModelObservations> {
  const { kind, template } = scope;
  const siblings = templatesOfModel(environment.informers, template);
  const { namespaced, cluster } = currentRuntimeConfigs;
  return {
    name: scope.name,
    kind,
    owns: [template],
    reads: [namespaced, cluster, Secret],
    watches: modelWatches(environment, catalog, { kind, template, configs: [namespaced, cluster] }),
    observe: (model, read) => {
      const { namespace } = model.metadata;
      return {
        config: resolveRuntimeConfig(read, currentRuntimeConfigs, model.spec?.runtimeConfigName, namespace),
        metadata: findMetadata(model, read, catalog, namespace ?? environment.operatorNamespace),
        templates: siblings(model),
      };
    },
    plan: (model, observed) => planModel(scope, model, observed),
  };
}

function findMetadata(model: AIMModel, read: Reader, catalog: ImageCatalog, secretNamespace: string): MetadataFinding {
  const { spec, status, metadata } = model;
  if (spec === undefined) return { state: 'skipped' };
  if (spec.imageMetadata !== undefined) return { state: 'known', metadata: spec.imageMetadata };
  if (spec.discovery?.extractMetadata === false) return { state: 'skipped' };
  return lookUpMetadata(read, catalog, {
    image: spec.image,
    imagePullSecrets: spec.imagePullSecrets,
    namespace: secretNamespace,
    // What was found out counts until the spec changes, which may name another image.
    remembered: status?.observedGeneration === metadata.generation ? status?.imageMetadata : undefined,
  });
}

export function planModel(scope: Scope, model: AIMModel, observed: ModelObservations): Plan<AIMModel> {
  const { metadata, spec } = model;
  const { config, metadata: finding } = observed;
  const known = finding.state === 'known' ? finding.metadata : undefined;
  const { templates, refused } =
    spec === undefined || config.failure !== undefined
      ? { templates: [], refused: [] }
      : templatesOf({ name: metadata.name, namespaced: metadata.namespace !== undefined, spec }, known);
  const children = templates.map(({ name, alias, spec: templateSpec }): Child => {
    const { group } = scope.kind;
    const labels = {
      [`${group}/origin`]: 'auto-generated',
      [`${group}/model`]: nameLabel(metadata.name),
      ...(alias === undefined ? {} : { [`${group}/template.alias`]: alias }),
    };
    const { namespace } = metadata;
    return child(
      scope.template,
      { metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels }, spec: templateSpec },
      { owned: true },
    );
  });
  return {
    apply: children,
    labelPropagation: config.spec.labelPropagation,
    requeueAfterMs: retryDelay(finding),
    status: (failedWrites, now) => {
      const previous = model.status?.conditions ?? [];
      const components = [
        configComponent(config, scope.configMissing),
        metadataComponent(finding),
        templatesComponent(scope, spec, known, withPlanned(observed.templates, templates), refused),
      ];
      const { state, conditions, alarms } = assess({ components, failedWrites }, previous, now);
      return {
        status: {
          ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
          ...(spec === undefined ? {} : { sourceType: isCustom(spec) ? 'Custom' : 'Image' }),
          ...(known === undefined ? {} : { imageMetadata: known }),
          status: resourceStatus(state),
          conditions,
          ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
        },
        events: transitionEvents(previous, conditions, alarms),
      };
    },
  };
}

/** Templates that this pass writes count as there: nobody has looked at them yet. */
export function withPlanned(found: readonly TemplateState[], planned: readonly { name: string }[]): TemplateState[] {
  const missing = planned.filter(({ name }) => !found.some((template) => template.name === name));
  return [...found, ...missing.map(({ name }) => ({ name, status: undefined }))];
}

function metadataComponent(finding: MetadataFinding): Component {
  const component = { name: 'ImageMetadata' } as const;
  switch (finding.state) {
    case 'known': {
      const { canonicalName = '' } = finding.metadata.model ?? {};
      return canonicalName === ''
        ? { ...component, state: 'Ready', reason: 'ImageFound', message: 'the image does not say what model it holds' }
        : { ...component, state: 'Ready', reason: 'ImageMetadataFound', message: `the image holds ${canonicalName}` };
    }
    case 'skipped':
      return { ...component, state: 'Ready', reason: 'ImageFound', message: 'metadata is not asked for' };
    case 'pending':
      return { ...component, state: 'Progressing', reason: 'AwaitingMetadata', message: 'the registry is being asked' };
    case 'failed':
      return { ...component, failures: [finding.failure] };
  }
}

function templatesComponent(
  { component: name }: Scope,
  spec: ModelSpec | undefined,
  metadata: ImageMetadata | undefined,
  templates: readonly TemplateState[],
  refused: readonly string[],
): Component {
  const expected = spec === undefined ? false : expectsTemplates(spec, metadata);
  const { state, reason, message } = aggregateTemplates(templates, expected);
  const waitsForEver = reason === 'AwaitingMetadata' && spec?.discovery?.extractMetadata === false;
  const advice = waitsForEver
    ? ', and discovery.extractMetadata is false: set spec.imageMetadata, or discovery.createServiceTemplates to false'
    : '';
  const told = [`${message}${advice}`, ...refused].join('; ');
  return { name, state, reason, message: told, dependency: 'Downstream' };
}
