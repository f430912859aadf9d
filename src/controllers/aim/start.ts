import type { ImageMetadata } from '../../kinds/aim/imagemetadata.ts';
import type { ObjectRef } from '../../kinds/object.ts';
import { startCacheControllers } from './caches/start.ts';
import { startLegacyServiceController } from './service/legacy/controller.ts';
import { explainLegacyService } from './service/legacy/explain.ts';
import { startModelControllers, type ModelControllerOptions } from './models/controllers.ts';
import { readerOf, type ControllerEnvironment } from '../../reconcile/pass.ts';
import { startServiceController } from './service/controller.ts';
import { explainService, type ServiceExplanation } from './service/explain.ts';

export interface AimOptions {
  readonly environment: ControllerEnvironment;
  /** Images that are known without asking their registry. */
  readonly builtinImages?: ((image: string) => ImageMetadata | undefined) | undefined;
  readonly registryBackOff?: ModelControllerOptions['backOff'];
}

export interface Aim {
  /** undefined: there is no such service. */
  explainService(ref: ObjectRef): ServiceExplanation | undefined;
  stop(): Promise<void>;
}

/** The controllers of the AIM kinds. */
export async function startAim({ environment, builtinImages, registryBackOff }: AimOptions): Promise<Aim> {
  const controllers = await Promise.all([
    startModelControllers({ environment, imageMetadata: builtinImages, backOff: registryBackOff }),
    startCacheControllers(environment),
    startServiceController(environment),
    startLegacyServiceController(environment),
  ]);
  const read = readerOf(environment);
  return {
    explainService: (ref) => explainService(ref, read) ?? explainLegacyService(ref, read),
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}
