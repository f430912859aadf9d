import { createAimEnvironment } from '../controllers/aim/pipeline.ts';
import type { ServiceExplanation } from '../controllers/aim/service/explain.ts';
import { startAim } from '../controllers/aim/start.ts';
import { startAIGatewayControllers } from '../controllers/aigateway/controller.ts';
import type { AirunwaySettings } from '../controllers/airunway/settings.ts';
import { startAirunway } from '../controllers/airunway/start.ts';
import { ensureGatewayClasses } from '../controllers/gateway/classes.ts';
import { startGatewayController, type GatewayControllerOptions } from '../controllers/gateway/controller.ts';
import type { ImageMetadata } from '../kinds/aim/imagemetadata.ts';
import { Namespace } from '../kinds/core/namespace.ts';
import type { ObjectRef } from '../kinds/object.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';

export interface Controllers {
  /** The data plane has all that the caches hold. */
  settled(): boolean;
  /** undefined: there is no such AIMService. */
  explainService(ref: ObjectRef): ServiceExplanation | undefined;
  stop(): Promise<void>;
}

export interface ControllersOptions extends GatewayControllerOptions {
  readonly airunway: AirunwaySettings;
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
  await ensureNamespace(client, operatorNamespace);
  const environment = createAimEnvironment({ client, informers, log, operatorNamespace });
  const airunway = { environment, settings: options.airunway, version, withoutGpus: options.simulatedProviders };
  const [gateway, aim, ...others] = await Promise.all([
    startGatewayController(options),
    startAim({ environment, builtinImages: options.builtinImages }),
    startAIGatewayControllers(options),
    startAirunway(airunway),
  ]);
  const running = [gateway, aim, ...others];
  return {
    settled: () => gateway.settled(),
    explainService: (ref) => aim.explainService(ref),
    stop: async () => {
      await Promise.all(running.map((controller) => controller.stop()));
    },
  };
}

async function ensureNamespace(client: KubeClient, name: string): Promise<void> {
  if ((await client.get(Namespace, { name })) !== undefined) return;
  try {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
