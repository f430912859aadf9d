import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../../kinds/aim/legacy/aimmodel.ts';
import type { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import type { LegacyAIMServiceTemplate } from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../kinds/aim/legacy/aimtemplatecache.ts';
import { PersistentVolumeClaim } from '../../../../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../../kinds/core/pod.ts';
import { Gateway } from '../../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../kinds/kserve/inferenceservice.ts';
import { StorageClass } from '../../../../kinds/storage/storageclass.ts';
import { byLegacyTemplate } from '../../caches/legacytemplatecache.ts';
import { legacyConfigs } from '../../models/legacymodels.ts';
import { legacyHTTPRouteName, legacyInferenceServiceName, temporaryClaimName } from '../../legacynames.ts';
import type { Reader } from '../../../../reconcile/pass.ts';
import { mergeRouting, resolveRuntimeConfig, type ResolvedConfig } from '../../runtimeconfig.ts';
import { byInferenceService } from '../observe.ts';
import { findModel, type FoundModel } from '../../templates/model.ts';
import { resolveLegacyModel, type LegacyModelResolution } from './model.ts';
import { resolveLegacyTemplate, type LegacyTemplateResolution } from './template.ts';

/** Everything that the plan for a service depends on (aim.md 11.5). */
export interface ObservedLegacyService {
  /** undefined: a template is named, which has its own model. */
  readonly model: LegacyModelResolution | undefined;
  readonly template: LegacyTemplateResolution;
  /** The model of the template. */
  readonly templateModel: FoundModel<LegacyAIMModel> | undefined;
  readonly config: ResolvedConfig;
  readonly cache: LegacyAIMTemplateCache | undefined;
  readonly claim: PersistentVolumeClaim | undefined;
  readonly classes: readonly StorageClass[];
  readonly servingName: string;
  readonly serving: InferenceService | undefined;
  readonly pods: readonly Pod[];
  readonly route: HTTPRoute | undefined;
  readonly gateway: Gateway | undefined;
  readonly servesKServe: boolean;
  readonly servesRoutes: boolean;
}

type ServiceSpec = NonNullable<LegacyAIMService['spec']>;

export function observeLegacyService(
  service: LegacyAIMService,
  spec: ServiceSpec,
  read: Reader,
): ObservedLegacyService {
  const { name, namespace = '' } = service.metadata;
  const model = spec.templateRef?.trim() ? undefined : resolveLegacyModel(service, spec, read);
  const template = resolveLegacyTemplate(service, spec, model, read);
  const found = template.outcome === 'found' ? template.template : undefined;
  const configName = spec.runtimeConfigName ?? found?.spec?.runtimeConfigName;
  const config = resolveRuntimeConfig(read, legacyConfigs, configName, namespace);
  const servingName = legacyInferenceServiceName(name, namespace);
  const parent = mergeRouting(config.spec.routing, spec.routing).gatewayRef;
  return {
    model,
    template,
    templateModel: found === undefined ? undefined : modelOf(namespace, found, read),
    config,
    cache: found === undefined ? undefined : findCache(namespace, found, read),
    claim: read.get(PersistentVolumeClaim, { namespace, name: temporaryClaimName(servingName) }),
    classes: read.list(StorageClass),
    servingName,
    serving: read.get(InferenceService, { namespace, name: servingName }),
    pods: read
      .byIndex(Pod, byInferenceService, servingName)
      .filter(({ metadata }) => metadata.namespace === namespace && metadata.deletionTimestamp === undefined),
    route: read.get(HTTPRoute, { namespace, name: legacyHTTPRouteName(name) }),
    gateway:
      parent === undefined
        ? undefined
        : read.get(Gateway, { namespace: parent.namespace ?? namespace, name: parent.name }),
    servesKServe: read.served(InferenceService),
    servesRoutes: read.served(HTTPRoute),
  };
}

/** Of the service's namespace, else of the cluster, wherever the template is: so the guide's example has it (seed 002). */
function modelOf(
  namespace: string,
  template: LegacyAIMServiceTemplate,
  read: Reader,
): FoundModel<LegacyAIMModel> | undefined {
  const here = { ...template, metadata: { ...template.metadata, namespace } };
  return findModel(read, { namespaced: LegacyAIMModel, cluster: LegacyAIMClusterModel }, here);
}

/** The template's cache has the template's name; others of the namespace are as good. */
function findCache(
  namespace: string,
  { metadata: { name } }: LegacyAIMServiceTemplate,
  read: Reader,
): LegacyAIMTemplateCache | undefined {
  const made = read.get(LegacyAIMTemplateCache, { namespace, name });
  if (made?.spec?.templateRef === name) return made;
  return read
    .byIndex(LegacyAIMTemplateCache, byLegacyTemplate, name)
    .filter(({ metadata }) => metadata.namespace === namespace && metadata.deletionTimestamp === undefined)
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))[0];
}
