import { Pod } from '../kinds/core/pod.ts';
import { child, type Child, type Removal } from '../reconcile/children.ts';
import type { WriteFailure } from '../reconcile/failures.ts';
import type { PlannedEvent } from '../reconcile/pass.ts';

/** The Pods that a ReplicaSet or a Job makes and ends, and what is told of them. */

export function podsToCreate(pods: readonly Pod[]): Child[] {
  return pods.map((pod) => child(Pod, pod, { owned: true, write: 'create' }));
}

export function podsToRemove(pods: readonly Pod[]): Removal[] {
  return pods.map(({ metadata }) => ({ kind: Pod, ref: metadata }));
}

/** Reasons as Kubernetes gives them. */
export function podEvents(
  created: readonly Pod[],
  removed: readonly Pod[],
  failures: readonly WriteFailure[],
): PlannedEvent[] {
  const failed = new Set(failures.map(({ child: { ref } }) => ref.name));
  const told = (pods: readonly Pod[], reason: string, what: string): PlannedEvent[] =>
    pods
      .filter(({ metadata }) => !failed.has(metadata.name))
      .map(({ metadata }) => ({ type: 'Normal', reason, message: `${what} pod: ${metadata.name}` }));
  const [failure] = failures;
  return [
    ...told(created, 'SuccessfulCreate', 'Created'),
    ...told(removed, 'SuccessfulDelete', 'Deleted'),
    ...(failure === undefined
      ? []
      : [
          {
            type: 'Warning' as const,
            reason: failure.action === 'delete' ? 'FailedDelete' : 'FailedCreate',
            message: `Error ${failure.action === 'delete' ? 'deleting' : 'creating'}: ${failure.error.message}`,
          },
        ]),
  ];
}
