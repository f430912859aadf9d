import type { Condition } from '../../kinds/object.ts';
import type { ExtraCondition } from './health.ts';

export interface AimEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/**
 * What is told in events (aim.md 3.7): a Warning for each component that got into an error state, and a Normal event when
 * the condition Ready changes otherwise. Steps of single components on the way, and errors that last, are in the conditions
 * only: an event is a write to the API.
 */
export function transitionEvents(
  previous: readonly Condition[],
  conditions: readonly Condition[],
  alarms: readonly ExtraCondition[],
): AimEvent[] {
  const changed = ({ type, status, reason }: ExtraCondition): boolean => {
    const before = previous.find((condition) => condition.type === type);
    return before?.status !== status || before.reason !== reason;
  };
  const warnings = alarms
    .filter(changed)
    .map(({ reason, message }): AimEvent => ({ type: 'Warning', reason, message }));
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (alarms.length > 0 || ready === undefined || !changed(ready)) return warnings;
  return [...warnings, { type: 'Normal', reason: ready.reason, message: ready.message }];
}
