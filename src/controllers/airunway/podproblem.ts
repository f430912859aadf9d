import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { Pod } from '../../kinds/core/pod.ts';

/** Why a pod does not run yet that is on its way: nothing to tell. */
const onTheWay = new Set(['ContainerCreating', 'PodInitializing']);

/** Why the pods of a deployment wait, or keep failing, in the words of the node: what `kubectl describe pod` would say. */
export function podProblem(pods: readonly Pick<Pod, 'metadata' | 'status'>[]): string | undefined {
  for (const { metadata, status } of pods) {
    if (metadata.deletionTimestamp !== undefined) continue;
    const problem = containerProblem(status) ?? unscheduled(status);
    if (problem !== undefined) return `pod ${metadata.name}: ${problem}`;
  }
  return undefined;
}

function containerProblem(status: Pod['status']): string | undefined {
  for (const { state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const { waiting, terminated } = state ?? {};
    if (waiting?.reason !== undefined && !onTheWay.has(waiting.reason)) return said(waiting.reason, waiting.message);
    if (terminated !== undefined && terminated.exitCode !== 0) {
      return said(terminated.reason ?? 'Error', terminated.message ?? `exit code ${terminated.exitCode}`);
    }
  }
  return undefined;
}

function unscheduled(status: Pod['status']): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return scheduled?.status === 'False' ? said(scheduled.reason ?? 'Unschedulable', scheduled.message) : undefined;
}

const said = (reason: string, message: string | undefined): string =>
  message === undefined || message === '' ? reason : `${reason}: ${message}`;

/** Key of the deployment whose pod has another problem than before; empty: none has. */
export function deploymentsWithNews(
  { object, previous }: { readonly object: Pod; readonly previous: Pod | undefined },
  dialect: AirunwayDialect,
): string[] {
  const name = object.metadata.labels?.[keyIn(dialect, 'model-deployment')];
  if (name === undefined || podProblem([object]) === (previous && podProblem([previous]))) return [];
  return [`${object.metadata.namespace}/${name}`];
}
