import { startAIGatewayControllers } from '../controllers/aigateway/controller.ts';
import { ensureGatewayClasses } from '../controllers/gateway/classes.ts';
import { startGatewayController, type GatewayControllerOptions } from '../controllers/gateway/controller.ts';

export interface Controllers {
  /** The data plane has all that the caches hold. */
  settled(): boolean;
  stop(): Promise<void>;
}

/** Starts all controllers on the embedded API, whose GatewayClasses include those of foreign manifests. */
export async function startControllers(options: GatewayControllerOptions): Promise<Controllers> {
  await ensureGatewayClasses(options.client);
  const [aigateway, gateway] = await Promise.all([startAIGatewayControllers(options), startGatewayController(options)]);
  const running = [aigateway, gateway];
  return {
    settled: () => gateway.settled(),
    stop: async () => {
      await Promise.all(running.map((controller) => controller.stop()));
    },
  };
}
