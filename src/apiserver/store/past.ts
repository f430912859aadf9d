import { keyOf } from '../../kinds/object.ts';
import type { StoreEvent } from './history.ts';
import type { StoredObject } from './object.ts';

/** `current`, a list in key order, as it was before `events` happened. */
export function listAsOf(
  current: readonly StoredObject[],
  events: readonly StoreEvent[],
  resource: string,
  namespace: string | undefined,
): readonly StoredObject[] {
  const before = new Map<string, StoredObject | undefined>();
  for (const event of events.toReversed()) {
    if (event.resource !== resource) continue;
    if (namespace !== undefined && !event.key.startsWith(`${namespace}/`)) continue;
    before.set(event.key, event.previous);
  }
  if (before.size === 0) return current;
  const untouched = current.filter((object) => !before.has(keyOf(object.metadata)));
  const restored = [...before.values()].filter((object) => object !== undefined);
  return [...untouched, ...restored].toSorted((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1));
}
