import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import { Backend } from '../kinds/envoygateway/backend.ts';
import { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { keyOf } from '../kinds/object.ts';
import { isPoolRef } from './aibackends.ts';
import { compileAIRoute } from './airules.ts';
import { generatorOf } from './airoute.ts';
import { attach, type AttachedListener, type ParentRef } from './attachment.ts';
import { backendGroup } from './backends.ts';
import type { GatewayState } from './gatewaystate.ts';
import type { Problem } from './filters.ts';
import type { Refusal } from './listeners.ts';
import type { Lookup } from './resources.ts';
import { compileHTTPRoute, type CompiledRoute } from './rules.ts';
import type { RouteRule } from '../routes/table.ts';
import { findings, mergeEntries, no, wantStatus, yes, type Finding, type WantedStatus } from './statuses.ts';

/** What an HTTPRoute comes to: its rules, and for each parentRef to a Gateway of ours whether it is attached there. */
export interface RouteOutcome {
  readonly route: HTTPRoute;
  /** The AIGatewayRoute that generated it. */
  readonly ai: AIGatewayRoute | undefined;
  readonly parents: readonly ParentOutcome[];
  readonly rules: readonly RouteRule[];
  readonly problems: readonly Problem[];
  readonly pools: ReadonlySet<string>;
  /** `namespace/name` of the Backends that it names, whether they can be used or not. */
  readonly backends: readonly string[];
}

export interface ParentOutcome {
  readonly parentRef: ParentRef;
  readonly gateway: GatewayState;
  readonly accepted: boolean;
  readonly refused?: Refusal;
  readonly listeners: readonly AttachedListener[];
}

const nothing: CompiledRoute = { rules: [], problems: [], pools: new Set() };

/** How the names begin under which outcomes are remembered. They hold for the Gateways that they were made with. */
export const outcomeOf = 'outcome of route ';

/** Remembered until something changes that it depends on, Gateways apart. */
export function rememberedOutcome(
  lookup: Lookup,
  gateways: ReadonlyMap<string, GatewayState>,
  route: HTTPRoute,
): RouteOutcome {
  return lookup.remember(`${outcomeOf}${keyOf(route.metadata)}`, (at) =>
    outcome(at, gateways, at.httpRoute(route.metadata) ?? route),
  );
}

function outcome(lookup: Lookup, gateways: ReadonlyMap<string, GatewayState>, route: HTTPRoute): RouteOutcome {
  const candidates = (route.spec.parentRefs ?? []).flatMap((parentRef) => {
    const gateway = gatewayOf(gateways, route, parentRef);
    return gateway === undefined ? [] : [{ parentRef, gateway }];
  });
  const ai = generatedBy(lookup, route);
  const compiled = candidates.length === 0 ? nothing : rulesOf(lookup, route, ai);
  const unsupported = unsupportedText(compiled.problems);
  const parents = candidates.map(({ parentRef, gateway }): ParentOutcome => {
    const attached = attach(lookup, gateway.namespace, gateway.listeners, route, parentRef);
    if ('refused' in attached) return { parentRef, gateway, accepted: false, refused: attached.refused, listeners: [] };
    if (unsupported !== undefined) {
      const refused = { reason: 'UnsupportedValue', message: unsupported };
      return { parentRef, gateway, accepted: false, refused, listeners: [] };
    }
    return { parentRef, gateway, accepted: true, listeners: attached.listeners };
  });
  const backends = candidates.length === 0 ? [] : namedBackends(lookup, route, ai);
  return { route, ai, parents, backends, ...compiled };
}

function rulesOf(lookup: Lookup, route: HTTPRoute, ai: AIGatewayRoute | undefined): CompiledRoute {
  if (generatorOf(route) === undefined) return compileHTTPRoute(lookup, route);
  // Without its AIGatewayRoute nothing says how to talk to the backends: it is being deleted.
  return ai === undefined ? nothing : compileAIRoute(lookup, route, ai);
}

function namedBackends(lookup: Lookup, route: HTTPRoute, ai: AIGatewayRoute | undefined): string[] {
  const own = route.metadata.namespace ?? '';
  if (ai === undefined) {
    return (route.spec.rules ?? [])
      .flatMap(({ backendRefs = [] }) => backendRefs)
      .filter(({ group, kind }) => group === backendGroup && kind === Backend.kind)
      .map(({ namespace = own, name }) => `${namespace}/${name}`);
  }
  const refs = ai.spec.rules.flatMap(({ backendRefs = [] }) => backendRefs);
  return refs
    .filter((ref) => !isPoolRef(ref))
    .flatMap((ref) => {
      const namespace = ref.namespace ?? own;
      const backend = lookup.aiBackend({ namespace, name: ref.name });
      if (backend === undefined) return [];
      const { backendRef } = backend.spec;
      return [`${backendRef.namespace ?? namespace}/${backendRef.name}`];
    });
}

function generatedBy(lookup: Lookup, route: HTTPRoute): AIGatewayRoute | undefined {
  const generator = generatorOf(route);
  return generator === undefined ? undefined : lookup.aiRoute({ namespace: route.metadata.namespace, name: generator });
}

function gatewayOf(
  gateways: ReadonlyMap<string, GatewayState>,
  route: HTTPRoute,
  { group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace, name }: ParentRef,
): GatewayState | undefined {
  if (group !== 'gateway.networking.k8s.io' || kind !== 'Gateway') return undefined;
  return gateways.get(`${namespace ?? route.metadata.namespace ?? ''}/${name}`);
}

function unsupportedText(problems: readonly Problem[]): string | undefined {
  const messages = problems.flatMap((problem) => (problem.type === 'unsupported' ? [problem.message] : []));
  return messages.length === 0 ? undefined : messages.join('; ');
}

/** status.parents with our entries as they should be; nothing when the route is none of ours (gatewayapi.md 5). */
export function routeStatus(outcome: RouteOutcome, claimed: ReadonlySet<string>, now: Date): WantedStatus[] {
  const { route, parents } = outcome;
  const existing = route.status?.parents;
  const isOurs = ({ controllerName }: { controllerName: string }): boolean => claimed.has(controllerName);
  if (parents.length === 0 && existing?.some(isOurs) !== true) return [];
  const resolved = resolvedFinding(outcome.problems);
  const entries = mergeEntries(
    existing,
    isOurs,
    parents.map((parent) => ({
      isSame: ({ controllerName, parentRef }) =>
        controllerName === parent.gateway.controllerName && sameParent(parentRef, parent.parentRef),
      build: (previous) => ({
        parentRef: parent.parentRef,
        controllerName: parent.gateway.controllerName,
        conditions: findings(previous?.conditions, [acceptedFinding(parent), resolved], route, now),
      }),
    })),
  );
  return [wantStatus(HTTPRoute, route, { ...route.status, parents: entries })];
}

function sameParent(a: ParentRef, b: ParentRef): boolean {
  const parts = ({ group, kind, namespace, name, sectionName, port }: ParentRef) => [
    group,
    kind,
    namespace,
    name,
    sectionName,
    port,
  ];
  const others = parts(b);
  return parts(a).every((value, i) => value === others[i]);
}

function acceptedFinding({ refused }: ParentOutcome): Finding {
  return refused === undefined
    ? yes('Accepted', 'Accepted', 'the route is attached')
    : no('Accepted', refused.reason, refused.message);
}

function resolvedFinding(problems: readonly Problem[]): Finding {
  const unresolved = problems.filter((problem) => problem.type === 'unresolved');
  const [first] = unresolved;
  if (first === undefined) return yes('ResolvedRefs', 'ResolvedRefs', 'all references are resolved');
  return no('ResolvedRefs', first.reason, unresolved.map(({ message }) => message).join('; '));
}
