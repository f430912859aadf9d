import type { KubeObject } from '../../../kinds/object.ts';
import { conditionOf, numberOf, type ServedModel, type Translation } from './provider.ts';

/** What providers without an operator have in common: they make Deployments. */

export function imageOf({ deployment: { spec } }: ServedModel, otherwise: string): string {
  return spec.engine?.image || spec.image || otherwise;
}

export function translateDeployment(object: KubeObject, endpoint: Translation['endpoint']): Translation {
  const desired = numberOf(object, 'spec', 'replicas') ?? 1;
  const ready = numberOf(object, 'status', 'readyReplicas') ?? 0;
  const available = numberOf(object, 'status', 'availableReplicas') ?? 0;
  const updated = numberOf(object, 'status', 'updatedReplicas') ?? 0;
  const current = (numberOf(object, 'status', 'observedGeneration') ?? 0) >= (object.metadata.generation ?? 0);
  const progress = conditionOf(object, 'Progressing');
  const common = { replicas: { desired, ready, available }, ...(endpoint === undefined ? {} : { endpoint }) };
  if (current && available >= desired && updated >= desired) return { phase: 'Running', ...common };
  if (progress?.status === 'False') return { phase: 'Failed', message: progress.message, ...common };
  return { phase: 'Deploying', ...common };
}
