import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from '../kinds/apps/deployment.ts';
import { isPodReady, type Pod } from '../kinds/core/pod.ts';
import type { Service } from '../kinds/core/service.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import type { Condition, KubeObject } from '../kinds/object.ts';
import { keyOf } from '../kinds/object.ts';
import { matchesLabels } from '../kinds/labels.ts';
import { addressAvailable } from '../local/serviceproxy.ts';
import { onceEach } from '../routing/onceeach.ts';
import type { DeclaredObjects } from './declared.ts';

/** What must settle before `headgate up` says that it is ready. */
export interface Cluster {
  deployments: readonly Deployment[];
  pods: readonly Pod[];
  gateways: readonly Gateway[];
  httpRoutes: readonly HTTPRoute[];
  /** Objects of the families of resource APIs. */
  declared: readonly DeclaredObjects[];
  services: readonly Service[];
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
    ...cluster.httpRoutes.flatMap(pendingRoute),
    ...cluster.declared.flatMap(pendingDeclared),
    ...cluster.services.flatMap(pendingAddress),
  ];
}

const pollMs = 50;
/** How much longer than a look the time between two is: looking takes no more than a twentieth of the processor. */
const quietPerLook = 20;

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
    const started = performance.now();
    const pending = pendingIn(cluster());
    if (pending.length === 0 && served()) return true;
    const now = `waiting for ${pending.length === 0 ? 'the gateway' : firstOf(pending.map(({ object }) => object))}`;
    if (now !== reported) progress(now);
    reported = now;
    await delay(Math.max(pollMs, quietPerLook * (performance.now() - started)), undefined, { signal }).catch(
      () => undefined,
    );
  }
  return false;
}

const namesShown = 3;

/** The first few of what may be thousands, and how many more there are. */
export function firstOf(names: readonly string[]): string {
  const more = names.length - namesShown;
  const shown = names.slice(0, namesShown).join(', ');
  return more > 0 ? `${names.length} objects: ${shown} and ${more} more` : shown;
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

/** Of thousands of routes few change between two looks. */
const pendingRoute = onceEach((route: HTTPRoute): Pending[] => {
  const parents = route.status?.parents ?? [];
  const object = `HTTPRoute ${keyOf(route.metadata)}`;
  if (parents.length === 0) return [{ object, reason: 'no Gateway has taken it yet' }];
  return parents.flatMap(({ conditions }) => pendingCondition('HTTPRoute', route, conditions, 'Accepted'));
});

function pendingDeclared({ declared, objects }: DeclaredObjects): Pending[] {
  return objects.flatMap((object) => {
    const reason = declared.pending(object);
    return reason === undefined ? [] : [{ object: `${declared.kind.kind} ${keyOf(object.metadata)}`, reason }];
  });
}

/** A Service at whose address another program answers. */
function pendingAddress({ metadata, status }: Service): Pending[] {
  const condition = status?.conditions?.find(({ type }) => type === addressAvailable);
  if (condition?.status !== 'False') return [];
  return [{ object: `Service ${keyOf(metadata)}`, reason: condition.message }];
}

function pendingCondition(
  kind: string,
  object: KubeObject,
  conditions: readonly Condition[] | undefined,
  type: string,
): Pending[] {
  const condition = conditions?.find((candidate) => candidate.type === type);
  if (condition?.status === 'True') return [];
  const reason = condition === undefined ? 'waiting for its controller' : `${condition.reason}: ${condition.message}`;
  return [{ object: `${kind} ${keyOf(object.metadata)}`, reason }];
}
