import { extProcService } from '../envoy/extproc.ts';
import type { ServingStatus } from '../wire/grpchealth.ts';
import type { Leadership } from '../kube/leader.ts';

const ready = new Set(['readiness', '', extProcService]);

/**
 * What the picker's health service says (epp.md 4.2): without leader election any name asks whether the pool is known; with it
 * `liveness` always holds, readiness asks for leadership too, and other names are unknown.
 */
export function eppHealth(state: {
  synced: () => boolean;
  leadership: Leadership | undefined;
}): (service: string) => ServingStatus {
  const { synced, leadership } = state;
  const serving = (holds: boolean): ServingStatus => (holds ? 'SERVING' : 'NOT_SERVING');
  if (leadership === undefined) return () => serving(synced());
  return (service) => {
    if (service === 'liveness') return 'SERVING';
    return ready.has(service) ? serving(synced() && leadership.isLeader()) : 'SERVICE_UNKNOWN';
  };
}
