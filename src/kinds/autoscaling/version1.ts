import type { KubeObject } from '../object.ts';

/**
 * autoscaling/v1, which `kubectl autoscale` writes: one target for the CPU where v2 has a list of metrics. As in Kubernetes,
 * annotations carry what v1 has no field for, so that nothing is lost on the way to v1 and back; the metrics in them are
 * those of v2, where Kubernetes writes a form of its own.
 */

type Fields = Record<string, unknown>;
type Autoscaler = KubeObject & { spec: Fields; status: Fields };

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';
const currentMetricsAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics';

/** To v2. */
export function toVersion2(object: KubeObject): Autoscaler {
  const carried: Record<string, string> = { ...object.metadata.annotations };
  const take = (annotation: string): unknown => {
    const text = carried[annotation];
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null) return undefined;
      delete carried[annotation];
      return value;
    } catch {
      // Not ours: it stays an annotation.
      return undefined;
    }
  };
  const { targetCPUUtilizationPercentage: target, ...spec } = fieldsOf(object, 'spec');
  const { currentCPUUtilizationPercentage: current, ...status } = fieldsOf(object, 'status');
  const metrics = [...(target === undefined ? [] : [cpuMetric(target)]), ...listOf(take(metricsAnnotation))];
  const currentMetrics = [
    ...(current === undefined ? [] : [currentCpu(current)]),
    ...listOf(take(currentMetricsAnnotation)),
  ];
  const behavior = take(behaviorAnnotation);
  const conditions = take(conditionsAnnotation);
  return {
    ...withAnnotations(object, carried),
    spec: { ...spec, ...(metrics.length > 0 && { metrics }), ...(behavior !== undefined && { behavior }) },
    status: {
      ...status,
      ...(currentMetrics.length > 0 && { currentMetrics }),
      ...(conditions !== undefined && { conditions }),
    },
  };
}

/** From v2. */
export function fromVersion2(object: KubeObject): Autoscaler {
  const { metrics, behavior, ...spec } = fieldsOf(object, 'spec');
  const { currentMetrics, conditions, ...status } = fieldsOf(object, 'status');
  const cpu = listOf(metrics).find((metric) => utilization(metric, 'target') !== undefined);
  const others = listOf(metrics).filter((metric) => metric !== cpu);
  const currentCpuMetric = listOf(currentMetrics).find((metric) => utilization(metric, 'current') !== undefined);
  const otherCurrent = listOf(currentMetrics).filter((metric) => metric !== currentCpuMetric);
  const carried = {
    ...object.metadata.annotations,
    ...(others.length > 0 && { [metricsAnnotation]: JSON.stringify(others) }),
    ...(behavior !== undefined && { [behaviorAnnotation]: JSON.stringify(behavior) }),
    ...(conditions !== undefined && { [conditionsAnnotation]: JSON.stringify(conditions) }),
    ...(otherCurrent.length > 0 && { [currentMetricsAnnotation]: JSON.stringify(otherCurrent) }),
  };
  const target = utilization(cpu, 'target');
  const current = utilization(currentCpuMetric, 'current');
  return {
    ...withAnnotations(object, carried),
    spec: { ...spec, ...(target !== undefined && { targetCPUUtilizationPercentage: target }) },
    status: { ...status, ...(current !== undefined && { currentCPUUtilizationPercentage: current }) },
  };
}

function cpuMetric(averageUtilization: unknown): Fields {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function currentCpu(averageUtilization: unknown): Fields {
  return { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } };
}

/** The average utilization of the CPU that a metric is about; undefined for every other metric. */
function utilization(metric: unknown, side: 'target' | 'current'): unknown {
  const resource = fieldsOf(metric, 'resource');
  return resource['name'] === 'cpu' ? fieldsOf(resource, side)['averageUtilization'] : undefined;
}

function withAnnotations(object: KubeObject, annotations: Record<string, string>): KubeObject {
  const { annotations: _replaced, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) } };
}

function fieldsOf(value: unknown, field: string): Fields {
  const found: unknown = isFields(value) ? value[field] : undefined;
  return isFields(found) ? found : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
