import { createControllerEnvironment } from '../reconcile/pass.ts';
import type { ServiceExplanation } from '../controllers/aim/service/explain.ts';
import { startAim } from '../controllers/aim/start.ts';
import { startAIGatewayControllers } from '../controllers/aigateway/controller.ts';
import type { AirunwaySettings } from '../controllers/airunway/settings.ts';
import { startAirunway } from '../controllers/airunway/start.ts';
import { ensureGatewayClasses } from '../controllers/gateway/classes.ts';
import { startGatewayController, type GatewayControllerOptions } from '../controllers/gateway/controller.ts';
import type { ImageMetadata } from '../kinds/aim/imagemetadata.ts';
import { Namespace } from '../kinds/core/namespace.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { ObjectRef } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import { ensureObject } from './ensureobject.ts';

export interface Controllers {
  /** The data plane has all that the caches hold. */
  settled(): boolean;
  /** undefined: there is no such AIMService. */
  explainService(ref: ObjectRef): ServiceExplanation | undefined;
  /** In the Prometheus exposition format. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface ControllersOptions extends GatewayControllerOptions {
  readonly airunway: AirunwaySettings;
  /** Where the controllers of KubeAIRunway write. */
  readonly airunwayLog: Log;
  /** Providers of model servers that are simulated here, and so run without GPUs. */
  readonly simulatedProviders: ReadonlySet<string>;
  /** Images that need no registry to be known: those that are simulated here. */
  readonly builtinImages: (image: string) => ImageMetadata | undefined;
  readonly version: string;
}

/** Where the jobs of cluster-scoped AIM objects run. */
const operatorNamespace = 'aim-system';

/** Starts all controllers on the embedded API, whose GatewayClasses include those of foreign manifests. */
export async function startControllers(options: ControllersOptions): Promise<Controllers> {
  await ensureGatewayClasses(options.client);
  const { client, informers, log, version } = options;
  await ensureObject(client, Namespace, {
    apiVersion: apiVersionOf(Namespace),
    kind: Namespace.kind,
    metadata: { name: operatorNamespace },
  });
  const environment = createControllerEnvironment({ client, informers, log, operatorNamespace });
  const airunway = {
    environment: { ...environment, log: options.airunwayLog },
    settings: options.airunway,
    version,
    withoutGpus: options.simulatedProviders,
  };
  const [gateway, aim, models, ...others] = await Promise.all([
    startGatewayController(options),
    startAim({ environment, builtinImages: options.builtinImages }),
    startAirunway(airunway),
    startAIGatewayControllers(environment),
  ]);
  const running = [gateway, aim, models, ...others];
  return {
    settled: () => gateway.settled(),
    explainService: (ref) => aim.explainService(ref),
    metrics: () => models.metrics(),
    stop: async () => {
      await Promise.all(running.map((controller) => controller.stop()));
    },
  };
}
