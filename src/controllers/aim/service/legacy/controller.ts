import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../../kinds/aim/legacy/aimmodel.ts';
import {
  LegacyAIMClusterRuntimeConfig,
  LegacyAIMRuntimeConfig,
} from '../../../../kinds/aim/legacy/aimruntimeconfig.ts';
import { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../kinds/aim/legacy/aimtemplatecache.ts';
import { Namespace } from '../../../../kinds/core/namespace.ts';
import { Node } from '../../../../kinds/core/node.ts';
import { PersistentVolumeClaim } from '../../../../kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../../kinds/core/pod.ts';
import { Gateway } from '../../../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../kinds/kserve/inferenceservice.ts';
import { StorageClass } from '../../../../kinds/storage/storageclass.ts';
import type { Controller } from '../../../../kube/controller.ts';
import type { InformerCache } from '../../../../kube/informer.ts';
import { addLegacyCacheIndexes } from '../../caches/legacytemplatecache.ts';
import { nameLabel } from '../../labels.ts';
import { startAimController, type AimDefinition } from '../../definition.ts';
import type { ControllerEnvironment, Reader } from '../../../../reconcile/pass.ts';
import { byInferenceService, inferenceServiceLabel } from '../observe.ts';
import { observeLegacyService, type ObservedLegacyService } from './observe.ts';
import { planLegacyService } from './plan.ts';
import { serviceLabel } from './storage.ts';
import { addLegacyServiceIndexes, legacyServiceWatches } from './watches.ts';

export const legacyServiceFinalizer = 'aim.silogen.ai/service-cache-cleanup';

/** Models, caches, pods and routes report in quick succession. */
const statusDelayMs = 500;

/** Keeps AIMServices of the group aim.silogen.ai (aim.md 11; seed 002). */
export function startLegacyServiceController(environment: ControllerEnvironment): Promise<Controller> {
  addIndexes(environment.informers);
  return startAimController(environment, legacyServiceDefinition(environment));
}

function addIndexes(informers: InformerCache): void {
  addLegacyServiceIndexes(informers);
  addLegacyCacheIndexes(informers);
  informers.informer(Pod).addIndex(byInferenceService, ({ metadata }) => {
    const name = metadata.labels?.[inferenceServiceLabel];
    return name === undefined ? [] : [name];
  });
}

function legacyServiceDefinition(
  environment: ControllerEnvironment,
): AimDefinition<LegacyAIMService, ObservedLegacyService | undefined> {
  return {
    name: 'service',
    kind: LegacyAIMService,
    owns: [InferenceService, HTTPRoute, PersistentVolumeClaim],
    reads: [
      LegacyAIMModel,
      LegacyAIMClusterModel,
      LegacyAIMServiceTemplate,
      LegacyAIMClusterServiceTemplate,
      LegacyAIMRuntimeConfig,
      LegacyAIMClusterRuntimeConfig,
      LegacyAIMTemplateCache,
      Gateway,
      Pod,
      Node,
      StorageClass,
      Namespace,
    ],
    watches: legacyServiceWatches(environment.informers),
    statusDelayMs,
    force: true,
    finalizer: {
      name: legacyServiceFinalizer,
      cleanUp: (service, read) => dropUnavailableCaches(environment, service, read),
    },
    observe: (service, read) =>
      service.spec === undefined ? undefined : observeLegacyService(service, service.spec, read),
    plan: planLegacyService,
  };
}

/** Caches that the service has had made and that are not Available go with it; Available ones are kept (seed 002). */
async function dropUnavailableCaches(
  { client, writes }: ControllerEnvironment,
  { metadata: { name, namespace = '' } }: LegacyAIMService,
  read: Reader,
): Promise<void> {
  if (read.get(Namespace, { name: namespace })?.metadata.deletionTimestamp !== undefined) return;
  const made = read
    .list(LegacyAIMTemplateCache, namespace)
    .filter(
      ({ metadata, status }) => metadata.labels?.[serviceLabel] === nameLabel(name) && status?.status !== 'Available',
    );
  for (const { metadata } of made) {
    await writes.write(LegacyAIMTemplateCache, metadata, async () => {
      await client.delete(LegacyAIMTemplateCache, metadata);
      return undefined;
    });
  }
}
