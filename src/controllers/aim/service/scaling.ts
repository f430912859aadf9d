import type { AIMService } from '../../../kinds/aim/aimservice.ts';
import type { HorizontalPodAutoscaler } from '../../../kinds/autoscaling/horizontalpodautoscaler.ts';
import type { Component, State } from '../health.ts';
import { predictorService } from '../names.ts';
import { displayReplicas, type Replicas } from './replicas.ts';

/** Replicas of a service, fixed or by autoscaling (aim.md 5.2, 5.7, 5.8). */

type ServiceSpec = NonNullable<AIMService['spec']>;
type Runtime = NonNullable<NonNullable<AIMService['status']>['runtime']>;

export function isAutoscaled({ autoScaling, minReplicas, maxReplicas }: ServiceSpec): boolean {
  return autoScaling !== undefined || minReplicas !== undefined || maxReplicas !== undefined;
}

/** KEDA names the autoscaler after its ScaledObject, which KServe names after the predictor. */
export const autoscalerName = (inferenceService: string): string => `keda-hpa-${predictorService(inferenceService)}`;

export function runtimeOf({ replicas, minReplicas }: ServiceSpec, hpa: HorizontalPodAutoscaler | undefined): Runtime {
  const fixed = minReplicas ?? replicas ?? 1;
  const counts: Replicas =
    hpa === undefined
      ? { minReplicas: fixed, maxReplicas: fixed, currentReplicas: fixed, desiredReplicas: fixed }
      : {
          minReplicas: hpa.spec.minReplicas ?? 1,
          maxReplicas: hpa.spec.maxReplicas,
          currentReplicas: hpa.status?.currentReplicas ?? 0,
          desiredReplicas: hpa.status?.desiredReplicas ?? 0,
        };
  return { ...counts, replicas: displayReplicas(counts) };
}

export function autoscalerComponent(
  inferenceService: string,
  hpa: HorizontalPodAutoscaler | undefined,
  serving: boolean,
): Component {
  const is = (state: State, reason: string, message: string): Component => ({
    name: 'HPA',
    state,
    reason,
    message,
    dependency: 'Downstream',
  });
  if (hpa === undefined) {
    const name = autoscalerName(inferenceService);
    return is('Progressing', 'HPANotFound', `KEDA has not made HorizontalPodAutoscaler ${name}: is KEDA installed?`);
  }
  if (!serving) return is('Progressing', 'WaitingForMetrics', 'metrics come once the InferenceService is ready');
  const condition = (type: string) => hpa.status?.conditions?.find((found) => found.type === type);
  const active = condition('ScalingActive');
  if (active?.status !== 'True') {
    return is('Failed', 'MetricsFailed', active?.message ?? 'the autoscaler gets no metrics yet');
  }
  const able = condition('AbleToScale');
  if (able?.status !== 'True') {
    return is('Progressing', 'ScaleTargetNotReady', able?.message ?? 'the autoscaler cannot scale yet');
  }
  return is('Ready', 'HPAOperational', `HorizontalPodAutoscaler ${hpa.metadata.name} scales the service`);
}
