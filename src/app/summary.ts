import type { Gateway } from '../kinds/gateway/gateway.ts';
import { keyOf } from '../kinds/object.ts';
import { matchRoute } from '../routing/match.ts';
import type { BackendTarget, GatewayTable, RouteRule, WeightedBackend } from '../routing/table.ts';

/** One row of the table that `headgate up` prints: a model and where its requests go. */
export interface ServedModel {
  model: string;
  /** `namespace/name` of the route. */
  route: string;
  /** The backends its requests are spread over, with their share where there are several. */
  backend: string;
  /** Endpoints that could answer now. */
  endpoints: number;
  /** `namespace/name` of the Gateway. */
  gateway: string;
}

/** The models a Gateway lists, each matched as a request for it would be. */
export function servedModels(gateway: GatewayTable): ServedModel[] {
  return gateway.models.all.flatMap(({ id }) => {
    const rule = ruleFor(gateway, id);
    if (rule === undefined) return [];
    const backends = rule.tiers.flatMap((tier) => tier.backends.map((backend) => ({ tier, backend })));
    return [
      {
        model: id,
        route: `${rule.route.namespace}/${rule.route.name}`,
        backend: backends.map(({ tier, backend }) => describe(backend, tier.totalWeight, rule)).join(', '),
        endpoints: endpointsOf(rule),
        gateway: gateway.key,
      },
    ];
  });
}

function ruleFor(gateway: GatewayTable, model: string): RouteRule | undefined {
  for (const listener of gateway.listeners) {
    const found = matchRoute([listener], {
      host: listener.hostname?.replace('*', 'any') ?? 'localhost',
      path: '/v1/chat/completions',
      query: '',
      method: 'POST',
      model,
      header: () => undefined,
    });
    if (found?.match !== undefined) return found.match.rule;
  }
  return undefined;
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
export function endpointsOf({ tiers }: RouteRule): number {
  return tiers.flatMap(({ backends }) => backends).reduce((sum, { target }) => sum + endpointCount(target), 0);
}

function endpointCount(target: BackendTarget): number {
  return target.type === 'invalid' ? 0 : target.endpoints.length;
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
