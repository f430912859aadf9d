import { expect, test } from 'vitest';
import type { Deployment } from '../../src/kinds/apps/deployment.ts';
import type { HorizontalPodAutoscaler } from '../../src/kinds/autoscaling/horizontalpodautoscaler.ts';
import { planAutoscaler } from '../../src/local/horizontalpodautoscaler.ts';

const autoscaler = (kind = 'Deployment'): HorizontalPodAutoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'h', namespace: 'n', generation: 3 },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind, name: 'web' }, minReplicas: 2, maxReplicas: 4 },
});
const target = (replicas: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'n', resourceVersion: '7' },
  spec: { replicas, selector: {}, template: {} },
  status: { replicas: 1 },
});
const now = new Date('2026-01-01T00:00:00Z');

test.each([
  ['fewer than the minimum', 1, 2, 'TooFewReplicas'],
  ['within the bounds', 3, 3, 'DesiredWithinRange'],
  ['more than the maximum', 9, 4, 'TooManyReplicas'],
])('a Deployment of %s is kept within them', (_, replicas, desired, reason) => {
  const plan = planAutoscaler(autoscaler(), target(replicas));
  expect(plan.apply.map(({ object }) => object)).toEqual(
    desired === replicas ? [] : [{ ...target(replicas), spec: { ...target(replicas).spec, replicas: desired } }],
  );
  const { status } = plan.status([], now);
  expect(status).toMatchObject({ observedGeneration: 3, currentReplicas: 1, desiredReplicas: desired });
  expect(status.conditions?.map(({ type, status: is }) => [type, is])).toEqual([
    ['AbleToScale', 'True'],
    ['ScalingActive', 'True'],
    ['ScalingLimited', reason === 'DesiredWithinRange' ? 'False' : 'True'],
  ]);
  expect(status.conditions?.at(-1)?.reason).toBe(reason);
});

test('a Deployment that is switched off stays off', () => {
  const plan = planAutoscaler(autoscaler(), target(0));
  expect(plan.apply).toEqual([]);
  expect(plan.status([], now).status.conditions).toMatchObject([{ status: 'False', reason: 'ScalingDisabled' }]);
});

test.each([['Deployment'], ['StatefulSet']])('a %s that the node cannot scale is said in the condition', (kind) => {
  const { conditions } = planAutoscaler(autoscaler(kind), undefined).status([], now).status;
  expect(conditions).toMatchObject([
    {
      type: 'AbleToScale',
      status: 'False',
      reason: 'FailedGetScale',
      message: expect.stringContaining(kind === 'Deployment' ? 'web' : kind) as string,
    },
  ]);
});
