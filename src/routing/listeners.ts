import type { Gateway, Listener } from '../kinds/gateway/gateway.ts';
import { groupBy } from './resources.ts';

/** Which listeners of a Gateway can be served, and what their status says of the others (gatewayapi.md 3). */

export interface RouteKind {
  readonly group: string;
  readonly kind: string;
}

export interface ListenerState {
  readonly listener: Listener;
  readonly supportedKinds: readonly RouteKind[];
  /** Why it cannot be served. */
  readonly refused?: Refusal;
  /** Its `allowedRoutes.kinds` names a kind that is not supported. */
  readonly invalidKinds?: string;
  readonly conflict?: Refusal;
}

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

export const httpRouteKind: RouteKind = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' };

export function listenerStates(gateway: Gateway): ListenerState[] {
  const conflicts = findConflicts(gateway.spec.listeners);
  return gateway.spec.listeners.map((listener): ListenerState => {
    const unsupported = protocolProblem(listener);
    const conflict = conflicts.get(listener.name);
    const asked = listener.allowedRoutes?.kinds ?? [];
    const invalidKinds = asked.filter((kind) => !isHTTPRoute(kind)).map(({ kind }) => kind);
    const offersRoutes = unsupported === undefined && (asked.length === 0 || asked.some(isHTTPRoute));
    const refused = unsupported ?? (conflict && { reason: 'PortUnavailable', message: conflict.message });
    return {
      listener,
      supportedKinds: offersRoutes ? [httpRouteKind] : [],
      ...(refused === undefined ? {} : { refused }),
      ...(conflict === undefined ? {} : { conflict }),
      ...(invalidKinds.length === 0 ? {} : { invalidKinds: `route kinds not supported: ${invalidKinds.join(', ')}` }),
    };
  });
}

function isHTTPRoute({ group = httpRouteKind.group, kind }: { group?: string; kind: string }): boolean {
  return group === httpRouteKind.group && kind === httpRouteKind.kind;
}

function protocolProblem({ protocol }: Listener): Refusal | undefined {
  if (protocol === 'HTTP') return undefined;
  const reason = 'UnsupportedProtocol';
  if (protocol === 'HTTPS') return { reason, message: 'TLS is not served yet: use protocol HTTP' };
  return { reason, message: `protocol ${protocol} is not supported: use HTTP` };
}

/** All members of an indistinct group are in conflict: inside one Gateway there is no winner (gatewayapi.md 3.2). */
function findConflicts(listeners: readonly Listener[]): Map<string, Refusal> {
  const conflicts = new Map<string, Refusal>();
  const http = listeners.filter(({ protocol }) => protocol === 'HTTP' || protocol === 'HTTPS');
  for (const [port, samePort] of groupBy(http, ({ port: number }) => String(number))) {
    const mixed = new Set(samePort.map(({ protocol }) => protocol)).size > 1;
    for (const [host, sameHost] of groupBy(samePort, ({ hostname = '' }) => hostname.toLowerCase())) {
      for (const { name } of sameHost) {
        if (mixed) {
          conflicts.set(name, {
            reason: 'ProtocolConflict',
            message: `port ${port} has listeners of different protocols`,
          });
        } else if (sameHost.length > 1) {
          const what = host === '' ? 'without hostname' : `for hostname ${host}`;
          conflicts.set(name, { reason: 'HostnameConflict', message: `port ${port} has several listeners ${what}` });
        }
      }
    }
  }
  return conflicts;
}
