import { HorizontalPodAutoscaler } from '../kinds/autoscaling/horizontalpodautoscaler.ts';
import { ScaledObject } from '../kinds/keda/scaledobject.ts';
import { child, type Child } from '../reconcile/children.ts';
import { describeFailure } from '../reconcile/failures.ts';
import type { Definition } from '../reconcile/pass.ts';

/**
 * Makes the HorizontalPodAutoscaler of every ScaledObject as KEDA would. It is part of the embedded node; on a cluster KEDA
 * itself does this.
 */
export function scaledObjectDefinition(): Definition<ScaledObject, undefined> {
  return {
    name: 'scaledobject',
    manager: 'keda-operator',
    force: true,
    kind: ScaledObject,
    owns: [HorizontalPodAutoscaler],
    reads: [],
    observe: () => undefined,
    plan: (object) => {
      const { apiVersion = 'apps/v1', kind = 'Deployment' } = object.spec.scaleTargetRef;
      return {
        apply: [autoscalerOf(object)],
        status: ([failure]) => {
          const ready =
            failure === undefined
              ? {
                  status: 'True' as const,
                  reason: 'ScaledObjectReady',
                  message: 'ScaledObject is defined correctly and is ready for scaling',
                }
              : {
                  status: 'False' as const,
                  reason: 'ScaledObjectCheckFailed',
                  message: `Failed to ensure HPA is correctly created for ScaledObject: ${describeFailure(failure)}`,
                };
          const active = {
            type: 'Active',
            status: 'Unknown' as const,
            reason: 'MetricsNotRead',
            message: 'the embedded node does not read the triggers: the replicas stay within their bounds',
          };
          return {
            status: {
              ...object.status,
              conditions: [{ type: 'Ready', ...ready }, active],
              hpaName: autoscalerName(object),
              scaleTargetKind: `${apiVersion}.${kind}`,
            },
            events: [],
          };
        },
      };
    },
  };
}

function autoscalerName({ metadata, spec }: ScaledObject): string {
  return spec.advanced?.horizontalPodAutoscalerConfig?.name ?? `keda-hpa-${metadata.name}`;
}

const defaultMax = 100;

function autoscalerOf(object: ScaledObject): Child {
  const { metadata, spec } = object;
  const { apiVersion = 'apps/v1', kind = 'Deployment', name } = spec.scaleTargetRef;
  const max = spec.maxReplicaCount ?? defaultMax;
  return child<HorizontalPodAutoscaler>(
    HorizontalPodAutoscaler,
    {
      metadata: {
        name: autoscalerName(object),
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        labels: {
          ...metadata.labels,
          'app.kubernetes.io/managed-by': 'keda-operator',
          'scaledobject.keda.sh/name': metadata.name,
        },
      },
      spec: {
        scaleTargetRef: { apiVersion, kind, name },
        // An autoscaler starts at one; to zero KEDA scales by itself.
        minReplicas: Math.max(1, spec.minReplicaCount ?? 1),
        maxReplicas: Math.max(1, max),
        metrics: spec.triggers.map(({ type }, i) => ({
          type: 'External',
          external: {
            metric: {
              name: `s${String(i)}-${type}`,
              selector: { matchLabels: { 'scaledobject.keda.sh/name': metadata.name } },
            },
            target: { type: 'AverageValue', averageValue: '1' },
          },
        })),
      },
    },
    { owned: true },
  );
}
