import type { Controller } from '../../../kube/controller.ts';
import { startAimController } from '../definition.ts';
import type { ControllerEnvironment } from '../../../reconcile/pass.ts';
import { artifactController } from './artifact.ts';
import { legacyModelCacheController } from './legacymodelcache.ts';
import { legacyTemplateCacheController } from './legacytemplatecache.ts';
import { templateCacheController } from './templatecache.ts';

/** Template caches, and the artifacts and model caches that hold weights, of both generations (aim.md 8, 9, 11.7). */
export async function startCacheControllers(environment: ControllerEnvironment): Promise<Controller> {
  const controllers = await Promise.all([
    startAimController(environment, templateCacheController(environment)),
    startAimController(environment, artifactController(environment)),
    startAimController(environment, legacyTemplateCacheController(environment)),
    startAimController(environment, legacyModelCacheController(environment)),
  ]);
  return {
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}
