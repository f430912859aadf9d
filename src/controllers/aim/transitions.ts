import type { PlannedEvent } from '../../reconcile/pass.ts';
import type { Condition } from '../../kinds/object.ts';
import type { ExtraCondition } from './health.ts';

/**
 * What is told in events (aim.md 3.7): a Warning for each component that got into an error state, and a Normal event when
 * the object becomes ready or is no longer. Steps on the way, and errors that last, are in the conditions only: an event is
 * a write to the API.
 */
export function transitionEvents(
  previous: readonly Condition[],
  conditions: readonly Condition[],
  alarms: readonly ExtraCondition[],
): PlannedEvent[] {
  const changed = ({ type, status, reason }: ExtraCondition): boolean => {
    const before = previous.find((condition) => condition.type === type);
    return before?.status !== status || before.reason !== reason;
  };
  const warnings = alarms
    .filter(changed)
    .map(({ reason, message }): PlannedEvent => ({ type: 'Warning', reason, message }));
  const readyOf = (list: readonly Condition[]) => list.find(({ type }) => type === 'Ready');
  const ready = readyOf(conditions);
  const became = ready?.status === 'True' && changed(ready);
  const ceased = ready?.status === 'False' && readyOf(previous)?.status === 'True' && alarms.length === 0;
  if (ready === undefined || !(became || ceased)) return warnings;
  return [...warnings, { type: 'Normal', reason: ready.reason, message: ready.message }];
}
