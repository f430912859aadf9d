import type { Condition, KubeObject } from '../../kinds/object.ts';
import { KubeError } from '../../kube/client.ts';
import { setCondition } from '../../kube/conditions.ts';
import type { WriteFailure } from '../../reconcile/failures.ts';
import type { Verdict as PassVerdict } from '../../reconcile/pass.ts';

/** The single condition of the AI gateway kinds (aigateway.md 1.7). */
export interface Verdict {
  readonly accepted: boolean;
  readonly message: string;
}

export type WithConditions = KubeObject & { status?: { conditions?: Condition[] } };

export const reconciliationReasons = { Accepted: 'ReconciliationSucceeded', NotAccepted: 'ReconciliationFailed' };
/** GatewayConfig repeats the type. */
export const typeAsReason = { Accepted: 'Accepted', NotAccepted: 'NotAccepted' };

/** The status that says it: one condition replaces the other, a resource never carries both. */
export function statusOf<T extends WithConditions>(
  object: T,
  verdict: Verdict,
  now: Date,
  reasons = reconciliationReasons,
): PassVerdict<T> {
  const type = verdict.accepted ? 'Accepted' : 'NotAccepted';
  const update = {
    type,
    status: verdict.accepted ? ('True' as const) : ('False' as const),
    reason: reasons[type],
    message: verdict.message,
    observedGeneration: object.metadata.generation ?? 0,
  };
  const conditions = setCondition(object.status?.conditions, update, now).filter(
    (condition) => condition.type === type,
  );
  // The status of any of these kinds with other conditions is one of that kind.
  const status = { ...object.status, conditions } as NonNullable<T['status']>;
  return { status, events: [] };
}

/** What the user has to know of writes that failed: those that the API refuses for good. Others may pass, and say nothing. */
export function refusalIn(failures: readonly WriteFailure[]): Verdict | undefined {
  const refused = failures.find(({ error }) => error instanceof KubeError && [400, 403, 422].includes(error.code));
  return refused === undefined
    ? undefined
    : { accepted: false, message: `the generated objects are refused: ${refused.error.message}` };
}
