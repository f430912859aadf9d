import type { Gateway } from '../kinds/gateway/gateway.ts';
import { keyOf } from '../kinds/object.ts';
import { resolveTarget, type LinkedTable } from '../routes/index.ts';
import type { ResolvedTarget, RouteRule, WeightedBackend } from '../routes/table.ts';
import { backendsOf as backendsIn } from '../routes/visit.ts';

/** The backends that a rule spreads requests over, with their share or priority where there are several. */
export function backendsOf(rule: RouteRule): string {
  return rule.tiers
    .flatMap((tier) => tier.backends.map((backend) => describe(backend, tier.totalWeight, rule)))
    .join(', ');
}

function describe(backend: WeightedBackend, totalWeight: number, rule: RouteRule): string {
  const name = nameOf(backend);
  if (rule.tiers.length > 1) {
    const tier = rule.tiers.find(({ backends }) => backends.includes(backend));
    return `${name} (priority ${tier?.priority ?? 0})`;
  }
  if (totalWeight === backend.weight || totalWeight === 0) return name;
  return `${name} (${Math.round((100 * backend.weight) / totalWeight)}%)`;
}

function nameOf({ id, target }: WeightedBackend): string {
  if (target.type === 'pool') return `InferencePool ${target.key}`;
  // `<routeNs>/<backendName>/route/...` (aigateway.md 0)
  const [namespace = '', name = ''] = id.split('/');
  return `${namespace}/${name}`;
}

/** Endpoints that could answer requests of this rule now. */
export function endpointsOf(table: LinkedTable, rule: RouteRule): number {
  return [...backendsIn(rule)].reduce((sum, { target }) => sum + endpointCount(resolveTarget(table, target)), 0);
}

function endpointCount(target: ResolvedTarget): number {
  if (target.type === 'invalid') return 0;
  // Without a picker a pool that fails closed answers nothing (epp.md 2.4).
  const closed = target.type === 'pool' && target.picker?.type === 'none' && target.failureMode === 'FailClose';
  return closed ? 0 : target.endpoints.length;
}

/** Where a Gateway can be reached. */
export interface GatewayAddress {
  /** `namespace/name` */
  key: string;
  url?: string;
  /** Why it cannot. */
  problem?: string;
}

export function gatewayAddress(
  gateway: Gateway,
  portOf: (gatewayKey: string, port: number) => number | undefined,
): GatewayAddress {
  const key = keyOf(gateway.metadata);
  const http = gateway.spec.listeners.find(
    ({ protocol, port }) => protocol === 'HTTP' && portOf(key, port) !== undefined,
  );
  const port = http === undefined ? undefined : portOf(key, http.port);
  const url = originOf(gateway, port, 'HTTP');
  if (url !== undefined) return { key, url };
  const programmed = gateway.status?.conditions?.find(({ type }) => type === 'Programmed');
  return { key, problem: programmed?.message ?? 'no controller has taken it' };
}

/** `http://address`, with the port where it is not the protocol's own; undefined: there is no address or no port. */
export function originOf(
  gateway: Gateway | undefined,
  port: number | undefined,
  protocol: 'HTTP' | 'HTTPS',
): string | undefined {
  const address = gateway?.status?.addresses?.[0]?.value;
  if (address === undefined || port === undefined) return undefined;
  return new URL(`${protocol.toLowerCase()}://${address}:${port}`).origin;
}
