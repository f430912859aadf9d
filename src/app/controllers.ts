import { startAIGatewayControllers } from '../controllers/aigateway/controller.ts';
import { ensureGatewayClasses } from '../controllers/gateway/classes.ts';
import { startGatewayController, type GatewayControllerOptions } from '../controllers/gateway/controller.ts';

export interface Controllers {
  stop(): Promise<void>;
}

/** Starts all controllers on the embedded API, whose GatewayClasses include those of foreign manifests. */
export async function startControllers(options: GatewayControllerOptions): Promise<Controllers> {
  await ensureGatewayClasses(options.client);
  const running = await Promise.all([startAIGatewayControllers(options), startGatewayController(options)]);
  return {
    stop: async () => {
      await Promise.all(running.map((controller) => controller.stop()));
    },
  };
}
