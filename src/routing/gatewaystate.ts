import { isDeepStrictEqual } from 'node:util';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import { keyOf } from '../kinds/object.ts';
import { clientCertificateOf, type ClientCertificate } from './clientcertificate.ts';
import { classParameters, gatewayParameters, type Parameters } from './envoyproxy.ts';
import { gatewayRefusal } from './gatewaystatus.ts';
import { listenerStates, type ListenerState, type Refusal } from './listeners.ts';
import { clientPolicies, type ClientPolicies } from './policies.ts';
import type { Lookup } from './resources.ts';

/** A Gateway of one of our classes, as it is declared: a change of its status makes no other state. */
export interface GatewayState {
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly controllerName: string;
  readonly refused: Refusal | undefined;
  /** The EnvoyProxy it refers to, else that of its class. */
  readonly parameters?: { readonly own?: Parameters; readonly effective: Parameters };
  /** Shown to backends over TLS. */
  readonly clientCertificate?: ClientCertificate;
  readonly listeners: readonly ListenerState[];
  readonly policies: ClientPolicies;
}

export function ourGateways(
  lookup: Lookup,
  claimed: ReadonlySet<string>,
  before: ReadonlyMap<string, GatewayState>,
): ReadonlyMap<string, GatewayState> {
  const { resources } = lookup;
  const classes = new Map(resources.gatewayClasses.map((object) => [object.metadata.name, object]));
  const states = resources.gateways.flatMap((gateway): [string, GatewayState][] => {
    const gatewayClass = classes.get(gateway.spec.gatewayClassName);
    if (gatewayClass === undefined || !claimed.has(gatewayClass.spec.controllerName)) return [];
    const state = stateOf(lookup, gateway, gatewayClass);
    const known = before.get(state.key);
    return [[state.key, known !== undefined && isDeepStrictEqual(known, state) ? known : state]];
  });
  return new Map(states);
}

function stateOf(lookup: Lookup, gateway: Gateway, gatewayClass: GatewayClass): GatewayState {
  const { name, namespace = '', labels } = gateway.metadata;
  const { own, inherited, certificate } = settingsOf(lookup, gateway, gatewayClass);
  return {
    key: keyOf(gateway.metadata),
    name,
    namespace,
    labels,
    controllerName: gatewayClass.spec.controllerName,
    refused: gatewayRefusal(gateway, problemIn(inherited), problemIn(own)),
    ...effective(own, inherited, certificate),
    listeners: listenerStates(gateway),
    policies: clientPolicies(lookup.resources.clientTrafficPolicies, gateway),
  };
}

/** What a Gateway and its class refer to. The name of the finding holds all that it depends on and does not look up. */
function settingsOf(lookup: Lookup, gateway: Gateway, gatewayClass: GatewayClass) {
  const { infrastructure, tls } = gateway.spec;
  const refs = JSON.stringify([infrastructure?.parametersRef, tls?.backend, gatewayClass.spec.parametersRef]);
  return lookup.remember(`settings of gateway ${keyOf(gateway.metadata)} ${refs}`, (at) => ({
    own: gatewayParameters(at, gateway),
    inherited: classParameters(at, gatewayClass),
    certificate: clientCertificateOf(at, gateway),
  }));
}

type Found = Parameters | { readonly problem: string } | undefined;

const problemIn = (found: Found): string | undefined =>
  found !== undefined && 'problem' in found ? found.problem : undefined;

/** The Gateway's own settings count before those of its class, and its own certificate before one of the settings. */
function effective(
  own: Found,
  inherited: Found,
  certificate: ClientCertificate | undefined,
): Pick<GatewayState, 'parameters' | 'clientCertificate'> {
  const chosen = own ?? inherited;
  const parameters = chosen === undefined || 'problem' in chosen ? undefined : chosen;
  const secret = parameters?.clientCertificate;
  const shown = certificate ?? (secret && { secret });
  return {
    ...(parameters === undefined
      ? {}
      : { parameters: { ...(parameters === own ? { own: parameters } : {}), effective: parameters } }),
    ...(shown === undefined ? {} : { clientCertificate: shown }),
  };
}
