import type { Condition } from '../kinds/object.ts';
import { timestamp } from '../kinds/timestamp.ts';

export type ConditionUpdate = Omit<Condition, 'lastTransitionTime'>;

/**
 * The conditions with one set. lastTransitionTime moves only when the status does, and a condition that says the same as
 * before stays as it was, so that callers can compare and not write.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  update: ConditionUpdate,
  now: Date = new Date(),
): Condition[] {
  const current = conditions ?? [];
  const previous = current.find((condition) => condition.type === update.type);
  const lastTransitionTime = previous?.status === update.status ? previous.lastTransitionTime : timestamp(now);
  const next: Condition = { ...update, lastTransitionTime };
  if (previous === undefined) return [...current, next];
  return current.map((condition) => (condition === previous ? next : condition));
}

/** True when both lists say the same; times of transition do not count. */
export function sameConditions(a: readonly Condition[] | undefined, b: readonly Condition[] | undefined): boolean {
  const left = a ?? [];
  const right = b ?? [];
  return (
    left.length === right.length &&
    left.every((condition, i) => {
      const other = right[i];
      return (
        other !== undefined &&
        condition.type === other.type &&
        condition.status === other.status &&
        condition.reason === other.reason &&
        condition.message === other.message &&
        condition.observedGeneration === other.observedGeneration
      );
    })
  );
}
