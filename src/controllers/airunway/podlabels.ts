import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { Pod } from '../../kinds/core/pod.ts';
import type { Child } from '../../reconcile/children.ts';

export type LabelledPod = Pick<Pod, 'metadata'>;

/** Pods whose operator does not pass labels on get the one by which the pool finds them (airunway.md 4.3, step 5). */
export function podLabelChildren(
  { metadata }: ModelDeployment,
  pods: readonly LabelledPod[],
  dialect: AirunwayDialect,
): Child[] {
  const label = keyIn(dialect, 'model-deployment');
  return pods
    .filter((pod) => pod.metadata.labels?.[label] !== metadata.name)
    .map((pod) => ({
      kind: Pod,
      owned: false,
      object: {
        metadata: {
          name: pod.metadata.name,
          ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
          labels: { [label]: metadata.name },
        },
      },
    }));
}
