import { AIMClusterModel, AIMModel } from '../../../kinds/aim/aimmodel.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../../kinds/aim/aimruntimeconfig.ts';
import { AIMService } from '../../../kinds/aim/aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { HorizontalPodAutoscaler } from '../../../kinds/autoscaling/horizontalpodautoscaler.ts';
import { Namespace } from '../../../kinds/core/namespace.ts';
import { Node } from '../../../kinds/core/node.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import { Gateway } from '../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { InferenceService } from '../../../kinds/kserve/inferenceservice.ts';
import type { Controller } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { labelValue } from '../labels.ts';
import { startAimController, type AimDefinition } from '../definition.ts';
import type { ControllerEnvironment, Reader } from '../../../reconcile/pass.ts';
import { byImage, isReady } from './model.ts';
import { byInferenceService, inferenceServiceLabel, observeService, type ObservedService } from './observe.ts';
import { planService } from './plan.ts';
import { byModel } from './template.ts';
import { byTemplate } from './templatecache.ts';
import { byName, serviceIndexes, watchesOf } from './watches.ts';

export const serviceFinalizer = 'aim.eai.amd.com/template-cache-cleanup';

/** Models, caches, pods and routes report in quick succession. */
const statusDelayMs = 500;

/** Keeps AIMServices of the group aim.eai.amd.com (aim.md 5). */
export function startServiceController(environment: ControllerEnvironment): Promise<Controller> {
  addServiceIndexes(environment.informers);
  return startAimController(environment, serviceDefinition(environment));
}

function serviceDefinition(environment: ControllerEnvironment): AimDefinition<AIMService, ObservedService | undefined> {
  return {
    name: 'service',
    kind: AIMService,
    owns: [InferenceService, HTTPRoute, AIMTemplateCache, AIMServiceTemplate],
    reads: [...readKinds, Namespace],
    watches: watchesOf(environment.informers),
    statusDelayMs,
    finalizer: { name: serviceFinalizer, cleanUp: (service, read) => dropUnreadyCaches(environment, service, read) },
    observe: (service, read) => (service.spec === undefined ? undefined : observeService(service, service.spec, read)),
    plan: planService,
  };
}

/** Kinds that observing a service reads, for the controller and for `headgate explain`. */
export const readKinds = [
  AIMModel,
  AIMClusterModel,
  AIMServiceTemplate,
  AIMClusterServiceTemplate,
  AIMRuntimeConfig,
  AIMClusterRuntimeConfig,
  AIMTemplateCache,
  InferenceService,
  HTTPRoute,
  Gateway,
  HorizontalPodAutoscaler,
  Pod,
  Node,
] as const;

/** The indexes that observing a service and waking it read. */
export function addServiceIndexes(informers: InformerCache): void {
  for (const kind of [AIMModel, AIMClusterModel]) {
    informers.informer(kind).addIndex(byImage, ({ spec }) => (spec === undefined ? [] : [spec.image]));
  }
  for (const kind of [AIMServiceTemplate, AIMClusterServiceTemplate]) {
    informers.informer(kind).addIndex(byModel, ({ spec }) => (spec === undefined ? [] : [spec.modelName]));
  }
  informers.informer(AIMModel).addIndex(byName, ({ metadata }) => [metadata.name]);
  informers
    .informer(AIMTemplateCache)
    .addIndex(byTemplate, ({ spec }) => (spec === undefined ? [] : [spec.templateName]));
  informers.informer(Pod).addIndex(byInferenceService, ({ metadata }) => {
    const name = metadata.labels?.[inferenceServiceLabel];
    return name === undefined ? [] : [name];
  });
  for (const [name, keys] of Object.entries(serviceIndexes)) informers.informer(AIMService).addIndex(name, keys);
}

/** Caches that the service has had made and that are not Ready go with it; Ready ones are kept for others (aim.md 5.9). */
async function dropUnreadyCaches(
  { client, writes }: ControllerEnvironment,
  service: AIMService,
  read: Reader,
): Promise<void> {
  const { name, namespace = '' } = service.metadata;
  if (read.get(Namespace, { name: namespace })?.metadata.deletionTimestamp !== undefined) return;
  const label = `${AIMService.group}/service`;
  const caches = read
    .list(AIMTemplateCache, namespace)
    .filter((cache) => cache.metadata.labels?.[label] === labelValue(name) && !isReady(cache));
  for (const { metadata } of caches) {
    await writes.write(AIMTemplateCache, metadata, async () => {
      await client.delete(AIMTemplateCache, metadata);
      return undefined;
    });
  }
}
