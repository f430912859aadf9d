import { Backend } from '../kinds/envoygateway/backend.ts';
import { BackendTrafficPolicy } from '../kinds/envoygateway/backendtrafficpolicy.ts';
import { ClientTrafficPolicy } from '../kinds/envoygateway/clienttrafficpolicy.ts';
import { keyOf, type KubeObject } from '../kinds/object.ts';
import { backendProblem } from './backends.ts';
import { backendTarget, tlsOf } from './backendtls.ts';
import { pairProblem } from './clientcertificate.ts';
import type { GatewayState } from './gatewaystate.ts';
import type { Refusal } from './listeners.ts';
import { backendPolicyRefusal, targetOf } from './policies.ts';
import type { Lookup, RouteResources } from './resources.ts';
import type { RouteOutcome } from './routestatus.ts';
import { findings, mergeEntries, no, wantStatus, yes, type Finding, type WantedStatus } from './statuses.ts';

/** Statuses of Envoy Gateway's kinds, as far as Gateways of ours are concerned. */

type ClientStatus = NonNullable<ClientTrafficPolicy['status']>;
type Ancestor = ClientStatus['ancestors'][number];

/** A Gateway that a policy reaches, directly or through a route, and what is found there. */
export interface Reach {
  readonly gateway: GatewayState;
  readonly findings: readonly Finding[];
}

const accepted = (refused: Refusal | undefined): Finding[] => [
  refused === undefined
    ? yes('Accepted', 'Accepted', 'Policy has been accepted.')
    : no('Accepted', refused.reason, refused.message),
];

export function policyStatuses(
  resources: RouteResources,
  gateways: readonly GatewayState[],
  outcomes: readonly RouteOutcome[],
  claimed: ReadonlySet<string>,
  now: Date,
): WantedStatus[] {
  const client = resources.clientTrafficPolicies.flatMap((policy) => {
    const reach = gateways.flatMap((gateway): Reach[] =>
      gateway.policies.outcomes
        .filter((outcome) => outcome.policy === policy)
        .map(({ refused }) => ({ gateway, findings: accepted(refused) })),
    );
    const ancestors = ancestorsOf(policy, policy.status?.ancestors, reach, claimed, now);
    return ancestors === undefined ? [] : [wantStatus(ClientTrafficPolicy, policy, { ...policy.status, ancestors })];
  });
  const backend = resources.backendTrafficPolicies.flatMap((policy) => {
    const found = accepted(backendPolicyRefusal(policy));
    const reach = gateways
      .filter((gateway) => reaches(policy, gateway, outcomes))
      .map((gateway): Reach => ({ gateway, findings: found }));
    const ancestors = ancestorsOf(policy, policy.status?.ancestors, reach, claimed, now);
    return ancestors === undefined ? [] : [wantStatus(BackendTrafficPolicy, policy, { ...policy.status, ancestors })];
  });
  return [...client, ...backend];
}

function reaches(policy: BackendTrafficPolicy, gateway: GatewayState, outcomes: readonly RouteOutcome[]): boolean {
  if (targetOf(policy, 'Gateway', { metadata: gateway }) !== undefined) return true;
  return outcomes.some(
    ({ route, parents }) =>
      parents.some((parent) => parent.gateway === gateway) && targetOf(policy, 'HTTPRoute', route) !== undefined,
  );
}

/** Undefined: the policy concerns none of our Gateways, nor did it before. */
export function ancestorsOf(
  policy: KubeObject,
  existing: readonly Ancestor[] | undefined,
  reach: readonly Reach[],
  claimed: ReadonlySet<string>,
  now: Date,
): Ancestor[] | undefined {
  const isOurs = ({ controllerName }: Ancestor): boolean => claimed.has(controllerName);
  if (reach.length === 0 && existing?.some(isOurs) !== true) return undefined;
  return mergeEntries(
    existing,
    isOurs,
    reach.map(({ gateway, findings: found }) => {
      const { name, namespace } = gateway;
      return {
        isSame: ({ controllerName, ancestorRef }: Ancestor) =>
          controllerName === gateway.controllerName && ancestorRef.name === name && ancestorRef.namespace === namespace,
        build: (previous: Ancestor | undefined) => ({
          ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name },
          controllerName: gateway.controllerName,
          conditions: findings(previous?.conditions, found, policy, now),
        }),
      };
    }),
  );
}

/** Backends that routes on our Gateways use. */
export function backendStatuses(lookup: Lookup, outcomes: readonly RouteOutcome[], now: Date): WantedStatus[] {
  const used = new Set(outcomes.flatMap(({ backends }) => backends));
  return lookup.resources.backends
    .filter(({ metadata }) => used.has(keyOf(metadata)))
    .map((backend) => {
      const problem = backendProblem(backend) ?? tlsProblem(lookup, backend);
      const finding =
        problem === undefined
          ? yes('Accepted', 'Accepted', 'The Backend was accepted')
          : no('Accepted', 'Invalid', problem);
      return wantStatus(Backend, backend, {
        ...backend.status,
        conditions: findings(backend.status?.conditions, [finding], backend, now),
      });
    });
}

/** Why nothing is sent to a Backend whose own `tls` cannot be carried out. */
function tlsProblem(lookup: Lookup, backend: Backend): string | undefined {
  const found = backend.spec.tls && tlsOf(lookup, backendTarget(backend), backend);
  if (found === undefined) return undefined;
  if ('problem' in found) return found.problem;
  return found.tls.clientCertificate && pairProblem(lookup, found.tls.clientCertificate);
}
