import type { Condition } from '../../kinds/object.ts';
import { setCondition } from '../../kube/conditions.ts';
import type { ExtraCondition } from './health.ts';
import type { PlannedEvent } from '../../reconcile/pass.ts';

/** Conditions of the kinds of aim.silogen.ai: set one by one, each with the generation it speaks of (aim.md 11.4). */
export function legacyConditions(
  previous: readonly Condition[],
  updates: readonly ExtraCondition[],
  generation: number | undefined,
  now: Date,
): Condition[] {
  let conditions: Condition[] = [];
  for (const update of updates) {
    // Those of earlier passes give their times only: a condition that is not set any more goes.
    const before = previous.filter(({ type }) => type === update.type);
    const set = { ...update, ...(generation === undefined ? {} : { observedGeneration: generation }) };
    conditions = [...conditions, ...setCondition(before, set, now)];
  }
  return conditions;
}

/** An event for Ready that changes: a Warning where `bad`. */
export function readyEvents(
  previous: readonly Condition[],
  conditions: readonly Condition[],
  bad: boolean,
): PlannedEvent[] {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const before = previous.find(({ type }) => type === 'Ready');
  if (ready === undefined || (before?.status === ready.status && before.reason === ready.reason)) return [];
  return [{ type: bad ? 'Warning' : 'Normal', reason: ready.reason, message: ready.message }];
}
