import type { ImageMetadata } from '../../../kinds/aim/imagemetadata.ts';
import type { Controller } from '../../../kube/controller.ts';
import { createDiscoverySlots } from '../discovery/slots.ts';
import { legacyClusterModels, legacyModelController, legacyNamespacedModels } from './legacymodels.ts';
import {
  legacyClusterTemplates,
  legacyNamespacedTemplates,
  legacyTemplateController,
} from '../templates/legacytemplates.ts';
import { clusterModels, modelController, namespacedModels } from './models.ts';
import { currentSources, legacySources, sourceController } from '../sources/modelsources.ts';
import { startAimController } from '../definition.ts';
import type { ControllerEnvironment } from '../../../reconcile/pass.ts';
import { createRegistryHttp } from '../registry/http.ts';
import { createImageCatalog, type ImageCatalogOptions } from '../registry/imagecatalog.ts';
import { createRegistryReader } from '../registry/reader.ts';
import { createRepositorySearch } from '../registry/search.ts';
import { clusterTemplates, namespacedTemplates, templateController } from '../templates/templates.ts';

export interface ModelControllerOptions {
  readonly environment: ControllerEnvironment;
  /** Images that are known without a registry: those for which the embedded node runs a program of its own. */
  readonly imageMetadata?: ((image: string) => ImageMetadata | undefined) | undefined;
  /** Wait before a registry that failed is asked again. */
  readonly backOff?: ImageCatalogOptions['backOff'];
}

/** Models, templates and model sources of both generations. */
export async function startModelControllers(options: ModelControllerOptions): Promise<Controller> {
  const { environment, imageMetadata, backOff } = options;
  const { log, informers } = environment;
  const http = createRegistryHttp();
  const reader = createRegistryReader(http);
  const registries = { reader, search: createRepositorySearch(http, reader) };
  const catalog = createImageCatalog({
    reader,
    builtin: imageMetadata,
    log,
    ...(backOff === undefined ? {} : { backOff }),
  });
  const slots = createDiscoverySlots(informers);
  const controllers = await Promise.all([
    startAimController(environment, modelController(environment, catalog, namespacedModels)),
    startAimController(environment, modelController(environment, catalog, clusterModels)),
    startAimController(environment, templateController(environment, slots, namespacedTemplates)),
    startAimController(environment, templateController(environment, slots, clusterTemplates)),
    startAimController(environment, sourceController(environment, registries, currentSources)),
    startAimController(environment, legacyModelController(environment, catalog, legacyNamespacedModels)),
    startAimController(environment, legacyModelController(environment, catalog, legacyClusterModels)),
    startAimController(environment, legacyTemplateController(environment, slots, legacyNamespacedTemplates)),
    startAimController(environment, legacyTemplateController(environment, slots, legacyClusterTemplates)),
    startAimController(environment, sourceController(environment, registries, legacySources)),
  ]);
  return {
    stop: async () => {
      await catalog.stop();
      await Promise.all(controllers.map((controller) => controller.stop()));
      await http.close();
    },
  };
}
