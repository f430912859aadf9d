import { GatewayClass } from '../../kinds/gateway/gatewayclass.ts';
import { apiVersionOf } from '../../kinds/kind.ts';
import { isConflict, type KubeClient } from '../../kube/client.ts';
import { headgateController } from './controllernames.ts';

/** The classes that the embedded API begins with, by name. */
export const embeddedClasses: Readonly<Record<string, string>> = {
  headgate: headgateController,
  eg: 'gateway.envoyproxy.io/gatewayclass-controller',
  istio: 'istio.io/gateway-controller',
  kgateway: 'kgateway.dev/kgateway',
  'gke-l7-rilb': 'networking.gke.io/gateway',
};

/** Creates those of the classes that do not exist; existing ones stay as they are. */
export async function ensureGatewayClasses(client: KubeClient, classes = embeddedClasses): Promise<void> {
  for (const [name, controllerName] of Object.entries(classes)) {
    if ((await client.get(GatewayClass, { name })) !== undefined) continue;
    try {
      await client.create(GatewayClass, {
        apiVersion: apiVersionOf(GatewayClass),
        kind: GatewayClass.kind,
        metadata: { name },
        spec: { controllerName, description: 'Served by Headgate' },
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
