import { EnvoyProxy } from '../kinds/envoygateway/envoyproxy.ts';
import { Gateway } from '../kinds/gateway/gateway.ts';
import { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import { keyOf, type ObjectRef } from '../kinds/object.ts';
import { classParameters, effectText, type Parameters } from './envoyproxy.ts';
import type { GatewayState } from './gatewaystate.ts';
import type { Lookup } from './resources.ts';
import { findings, mergeEntries, wantStatus, yes, type WantedStatus } from './statuses.ts';

interface Referrer extends ObjectRef {
  readonly kind: string;
  readonly controllerName: string;
  readonly parameters: Parameters;
}

type Ancestor = NonNullable<NonNullable<EnvoyProxy['status']>['ancestors']>[number];

/** Of the EnvoyProxies that Gateways and classes of ours refer to, or referred to. */
export function envoyProxyStatuses(
  lookup: Lookup,
  gateways: Iterable<GatewayState>,
  claimed: ReadonlySet<string>,
  now: Date,
): WantedStatus[] {
  const referrers = [...gatewayReferrers(gateways), ...classReferrers(lookup, claimed)];
  return lookup.resources.envoyProxies.flatMap((proxy) => {
    const own = referrers.filter(({ parameters }) => parameters.key === keyOf(proxy.metadata));
    const isOurs = ({ controllerName }: Ancestor): boolean => claimed.has(controllerName);
    const existing = proxy.status?.ancestors;
    if (own.length === 0 && existing?.some(isOurs) !== true) return [];
    const ancestors = mergeEntries(
      existing,
      isOurs,
      own.map((referrer) => entryOf(referrer, proxy, now)),
    );
    return [wantStatus(EnvoyProxy, proxy, { ...proxy.status, ancestors })];
  });
}

function entryOf({ kind, namespace, name, controllerName, parameters }: Referrer, proxy: EnvoyProxy, now: Date) {
  const finding = yes('Accepted', 'Accepted', effectText(parameters) ?? 'The settings have been accepted.');
  return {
    isSame: (entry: Ancestor) =>
      entry.controllerName === controllerName &&
      entry.ancestorRef.kind === kind &&
      entry.ancestorRef.name === name &&
      entry.ancestorRef.namespace === namespace,
    build: (previous: Ancestor | undefined): Ancestor => ({
      ancestorRef: { group: Gateway.group, kind, ...(namespace === undefined ? {} : { namespace }), name },
      controllerName,
      conditions: findings(previous?.conditions, [finding], proxy, now),
    }),
  };
}

function* gatewayReferrers(gateways: Iterable<GatewayState>): Generator<Referrer> {
  for (const { namespace, name, controllerName, parameters } of gateways) {
    if (parameters?.own !== undefined) {
      yield { kind: Gateway.kind, namespace, name, controllerName, parameters: parameters.own };
    }
  }
}

function classReferrers(lookup: Lookup, claimed: ReadonlySet<string>): Referrer[] {
  return lookup.resources.gatewayClasses.flatMap((object) => {
    const { controllerName } = object.spec;
    const parameters = claimed.has(controllerName) ? classParameters(lookup, object) : undefined;
    if (parameters === undefined || 'problem' in parameters) return [];
    return [{ kind: GatewayClass.kind, namespace: undefined, name: object.metadata.name, controllerName, parameters }];
  });
}
