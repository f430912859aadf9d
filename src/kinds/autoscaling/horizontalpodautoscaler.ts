import type * as autoscaling from 'kubernetes-types/autoscaling/v2.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';
import { fromVersion2, toVersion2 } from './version1.ts';

export type HorizontalPodAutoscaler = Builtin<autoscaling.HorizontalPodAutoscaler, 'spec'>;

export const HorizontalPodAutoscaler = defineBuiltin<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  model: 'V2HorizontalPodAutoscaler',
  otherVersions: [
    { version: 'v1', model: 'V1HorizontalPodAutoscaler', toStorage: toVersion2, fromStorage: fromVersion2 },
  ],
  shortNames: ['hpa'],
  categories: ['all'],
  columns: [
    column<HorizontalPodAutoscaler>(
      'Reference',
      ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    ),
    column<HorizontalPodAutoscaler>('Targets', targetsText),
    column<HorizontalPodAutoscaler>('MinPods', ({ spec }) => spec.minReplicas ?? '<unset>'),
    column<HorizontalPodAutoscaler>('MaxPods', ({ spec }) => spec.maxReplicas),
    column<HorizontalPodAutoscaler>('Replicas', ({ status }) => status?.currentReplicas ?? 0),
    age,
  ],
});

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const targets = (spec.metrics ?? []).map((metric, index) => {
    const current = status?.currentMetrics?.[index]?.resource?.current.averageUtilization;
    const target = metric.resource?.target.averageUtilization;
    if (metric.resource === undefined || target === undefined) return metric.type;
    return `${metric.resource.name}: ${current === undefined ? '<unknown>' : `${current}%`}/${target}%`;
  });
  return targets.length === 0 ? '<none>' : targets.join(', ');
}
