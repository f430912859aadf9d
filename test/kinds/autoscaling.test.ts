import { expect, test } from 'vitest';
import { fromVersion2, toVersion2 } from '../../src/kinds/autoscaling/version1.ts';

const metadata = { name: 'web', namespace: 'default' };
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
};

test('the CPU target of v1 is a metric of v2', () => {
  const object = {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 80 },
    status: { currentReplicas: 1, currentCPUUtilizationPercentage: 20 },
  };
  const converted = toVersion2(object);
  expect(converted.spec).toEqual({ scaleTargetRef, maxReplicas: 3, metrics: [cpu] });
  expect(fromVersion2(converted)).toEqual(object);
});

test('what v1 has no field for survives in annotations', () => {
  const object = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { ...metadata, annotations: { mine: '1' } },
    spec: {
      scaleTargetRef,
      maxReplicas: 3,
      metrics: [cpu, memory],
      behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
    },
    status: { conditions: [{ type: 'AbleToScale', status: 'True' }] },
  };
  expect(toVersion2(fromVersion2(object))).toEqual(object);
});
