import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { HorizontalPodAutoscaler } from '../../../kinds/autoscaling/horizontalpodautoscaler.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import { Gateway } from '../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { InferenceService } from '../../../kinds/kserve/inferenceservice.ts';
import { httpRouteName, inferenceServiceName } from '../names.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { currentRuntimeConfigs, mergeRouting, resolveRuntimeConfig, type ResolvedConfig } from '../runtimeconfig.ts';
import { resolveModel, type ModelResolution } from './model.ts';
import { autoscalerName } from './scaling.ts';
import { resolveTemplate, type TemplateResolution } from './template.ts';
import { findTemplateCache } from './templatecache.ts';

/** Everything that the plan for a service depends on (aim.md 5.3). */
export interface ObservedService {
  readonly config: ResolvedConfig;
  readonly model: ModelResolution;
  readonly template: TemplateResolution;
  readonly cache: AIMTemplateCache | undefined;
  /** Derived name of the InferenceService; undefined: the namespace's name is too long. */
  readonly servingName: string | undefined;
  readonly serving: InferenceService | undefined;
  readonly pods: readonly Pod[];
  readonly autoscaler: HorizontalPodAutoscaler | undefined;
  readonly route: HTTPRoute | undefined;
  readonly gateway: Gateway | undefined;
  readonly servesKServe: boolean;
  readonly servesRoutes: boolean;
}

/** Index of the pods by the InferenceService that they serve. */
export const byInferenceService = 'aim/inferenceservice';
export const inferenceServiceLabel = 'serving.kserve.io/inferenceservice';

type ServiceSpec = NonNullable<AIMService['spec']>;

export function observeService(service: AIMService, spec: ServiceSpec, read: Reader): ObservedService {
  const { name, namespace = '' } = service.metadata;
  const config = resolveRuntimeConfig(read, currentRuntimeConfigs, spec.runtimeConfigName, namespace);
  const model = resolveModel(service, spec, read);
  const template = resolveTemplate(service, spec, model, read);
  const servingName = inferenceServiceName(name, namespace);
  const inNamespace = (called: string | undefined) => (called === undefined ? undefined : { namespace, name: called });
  const serving = inNamespace(servingName);
  const hpa = inNamespace(servingName === undefined ? undefined : autoscalerName(servingName));
  const parent = mergeRouting(config.spec.routing, spec.routing).gatewayRef;
  return {
    config,
    model,
    template,
    cache:
      template.outcome === 'found'
        ? findTemplateCache(service, spec, template.kind, template.template, read)
        : undefined,
    servingName,
    serving: serving === undefined ? undefined : read.get(InferenceService, serving),
    pods:
      servingName === undefined
        ? []
        : read
            .byIndex(Pod, byInferenceService, servingName)
            .filter((pod) => pod.metadata.namespace === namespace && pod.metadata.deletionTimestamp === undefined),
    autoscaler: hpa === undefined ? undefined : read.get(HorizontalPodAutoscaler, hpa),
    route: read.get(HTTPRoute, { namespace, name: httpRouteName(name, namespace) }),
    gateway:
      parent === undefined
        ? undefined
        : read.get(Gateway, { namespace: parent.namespace ?? namespace, name: parent.name }),
    servesKServe: read.served(InferenceService),
    servesRoutes: read.served(HTTPRoute),
  };
}
