import { Deployment } from '../kinds/apps/deployment.ts';
import { ReplicaSet } from '../kinds/apps/replicaset.ts';
import { child } from '../reconcile/children.ts';
import type { Definition, Plan, PlannedEvent } from '../reconcile/pass.ts';
import { planDeployment, revisionAnnotation, type DeploymentPlan } from './deploymentplan.ts';

interface Observed {
  readonly sets: readonly ReplicaSet[];
  readonly now: Date;
}

/** Rolls every Deployment out to ReplicaSets. */
export function deploymentDefinition(now: () => Date): Definition<Deployment, Observed> {
  return {
    name: 'deployment',
    manager: 'deployment-controller',
    kind: Deployment,
    owns: [ReplicaSet],
    reads: [],
    workers: 4,
    observe: (deployment, read) => ({ sets: read.owned(ReplicaSet, deployment), now: now() }),
    plan: (deployment, { sets, now: time }) => passOf(deployment, planDeployment(deployment, sets, time)),
  };
}

function passOf(deployment: Deployment, plan: DeploymentPlan): Plan<Deployment> {
  const { create, remove, revision, status } = plan;
  const created = create === undefined ? [] : [child(ReplicaSet, create, { owned: true, write: 'create' })];
  const changed = changedSets(plan).map((set) => child(ReplicaSet, set, { owned: false, write: 'update' }));
  const revised = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
  const self =
    deployment.metadata.annotations?.[revisionAnnotation] === revision || deployment.spec.paused === true
      ? []
      : [
          child(
            Deployment,
            { ...deployment, metadata: { ...deployment.metadata, annotations: revised } },
            { owned: false, write: 'update' },
          ),
        ];
  return {
    apply: [...created, ...changed, ...self],
    remove: remove.map((set) => ({ kind: ReplicaSet, ref: set.metadata })),
    requeueAfterMs: plan.recheckAfterMs,
    status: (failures) => {
      const failed = new Set(failures.map(({ child: { ref } }) => ref.name));
      return {
        status,
        events: scalings(plan)
          .filter(({ set }) => !failed.has(set))
          .map(({ event }) => event),
      };
    },
  };
}

/**
 * The ReplicaSets as they are to be, of the versions that were planned with: a plan made from an outdated cache must not be
 * carried out.
 */
function changedSets({ scale, revise }: DeploymentPlan): ReplicaSet[] {
  const changed = new Map<ReplicaSet, ReplicaSet>();
  if (revise !== undefined) {
    const { set, revision } = revise;
    const annotations = { ...set.metadata.annotations, [revisionAnnotation]: revision };
    changed.set(set, { ...set, metadata: { ...set.metadata, annotations } });
  }
  for (const { set, replicas } of scale) {
    const revised = changed.get(set) ?? set;
    changed.set(set, { ...revised, spec: { ...revised.spec, replicas } });
  }
  return [...changed.values()];
}

/** What to tell of sizes that change, with the name of the ReplicaSet. */
function scalings({ create, scale }: DeploymentPlan): { set: string; event: PlannedEvent }[] {
  const sizes = [
    ...(create === undefined ? [] : [{ name: create.metadata.name, from: 0, to: create.spec.replicas ?? 0 }]),
    ...scale.map(({ set, replicas }) => ({ name: set.metadata.name, from: set.spec.replicas ?? 1, to: replicas })),
  ];
  return sizes.map(({ name, from, to }) => {
    const direction = to >= from ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${name} from ${String(from)} to ${String(to)}`;
    return { set: name, event: { type: 'Normal', reason: 'ScalingReplicaSet', message } };
  });
}
