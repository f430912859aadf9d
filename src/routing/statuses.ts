import type { Kind } from '../kinds/kind.ts';
import type { Condition, KubeObject } from '../kinds/object.ts';
import { setCondition } from '../kube/conditions.ts';

/** The status an object should have: whole, so that a writer only has to compare. */
export interface WantedStatus {
  readonly kind: Kind;
  readonly object: KubeObject;
  readonly status: unknown;
}

export function wantStatus<T extends KubeObject & { status?: unknown }>(
  kind: Kind<T>,
  object: T,
  status: NonNullable<T['status']>,
): WantedStatus {
  return { kind, object, status };
}

/** A condition before it gets its generation and time. */
export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** The conditions with these findings, all of them about the object's current generation (gatewayapi.md 13 trap 3). */
export function findings(
  existing: readonly Condition[] | undefined,
  found: readonly Finding[],
  object: KubeObject,
  now: Date,
): Condition[] {
  let conditions: Condition[] = [...(existing ?? [])];
  for (const finding of found) {
    conditions = setCondition(conditions, { ...finding, observedGeneration: object.metadata.generation ?? 0 }, now);
  }
  return conditions;
}

export function yes(type: string, reason: string, message: string): Finding {
  return { type, status: 'True', reason, message };
}

export function no(type: string, reason: string, message: string): Finding {
  return { type, status: 'False', reason, message };
}

/**
 * A list of entries that several controllers share: others' stay as and where they are, ours become those wanted
 * (gatewayapi.md 5 and 13 traps 6 and 7).
 */
export function mergeEntries<E>(
  existing: readonly E[] | undefined,
  isOurs: (entry: E) => boolean,
  wanted: readonly { isSame(entry: E): boolean; build(previous: E | undefined): E }[],
): E[] {
  const remaining = [...wanted];
  const kept = (existing ?? []).flatMap((entry) => {
    if (!isOurs(entry)) return [entry];
    const at = remaining.findIndex((candidate) => candidate.isSame(entry));
    const [match] = at < 0 ? [] : remaining.splice(at, 1);
    return match === undefined ? [] : [match.build(entry)];
  });
  return [...kept, ...remaining.map((entry) => entry.build(undefined))];
}
