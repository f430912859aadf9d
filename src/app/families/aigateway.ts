import { AIGatewayRoute } from '../../kinds/aigateway/aigatewayroute.ts';
import { kinds } from '../../kinds/aigateway/index.ts';
import { createControllerEnvironment } from '../../reconcile/pass.ts';
import type { DeclaredKind, Family } from './family.ts';

/** Envoy AI Gateway. */

const route: DeclaredKind<AIGatewayRoute> = {
  kind: AIGatewayRoute,
  // Its one condition is of the type Accepted or NotAccepted (aigateway.md 1.7).
  pending: ({ status }) => {
    const [condition] = status?.conditions ?? [];
    if (condition?.type === 'Accepted' && condition.status === 'True') return undefined;
    return condition === undefined ? 'waiting for its controller' : `${condition.reason}: ${condition.message}`;
  },
};

export const aigateway: Family = {
  name: 'aigateway',
  kinds,
  declared: [route],
  start: async (host) => {
    const { startAIGatewayControllers } = await import('../../controllers/aigateway/controller.ts');
    return startAIGatewayControllers(createControllerEnvironment(host));
  },
};
