import type { ImageMetadata } from '../../kinds/aim/imagemetadata.ts';
import type { ObjectRef } from '../../kinds/object.ts';
import { createDiscoverySlots } from './discoveryslots.ts';
import { clusterModels, modelController, namespacedModels } from './models.ts';
import { readerOf, startAimController, type AimEnvironment } from './pipeline.ts';
import { createRegistryHttp } from './registry/http.ts';
import { createImageCatalog } from './registry/imagecatalog.ts';
import { createRegistryReader } from './registry/reader.ts';
import { startServiceController } from './service/controller.ts';
import { explainService, type ServiceExplanation } from './service/explain.ts';
import { clusterTemplates, namespacedTemplates, templateController } from './templates.ts';

export interface AimOptions {
  readonly environment: AimEnvironment;
  /** Images that are known without asking their registry. */
  readonly builtinImages?: ((image: string) => ImageMetadata | undefined) | undefined;
}

export interface Aim {
  /** undefined: there is no such service. */
  explainService(ref: ObjectRef): ServiceExplanation | undefined;
  stop(): Promise<void>;
}

/** The controllers of the AIM kinds. */
export async function startAim({ environment, builtinImages }: AimOptions): Promise<Aim> {
  const { informers, log } = environment;
  const http = createRegistryHttp();
  const catalog = createImageCatalog({ reader: createRegistryReader(http), builtin: builtinImages, log });
  const slots = createDiscoverySlots(informers);
  const controllers = await Promise.all([
    ...[namespacedModels, clusterModels].map((scope) =>
      startAimController(environment, modelController(environment, catalog, scope)),
    ),
    ...[namespacedTemplates, clusterTemplates].map((scope) =>
      startAimController(environment, templateController(environment, slots, scope)),
    ),
    startServiceController(environment),
  ]);
  const read = readerOf(environment);
  return {
    explainService: (ref) => explainService(ref, read),
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
      await catalog.stop();
      await http.close();
    },
  };
}
