import type { Gateway } from '../kinds/gateway/gateway.ts';
import { keyOf } from '../kinds/object.ts';
import { classProblem } from './gatewayclass.ts';
import { gatewayRefusal, type ProgrammedGateway } from './gatewaystatus.ts';
import { listenerStates, type ListenerState, type Refusal } from './listeners.ts';
import { clientPolicies, type ClientPolicies } from './policies.ts';
import type { RouteResources } from './resources.ts';

/** A Gateway of one of our classes. */
export interface GatewayState {
  readonly key: string;
  readonly gateway: Gateway;
  readonly controllerName: string;
  readonly refused: Refusal | undefined;
  readonly listeners: readonly ListenerState[];
  readonly policies: ClientPolicies;
  readonly programmed: ProgrammedGateway | undefined;
}

export function ourGateways(
  resources: RouteResources,
  claimed: ReadonlySet<string>,
  programmed: ReadonlyMap<string, ProgrammedGateway>,
): ReadonlyMap<string, GatewayState> {
  const classes = new Map(resources.gatewayClasses.map((object) => [object.metadata.name, object]));
  const states = resources.gateways.flatMap((gateway): [string, GatewayState][] => {
    const gatewayClass = classes.get(gateway.spec.gatewayClassName);
    if (gatewayClass === undefined || !claimed.has(gatewayClass.spec.controllerName)) return [];
    const key = keyOf(gateway.metadata);
    const state: GatewayState = {
      key,
      gateway,
      controllerName: gatewayClass.spec.controllerName,
      refused: gatewayRefusal(gateway, classProblem(gatewayClass)),
      listeners: listenerStates(gateway),
      policies: clientPolicies(resources.clientTrafficPolicies, gateway),
      programmed: programmed.get(key),
    };
    return [[key, state]];
  });
  return new Map(states);
}
