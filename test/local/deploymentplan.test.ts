import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Deployment } from '../../src/kinds/apps/deployment.ts';
import type { ReplicaSet } from '../../src/kinds/apps/replicaset.ts';
import { planDeployment, revisionOf, rollingBounds } from '../../src/local/deploymentplan.ts';

/** Plans of a Deployment, played to their end against ReplicaSets that become ready one Pod at a time. */

type Spec = Deployment['spec'];

function deployment(image: string, spec: Partial<Spec> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 1 },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } },
      ...spec,
    },
  };
}

const now = new Date('2026-01-01T00:00:00Z');

/** A cluster of one Deployment. */
class Rollout {
  object: Deployment;
  sets: ReplicaSet[] = [];

  constructor(object: Deployment) {
    this.object = object;
  }

  step(): boolean {
    const plan = planDeployment(this.object, this.sets, now);
    for (const { set, replicas } of plan.scale) this.#change(set, { ...set, spec: { ...set.spec, replicas } });
    const { revise } = plan;
    if (revise !== undefined) {
      const set = this.sets.find(({ metadata }) => metadata.name === revise.set.metadata.name) ?? revise.set;
      const annotations = { ...set.metadata.annotations, 'deployment.kubernetes.io/revision': revise.revision };
      this.#change(set, { ...set, metadata: { ...set.metadata, annotations } });
    }
    this.sets = this.sets.filter((set) => !plan.remove.includes(set));
    if (plan.create !== undefined) {
      const time = new Date(now.getTime() + this.sets.length * 1000).toISOString();
      this.sets.push({
        ...plan.create,
        metadata: { ...plan.create.metadata, uid: plan.create.metadata.name, creationTimestamp: time },
      });
    }
    this.object = { ...this.object, status: plan.status };
    return plan.create !== undefined || plan.scale.length > 0 || revise !== undefined || plan.remove.length > 0;
  }

  /** The ReplicaSet controller's part: sizes follow the spec, and one more Pod becomes available. */
  advance(pick: number): boolean {
    const behind = this.sets.filter(
      (set) =>
        (set.status?.replicas ?? 0) !== (set.spec.replicas ?? 0) ||
        (set.status?.availableReplicas ?? 0) < (set.spec.replicas ?? 0),
    );
    const set = behind[pick % Math.max(1, behind.length)];
    if (set === undefined) return false;
    const replicas = set.spec.replicas ?? 0;
    const available = Math.min(replicas, (set.status?.availableReplicas ?? 0) + 1);
    this.#change(set, { ...set, status: { replicas, readyReplicas: available, availableReplicas: available } });
    return true;
  }

  settle(): void {
    for (let i = 0; i < 200; i++) {
      const changed = this.step();
      if (!this.advance(i) && !changed) return;
    }
    throw new Error('the rollout does not end');
  }

  update(object: Deployment): void {
    this.object = { ...object, ...(this.object.status === undefined ? {} : { status: this.object.status }) };
  }

  total(value: (set: ReplicaSet) => number): number {
    return this.sets.reduce((sum, set) => sum + value(set), 0);
  }

  condition(type: string) {
    return this.object.status?.conditions?.find((condition) => condition.type === type);
  }

  #change(from: ReplicaSet, to: ReplicaSet): void {
    this.sets = this.sets.map((set) => (set.metadata.name === from.metadata.name ? to : set));
  }
}

const bound = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${String(percent)}%`),
);

test('a rolling update stays within its bounds at every step and ends with the new template only', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 8 }),
      bound,
      bound,
      fc.array(fc.nat(5), { minLength: 20 }),
      (replicas, maxSurge, maxUnavailable, picks) => {
        const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
        const rollout = new Rollout(deployment('app:1', { replicas, strategy }));
        rollout.settle();
        rollout.update(deployment('app:2', { replicas, strategy }));
        const bounds = rollingBounds(rollout.object);
        for (let i = 0; i < 200; i++) {
          const changed = rollout.step();
          // Pods that old ReplicaSets were told to remove are counted as gone: their spec says so.
          expect(rollout.total((set) => set.spec.replicas ?? 0)).toBeLessThanOrEqual(replicas + bounds.maxSurge);
          const available = rollout.total((set) =>
            Math.min(set.spec.replicas ?? 0, set.status?.availableReplicas ?? 0),
          );
          expect(available).toBeGreaterThanOrEqual(replicas - bounds.maxUnavailable);
          if (!rollout.advance(picks[i] ?? i) && !changed) break;
        }
        const sizes = rollout.sets.map((set) => [set.spec.template?.spec?.containers[0]?.image, set.spec.replicas]);
        expect(sizes).toEqual([
          ['app:1', 0],
          ['app:2', replicas],
        ]);
      },
    ),
  );
});

test('conditions and counts of a rollout as kubectl rollout status reads them', () => {
  const rollout = new Rollout(deployment('app:1'));
  rollout.step();
  const [set] = rollout.sets;
  expect(set?.metadata.name).toMatch(/^web-[a-z0-9]{10}$/);
  expect(set?.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': set?.metadata.name.slice(4) });
  expect(rollout.condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetCreated' });
  expect(rollout.condition('Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
  rollout.settle();
  expect(rollout.object.status).toMatchObject({
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    unavailableReplicas: 0,
  });
  expect(rollout.condition('Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
  expect(rollout.condition('Progressing')).toMatchObject({
    status: 'True',
    reason: 'NewReplicaSetAvailable',
    message: `ReplicaSet "${set?.metadata.name ?? ''}" has successfully progressed.`,
  });
});

test('going back to an old template uses its ReplicaSet again, under a new revision', () => {
  const rollout = new Rollout(deployment('app:1'));
  rollout.settle();
  rollout.update(deployment('app:2'));
  rollout.settle();
  rollout.update(deployment('app:1'));
  rollout.settle();
  expect(rollout.sets.map((set) => [set.spec.replicas, revisionOf(set)])).toEqual([
    [3, 3],
    [0, 2],
  ]);
});

test('old ReplicaSets are kept up to the history limit, the newest ones', () => {
  const rollout = new Rollout(deployment('app:0', { revisionHistoryLimit: 2 }));
  for (let i = 0; i < 5; i++) {
    rollout.update(deployment(`app:${String(i)}`, { revisionHistoryLimit: 2 }));
    rollout.settle();
  }
  expect(rollout.sets.map((set) => set.spec.template?.spec?.containers[0]?.image)).toEqual(['app:2', 'app:3', 'app:4']);
});

test('Recreate starts nothing new until the old Pods are gone', () => {
  const strategy = { type: 'Recreate' };
  const rollout = new Rollout(deployment('app:1', { strategy }));
  rollout.settle();
  rollout.update(deployment('app:2', { strategy }));
  rollout.step();
  rollout.step();
  expect(rollout.sets.map((set) => set.spec.replicas)).toEqual([0, 0]);
  rollout.settle();
  expect(rollout.sets.map((set) => set.spec.replicas)).toEqual([0, 3]);
});

test('a paused Deployment keeps its template but follows its scale', () => {
  const rollout = new Rollout(deployment('app:1'));
  rollout.settle();
  rollout.update(deployment('app:2', { paused: true, replicas: 5 }));
  rollout.settle();
  expect(rollout.sets.map((set) => [set.spec.template?.spec?.containers[0]?.image, set.spec.replicas])).toEqual([
    ['app:1', 5],
  ]);
});

test('a rollout without progress exceeds its deadline', () => {
  const rollout = new Rollout(deployment('app:1', { progressDeadlineSeconds: 60 }));
  rollout.step();
  rollout.step();
  const late = new Date(now.getTime() + 61_000);
  const { status } = planDeployment(rollout.object, rollout.sets, late);
  expect(status.conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({
    status: 'False',
    reason: 'ProgressDeadlineExceeded',
  });
});

test('a Deployment that was complete long ago does not exceed its deadline when it is rolled out again', () => {
  const rollout = new Rollout(deployment('app:1', { progressDeadlineSeconds: 60 }));
  rollout.settle();
  expect(progressing(rollout.object.status)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  const before = rollout.object.status;
  rollout.update(deployment('app:2', { progressDeadlineSeconds: 60 }));
  rollout.step();
  const late = new Date(now.getTime() + 3_600_000);
  // The new ReplicaSet is there, and the status that says so has not reached the cache.
  const outdated = { ...rollout.object, ...(before === undefined ? {} : { status: before }) };
  const { status, recheckAfterMs } = planDeployment(outdated, rollout.sets, late);
  expect(progressing(status)).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });
  expect(recheckAfterMs).toBe(60_000);
});

const progressing = (status: Deployment['status']) => status?.conditions?.find(({ type }) => type === 'Progressing');
