import { Gateway } from '../kinds/gateway/gateway.ts';
import type { Condition } from '../kinds/object.ts';
import type { ClientCertificate } from './clientcertificate.ts';
import { effectText, type Parameters } from './envoyproxy.ts';
import type { ListenerState, Refusal } from './listeners.ts';
import { findings, no, wantStatus, yes, type Finding, type WantedStatus } from './statuses.ts';

/** What the data plane made of a Gateway. */
export interface ProgrammedGateway {
  readonly addresses: readonly string[];
  /** By listener name. */
  readonly listeners: ReadonlyMap<string, ProgrammedListener>;
}

export interface ProgrammedListener {
  readonly ok: boolean;
  /** Where it listens; differs from the declared port where the system refuses that one. */
  readonly boundPort?: number;
  readonly message?: string;
}

/** What a Gateway asks for as a whole that is not served. */
export function gatewayRefusal(
  { spec }: Gateway,
  classProblem: string | undefined,
  parametersProblem: string | undefined,
): Refusal | undefined {
  if (classProblem !== undefined)
    return { reason: 'Invalid', message: `its GatewayClass is not accepted: ${classProblem}` };
  if (parametersProblem !== undefined) return { reason: 'InvalidParameters', message: parametersProblem };
  if (spec.tls?.frontend !== undefined) {
    return { reason: 'Invalid', message: 'spec.tls.frontend is not supported yet: remove it' };
  }
  const addresses = spec.addresses ?? [];
  const foreign = addresses.find(({ type = 'IPAddress' }) => type !== 'IPAddress');
  if (foreign !== undefined) {
    return {
      reason: 'UnsupportedAddress',
      message: `spec.addresses of type ${foreign.type} are not supported: use IPAddress`,
    };
  }
  if (addresses.length > 1)
    return { reason: 'UnsupportedAddress', message: 'spec.addresses: only one address is supported' };
  return undefined;
}

/** The address a Gateway asks for, else the one it had before. */
export function preferredAddress({ spec, status }: Gateway): string | undefined {
  return spec.addresses?.[0]?.value ?? status?.addresses?.[0]?.value;
}

interface GatewayFacts {
  readonly current: Gateway;
  readonly refused: Refusal | undefined;
  readonly listeners: readonly ListenerState[];
  /** Accepted routes by listener name. */
  readonly attachedRoutes: ReadonlyMap<string, number>;
  readonly programmed: ProgrammedGateway | undefined;
  readonly parameters?: { readonly effective: Parameters };
  readonly clientCertificate?: ClientCertificate;
}

/** gatewayapi.md 3.5 */
export function gatewayStatus(facts: GatewayFacts, now: Date): WantedStatus {
  const { current: gateway, listeners, programmed } = facts;
  const addresses = facts.refused === undefined ? (programmed?.addresses ?? []) : [];
  return wantStatus(Gateway, gateway, {
    ...gateway.status,
    addresses: addresses.map((value) => ({ type: 'IPAddress', value })),
    conditions: findings(withoutRefs(gateway.status?.conditions, facts), gatewayFindings(facts), gateway, now),
    listeners: listeners.map((state) => {
      const { name } = state.listener;
      const existing = gateway.status?.listeners?.find((candidate) => candidate.name === name);
      return {
        name,
        supportedKinds: [...state.supportedKinds],
        attachedRoutes: facts.attachedRoutes.get(name) ?? 0,
        conditions: findings(existing?.conditions, listenerFindings(state, facts), gateway, now),
      };
    }),
  });
}

const gatewayFindings = (facts: GatewayFacts): Finding[] => [
  acceptedGateway(facts),
  programmedGateway(facts),
  ...refsFinding(facts),
];

/** Only Gateways that refer to a certificate say whether it can be used. */
function refsFinding({ clientCertificate }: GatewayFacts): Finding[] {
  if (clientCertificate === undefined) return [];
  if ('secret' in clientCertificate) return [yes('ResolvedRefs', 'ResolvedRefs', 'all references are resolved')];
  const { reason, message } = clientCertificate.refused;
  return [no('ResolvedRefs', reason, message)];
}

function withoutRefs(
  existing: readonly Condition[] | undefined,
  { clientCertificate }: GatewayFacts,
): readonly Condition[] {
  return (existing ?? []).filter(({ type }) => clientCertificate !== undefined || type !== 'ResolvedRefs');
}

/** A Gateway that was served until its class went away, or went to another controller: it says so to whoever looks. */
export function unservedStatus(gateway: Gateway, now: Date): WantedStatus {
  const message = `no GatewayClass of ours is named ${gateway.spec.gatewayClassName} any more`;
  const unknown = (type: string): Finding => ({ type, status: 'Unknown', reason: 'Pending', message });
  const conditions = findings(gateway.status?.conditions, [unknown('Accepted'), unknown('Programmed')], gateway, now);
  return wantStatus(Gateway, gateway, { ...gateway.status, addresses: [], listeners: [], conditions });
}

function acceptedGateway({ refused, listeners, programmed, parameters }: GatewayFacts): Finding {
  if (refused !== undefined) return no('Accepted', refused.reason, refused.message);
  const bad = listeners.filter((state) => listenerRefusal(state, programmed) !== undefined);
  if (bad.length === 0) {
    const note = parameters && effectText(parameters.effective);
    return yes('Accepted', 'Accepted', note === undefined ? 'the Gateway is served' : `the Gateway is served. ${note}`);
  }
  const message = `listeners not accepted: ${bad.map(({ listener }) => listener.name).join(', ')}`;
  return bad.length < listeners.length
    ? yes('Accepted', 'ListenersNotValid', message)
    : no('Accepted', 'ListenersNotValid', message);
}

function programmedGateway({ current: gateway, refused, listeners, programmed }: GatewayFacts): Finding {
  if (refused !== undefined) return no('Programmed', 'Invalid', refused.message);
  if (programmed === undefined) return no('Programmed', 'Pending', 'waiting for its sockets');
  const wanted = gateway.spec.addresses?.[0]?.value;
  const [address] = programmed.addresses;
  if (address === undefined) return no('Programmed', 'AddressNotAssigned', 'no address is free');
  if (wanted !== undefined && wanted !== '' && wanted !== address) {
    return no('Programmed', 'AddressNotUsable', `address ${wanted} cannot be used here; ${address} is`);
  }
  const served = listeners.filter((state) => listenerRefusal(state, programmed) === undefined);
  if (served.length === 0) return no('Programmed', 'Invalid', 'no listener can be served');
  const moved = [...new Set(served.flatMap((state) => movedText(state, programmed) ?? []))];
  return yes('Programmed', 'Programmed', moved.length === 0 ? `listening on ${address}` : moved.join('; '));
}

function listenerFindings(state: ListenerState, { refused, programmed }: GatewayFacts): Finding[] {
  const { conflict, invalidKinds } = state;
  const refusal = refused ?? listenerRefusal(state, programmed);
  return [
    refusal === undefined
      ? yes('Accepted', 'Accepted', 'the listener is served')
      : no('Accepted', refused === undefined ? refusal.reason : 'UnsupportedValue', refusal.message),
    conflict === undefined
      ? no('Conflicted', 'NoConflicts', 'no other listener is in the way')
      : yes('Conflicted', conflict.reason, conflict.message),
    invalidKinds === undefined
      ? yes('ResolvedRefs', 'ResolvedRefs', 'all references are resolved')
      : no('ResolvedRefs', 'InvalidRouteKinds', invalidKinds),
    programmedListener(state, refusal, programmed),
  ];
}

function programmedListener(
  state: ListenerState,
  refusal: Refusal | undefined,
  programmed: ProgrammedGateway | undefined,
): Finding {
  if (refusal !== undefined) return no('Programmed', 'Invalid', refusal.message);
  if (programmed?.listeners.get(state.listener.name) === undefined) {
    return no('Programmed', 'Pending', 'waiting for its socket');
  }
  const text = movedText(state, programmed) ?? `listening on ${programmed.addresses[0] ?? ''}:${state.listener.port}`;
  return yes('Programmed', 'Programmed', text);
}

/** Refused by its own configuration, or because its port could not be bound. */
function listenerRefusal(state: ListenerState, programmed: ProgrammedGateway | undefined): Refusal | undefined {
  if (state.refused !== undefined) return state.refused;
  const bound = programmed?.listeners.get(state.listener.name);
  if (bound === undefined || bound.ok) return undefined;
  return { reason: 'PortUnavailable', message: bound.message ?? `port ${state.listener.port} cannot be bound` };
}

function movedText({ listener }: ListenerState, programmed: ProgrammedGateway): string | undefined {
  const bound = programmed.listeners.get(listener.name);
  if (bound?.boundPort === undefined || bound.boundPort === listener.port) return undefined;
  const why = bound.message ?? 'the system keeps that port for privileged processes';
  return `listening on ${programmed.addresses[0] ?? ''}:${bound.boundPort} instead of port ${listener.port}: ${why}`;
}
