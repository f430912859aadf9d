import type { DeploymentStatus } from 'kubernetes-types/apps/v1.js';
import { Deployment } from '../kinds/apps/deployment.ts';
import { ReplicaSet } from '../kinds/apps/replicaset.ts';
import { keyOf, refOf } from '../kinds/object.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import { controllerOf, isControlledBy } from '../kube/owners.ts';
import type { Log } from '../telemetry/log.ts';
import { planDeployment, revisionAnnotation, type DeploymentPlan } from './deploymentplan.ts';

/** Rolls every Deployment out to ReplicaSets. */
export function startDeploymentController(options: {
  client: KubeClient;
  informers: InformerCache;
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, informers, events, log } = options;
  const deployments = informers.informer(Deployment);
  const sets = informers.informer(ReplicaSet);

  const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
    const ref = refOf(key);
    const deployment = deployments.get(ref);
    if (deployment === undefined) return undefined;
    const owned = sets.list(ref.namespace).filter((set) => isControlledBy(set, deployment));
    const plan = planDeployment(deployment, owned, new Date());
    await applyReplicaSets(client, events, deployment, plan);
    if (deployment.metadata.annotations?.[revisionAnnotation] !== plan.revision && !deployment.spec.paused) {
      const body = { metadata: { annotations: { [revisionAnnotation]: plan.revision } } };
      await client.patch(Deployment, ref, { type: 'merge', body });
    }
    if (!sameStatus(deployment.status, plan.status)) {
      await client.patch(Deployment, ref, { type: 'merge', body: { status: plan.status }, subresource: 'status' });
    }
    return plan.recheckAfterMs === undefined ? undefined : { requeueAfterMs: plan.recheckAfterMs };
  };

  return startController({
    name: 'deployment',
    log,
    watches: [
      watch(deployments, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(sets, ({ object }) => {
        const owner = controllerOf(object);
        if (owner?.kind !== Deployment.kind) return [];
        return [keyOf({ namespace: object.metadata.namespace, name: owner.name })];
      }),
    ],
    reconcile,
  });
}

async function applyReplicaSets(
  client: KubeClient,
  events: EventRecorder,
  deployment: Deployment,
  { create, revise, scale, remove }: DeploymentPlan,
): Promise<void> {
  if (create !== undefined) {
    try {
      await client.create(ReplicaSet, create);
      scaled(events, deployment, 0, create.spec.replicas ?? 0, create.metadata.name);
    } catch (error) {
      // The name tells the template: it exists, and the cache has not seen it yet.
      if (!isConflict(error)) throw error;
    }
  }
  if (revise !== undefined) {
    const body = { metadata: { annotations: { [revisionAnnotation]: revise.revision } } };
    await client.patch(ReplicaSet, revise.set.metadata, { type: 'merge', body });
  }
  for (const { set, replicas } of scale) {
    // Only the version that was planned with: a plan made from an outdated cache must not be carried out.
    const body = { metadata: { resourceVersion: set.metadata.resourceVersion }, spec: { replicas } };
    if (revise?.set === set) delete (body.metadata as { resourceVersion?: string }).resourceVersion;
    await client.patch(ReplicaSet, set.metadata, { type: 'merge', body });
    scaled(events, deployment, set.spec.replicas ?? 1, replicas, set.metadata.name);
  }
  for (const set of remove) {
    await client.delete(ReplicaSet, set.metadata, set.metadata.uid === undefined ? {} : { uid: set.metadata.uid });
  }
}

function scaled(events: EventRecorder, deployment: Deployment, from: number, to: number, name: string): void {
  const direction = to >= from ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${name} from ${String(from)} to ${String(to)}`;
  events.event(deployment, 'Normal', 'ScalingReplicaSet', message);
}

/** Compared field by field of the new one: the stored one may have others. */
function sameStatus(stored: DeploymentStatus | undefined, next: DeploymentStatus): boolean {
  if (stored === undefined) return false;
  const { conditions: storedConditions = [], ...storedCounts } = stored;
  const { conditions = [], ...counts } = next;
  const current = new Map(Object.entries(storedCounts));
  return (
    Object.entries(counts).every(([field, value]) => (current.get(field) ?? 0) === value) &&
    conditions.every((condition) => {
      const before = storedConditions.find(({ type }) => type === condition.type);
      return (
        before !== undefined &&
        before.status === condition.status &&
        before.reason === condition.reason &&
        before.message === condition.message &&
        before.lastUpdateTime === condition.lastUpdateTime
      );
    })
  );
}
