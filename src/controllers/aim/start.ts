import type { ImageMetadata } from '../../kinds/aim/imagemetadata.ts';
import { createDiscoverySlots } from './discoveryslots.ts';
import { clusterModels, modelController, namespacedModels } from './models.ts';
import { startAimController, type AimEnvironment } from './pipeline.ts';
import { createRegistryHttp } from './registry/http.ts';
import { createImageCatalog } from './registry/imagecatalog.ts';
import { createRegistryReader } from './registry/reader.ts';
import { startServiceController } from './service/controller.ts';
import { clusterTemplates, namespacedTemplates, templateController } from './templates.ts';

export interface AimOptions {
  readonly environment: AimEnvironment;
  /** Images that are known without asking their registry. */
  readonly builtinImages?: ((image: string) => ImageMetadata | undefined) | undefined;
}

/** The controllers of the AIM kinds. */
export async function startAim({ environment, builtinImages }: AimOptions): Promise<{ stop(): Promise<void> }> {
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
  return {
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
      await catalog.stop();
      await http.close();
    },
  };
}
