import { AIServiceBackend } from '../../kinds/aigateway/aiservicebackend.ts';
import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { GatewayConfig } from '../../kinds/aigateway/gatewayconfig.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import type { Kind } from '../../kinds/kind.ts';
import { watch, type Controller } from '../../kube/controller.ts';
import type { InformerCache } from '../../kube/informer.ts';
import { startDefinition, type ControllerEnvironment, type Definition } from '../../reconcile/pass.ts';
import { noResources } from '../../routing/resources.ts';
import { lookupOf } from '../../routing/lookup.ts';
import { planBackend, unsupportedGatewayConfig } from './plan.ts';
import { indexPolicies, policiesOf, readsAbroad, targetKeysOf, targetsAbroad } from './policies.ts';
import { routeDefinition } from './route.ts';
import { securityPolicyDefinition } from './securitypolicy.ts';
import { statusOf, typeAsReason, type Verdict, type WithConditions } from './verdict.ts';

/** Keeps the generated objects and the statuses of the AI gateway kinds (aigateway.md 2.1 to 2.4). */
export async function startAIGatewayControllers(environment: ControllerEnvironment): Promise<Controller> {
  const { informers } = environment;
  indexPolicies(informers);
  const controllers = await Promise.all([
    startDefinition(environment, routeDefinition(informers)),
    startDefinition(environment, backendDefinition(informers)),
    startDefinition(environment, securityPolicyDefinition(informers)),
    startDefinition(environment, fixedVerdict(GatewayConfig, unsupportedGatewayConfig, typeAsReason)),
  ]);
  return {
    stop: async () => {
      await Promise.all(controllers.map(async (controller) => controller.stop()));
    },
  };
}

const manager = 'headgate-aigateway';

function backendDefinition(informers: InformerCache): Definition<AIServiceBackend, Verdict> {
  const backends = informers.informer(AIServiceBackend);
  return {
    name: 'aiservicebackend',
    manager,
    kind: AIServiceBackend,
    owns: [],
    reads: [BackendSecurityPolicy, ReferenceGrant],
    workers: 4,
    watches: [
      watch(informers.informer(BackendSecurityPolicy), (change) => {
        const { namespace } = change.object.metadata;
        return targetKeysOf(change).filter((key) => backends.get({ namespace, name: key.slice(key.indexOf('/') + 1) }));
      }),
      watch(informers.informer(ReferenceGrant), () => targetsAbroad(informers)),
    ],
    observe: (backend, read) => {
      const backendSecurityPolicies = policiesOf(read, backend.metadata);
      const referenceGrants = backendSecurityPolicies.some(readsAbroad) ? read.list(ReferenceGrant) : [];
      return planBackend(lookupOf({ ...noResources, backendSecurityPolicies, referenceGrants }), backend);
    },
    plan: (backend, verdict) => ({ apply: [], status: (_failures, now) => statusOf(backend, verdict, now) }),
  };
}

/** A kind whose objects all get the same answer for now. */
function fixedVerdict<T extends WithConditions>(
  kind: Kind<T>,
  verdict: Verdict,
  reasons?: typeof typeAsReason,
): Definition<T, undefined> {
  return {
    name: kind.kind.toLowerCase(),
    manager,
    kind,
    owns: [],
    reads: [],
    observe: () => undefined,
    plan: (object) => ({ apply: [], status: (_failures, now) => statusOf(object, verdict, now, reasons) }),
  };
}
