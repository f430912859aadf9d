import { setTimeout as delay } from 'node:timers/promises';
import type { AIMService } from '../kinds/aim/aimservice.ts';
import type { LegacyAIMService } from '../kinds/aim/legacy/aimservice.ts';
import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import type { ModelDeployment } from '../kinds/airunway/modeldeployment.ts';
import type { Deployment } from '../kinds/apps/deployment.ts';
import { isPodReady, type Pod } from '../kinds/core/pod.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import type { Condition, KubeObject } from '../kinds/object.ts';
import { keyOf } from '../kinds/object.ts';
import { matchesLabels } from '../kinds/labels.ts';

/** What must settle before `headgate up` says that it is ready. */
export interface Cluster {
  deployments: readonly Deployment[];
  pods: readonly Pod[];
  gateways: readonly Gateway[];
  httpRoutes: readonly HTTPRoute[];
  aiGatewayRoutes: readonly AIGatewayRoute[];
  modelDeployments: readonly ModelDeployment[];
  aimServices: readonly (AIMService | LegacyAIMService)[];
}

/** One object that is not ready, and why in the words of its own status. */
export interface Pending {
  object: string;
  reason: string;
}

export function pendingIn(cluster: Cluster): Pending[] {
  return [
    ...cluster.deployments.flatMap((deployment) => pendingDeployment(deployment, cluster.pods)),
    ...cluster.gateways.flatMap((gateway) =>
      pendingCondition('Gateway', gateway, gateway.status?.conditions, 'Programmed'),
    ),
    ...cluster.aiGatewayRoutes.flatMap((route) =>
      pendingCondition('AIGatewayRoute', route, route.status?.conditions, 'Accepted'),
    ),
    ...cluster.httpRoutes.flatMap(pendingRoute),
    ...cluster.modelDeployments.flatMap(pendingModel),
    ...cluster.aimServices.flatMap(pendingService),
  ];
}

const pollMs = 50;

/**
 * Waits until nothing is pending and the gateway serves it all, and reports what is pending whenever that changes. Resolves with false when `signal` aborts first.
 * The caches are asked again and again: it takes microseconds, and what makes an object ready is spread over many kinds.
 */
export async function whenReady(
  cluster: () => Cluster,
  served: () => boolean,
  progress: (message: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let reported = '';
  while (!signal.aborted) {
    const pending = pendingIn(cluster());
    if (pending.length === 0 && served()) return true;
    const waiting = pending.length === 0 ? ['the gateway'] : pending.map(({ object }) => object);
    const now = `waiting for ${waiting.join(', ')}`;
    if (now !== reported) progress(now);
    reported = now;
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

function pendingDeployment(deployment: Deployment, pods: readonly Pod[]): Pending[] {
  const wanted = deployment.spec.replicas ?? 1;
  const { availableReplicas = 0, updatedReplicas = 0, observedGeneration = 0 } = deployment.status ?? {};
  const observed = observedGeneration >= (deployment.metadata.generation ?? 0);
  const own = pods.filter(
    ({ metadata }) =>
      metadata.namespace === deployment.metadata.namespace && matchesLabels(deployment.spec.selector, metadata.labels),
  );
  // After a restart the Deployment's own status is that of the run before, until its controller has seen the Pods.
  const available = Math.min(availableReplicas, own.filter(isPodReady).length);
  if (observed && available >= wanted && updatedReplicas >= wanted) return [];
  const reason = `${available} of ${wanted} replicas available${blockerOf(own)}`;
  return [{ object: `Deployment ${keyOf(deployment.metadata)}`, reason }];
}

/** Reasons that a starting container passes through anyway. */
const passing = new Set(['ContainerCreating', 'PodInitializing']);

function blockerOf(pods: readonly Pod[]): string {
  for (const pod of pods) {
    for (const { state } of pod.status?.containerStatuses ?? []) {
      const waiting = state?.waiting;
      if (waiting?.reason !== undefined && !passing.has(waiting.reason)) {
        return ` (${waiting.reason}: ${waiting.message ?? ''})`;
      }
    }
  }
  return '';
}

function pendingRoute(route: HTTPRoute): Pending[] {
  const parents = route.status?.parents ?? [];
  const object = `HTTPRoute ${keyOf(route.metadata)}`;
  if (parents.length === 0) return [{ object, reason: 'no Gateway has taken it yet' }];
  return parents.flatMap(({ conditions }) => pendingCondition('HTTPRoute', route, conditions, 'Accepted'));
}

/** It runs when its provider says so; whether a Gateway offers it is for its route to say. */
function pendingModel({ metadata, status }: ModelDeployment): Pending[] {
  if (status?.phase === 'Running' && (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)) return [];
  const reason = status?.message ?? 'waiting for its controller';
  return [{ object: `ModelDeployment ${keyOf(metadata)}`, reason: `${status?.phase ?? 'Pending'}: ${reason}` }];
}

/** Its own status counts the model, the template, the cache, the runtime and the route in. */
function pendingService({ metadata, status }: AIMService | LegacyAIMService): Pending[] {
  const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (status?.status === 'Running' && seen) return [];
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const reason = ready === undefined ? 'waiting for its controller' : `${ready.reason}: ${ready.message}`;
  return [{ object: `AIMService ${keyOf(metadata)}`, reason: `${status?.status ?? 'Pending'}: ${reason}` }];
}

function pendingCondition(
  kind: string,
  object: KubeObject,
  conditions: readonly Condition[] | undefined,
  type: string,
): Pending[] {
  const condition = conditions?.find((candidate) => candidate.type === type);
  if (condition?.status === 'True') return [];
  // A condition of another type may say why: AIGatewayRoutes turn NotAccepted instead of Accepted=False.
  const failed = condition ?? conditions?.find(({ status }) => status === 'False');
  const reason = failed === undefined ? 'waiting for its controller' : `${failed.reason}: ${failed.message}`;
  return [{ object: `${kind} ${keyOf(object.metadata)}`, reason }];
}
