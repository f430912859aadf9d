import type {
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
} from 'kubernetes-types/autoscaling/v2.js';
import { Deployment } from '../kinds/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../kinds/autoscaling/horizontalpodautoscaler.ts';
import { keyOf } from '../kinds/object.ts';
import { timestamp } from '../kinds/timestamp.ts';
import { watch } from '../kube/controller.ts';
import type { InformerCache } from '../kube/informer.ts';
import { child } from '../reconcile/children.ts';
import type { Definition, Plan } from '../reconcile/pass.ts';

/**
 * Keeps the replicas of Deployments within the bounds of their HorizontalPodAutoscaler. Metrics are not read on the embedded
 * node: within the bounds, the replicas are what somebody has set.
 */
export function autoscalerDefinition(
  informers: InformerCache,
): Definition<HorizontalPodAutoscaler, Deployment | undefined> {
  const autoscalers = informers.informer(HorizontalPodAutoscaler);
  autoscalers.addIndex(byTarget, ({ metadata, spec }) =>
    spec.scaleTargetRef.kind === Deployment.kind
      ? [keyOf({ namespace: metadata.namespace, name: spec.scaleTargetRef.name })]
      : [],
  );
  return {
    name: 'horizontalpodautoscaler',
    manager: 'horizontal-pod-autoscaler',
    kind: HorizontalPodAutoscaler,
    owns: [],
    reads: [Deployment],
    watches: [
      watch(informers.informer(Deployment), ({ object }) =>
        autoscalers.byIndex(byTarget, keyOf(object.metadata)).map(({ metadata }) => keyOf(metadata)),
      ),
    ],
    observe: ({ metadata, spec }, read) => {
      const { kind, name } = spec.scaleTargetRef;
      return kind === Deployment.kind ? read.get(Deployment, { namespace: metadata.namespace, name }) : undefined;
    },
    plan: planAutoscaler,
  };
}

const byTarget = 'scale-target';

export function planAutoscaler(
  autoscaler: HorizontalPodAutoscaler,
  target: Deployment | undefined,
): Plan<HorizontalPodAutoscaler> {
  const { kind, name } = autoscaler.spec.scaleTargetRef;
  if (target === undefined) {
    const message =
      kind === Deployment.kind
        ? `deployments.apps "${name}" not found`
        : `the embedded node scales Deployments only, not ${kind}`;
    return {
      apply: [],
      status: (_failures, now) => ({
        status: statusOf(autoscaler, 0, 0, [['AbleToScale', 'False', 'FailedGetScale', message]], now),
        events: [],
      }),
    };
  }
  const current = target.status?.replicas ?? 0;
  const wanted = target.spec.replicas ?? 1;
  const { minReplicas = 1, maxReplicas } = autoscaler.spec;
  if (wanted === 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    return {
      apply: [],
      status: (_failures, now) => ({
        status: statusOf(autoscaler, current, 0, [['ScalingActive', 'False', 'ScalingDisabled', message]], now),
        events: [],
      }),
    };
  }
  const desired = Math.min(Math.max(wanted, minReplicas), maxReplicas);
  const limited: Row =
    desired === wanted
      ? ['ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range']
      : wanted < minReplicas
        ? [
            'ScalingLimited',
            'True',
            'TooFewReplicas',
            'the desired replica count is less than the minimum replica count',
          ]
        : [
            'ScalingLimited',
            'True',
            'TooManyReplicas',
            'the desired replica count is more than the maximum replica count',
          ];
  return {
    apply:
      desired === wanted
        ? []
        : [
            child(
              Deployment,
              { ...target, spec: { ...target.spec, replicas: desired } },
              { owned: false, write: 'update' },
            ),
          ],
    status: (_failures, now) => ({
      status: statusOf(
        autoscaler,
        current,
        desired,
        [
          ['AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size'],
          ['ScalingActive', 'True', 'BoundsHeld', 'the embedded node holds the bounds and does not read the metrics'],
          limited,
        ],
        now,
      ),
      events: [],
    }),
  };
}

type Row = readonly [type: string, status: 'True' | 'False', reason: string, message: string];

function statusOf(
  { metadata, status }: HorizontalPodAutoscaler,
  currentReplicas: number,
  desiredReplicas: number,
  rows: readonly Row[],
  now: Date,
): HorizontalPodAutoscalerStatus {
  const before = status?.conditions ?? [];
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    currentReplicas,
    desiredReplicas,
    conditions: rows.map(([type, is, reason, message]): HorizontalPodAutoscalerCondition => {
      const same = before.find((condition) => condition.type === type && condition.status === is);
      return { type, status: is, reason, message, lastTransitionTime: same?.lastTransitionTime ?? timestamp(now) };
    }),
  };
}
