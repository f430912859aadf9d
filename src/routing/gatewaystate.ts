import { isDeepStrictEqual } from 'node:util';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import { keyOf } from '../kinds/object.ts';
import { classProblem } from './gatewayclass.ts';
import { gatewayRefusal } from './gatewaystatus.ts';
import { listenerStates, type ListenerState, type Refusal } from './listeners.ts';
import { clientPolicies, type ClientPolicies } from './policies.ts';
import type { RouteResources } from './resources.ts';

/** A Gateway of one of our classes, as it is declared: a change of its status makes no other state. */
export interface GatewayState {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly controllerName: string;
  readonly refused: Refusal | undefined;
  readonly listeners: readonly ListenerState[];
  readonly policies: ClientPolicies;
}

export function ourGateways(
  resources: RouteResources,
  claimed: ReadonlySet<string>,
  before: ReadonlyMap<string, GatewayState>,
): ReadonlyMap<string, GatewayState> {
  const classes = new Map(resources.gatewayClasses.map((object) => [object.metadata.name, object]));
  const states = resources.gateways.flatMap((gateway): [string, GatewayState][] => {
    const gatewayClass = classes.get(gateway.spec.gatewayClassName);
    if (gatewayClass === undefined || !claimed.has(gatewayClass.spec.controllerName)) return [];
    const { controllerName } = gatewayClass.spec;
    const state = stateOf(gateway, controllerName, classProblem(gatewayClass), resources);
    const known = before.get(state.key);
    return [[state.key, known !== undefined && isDeepStrictEqual(known, state) ? known : state]];
  });
  return new Map(states);
}

function stateOf(
  gateway: Gateway,
  controllerName: string,
  problem: string | undefined,
  { clientTrafficPolicies }: RouteResources,
): GatewayState {
  const { name, namespace = '', labels } = gateway.metadata;
  return {
    key: keyOf(gateway.metadata),
    name,
    namespace,
    labels,
    controllerName,
    refused: gatewayRefusal(gateway, problem),
    listeners: listenerStates(gateway),
    policies: clientPolicies(clientTrafficPolicies, gateway),
  };
}
