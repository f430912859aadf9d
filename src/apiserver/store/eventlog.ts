import { jsonOf, parseStored } from './encoding.ts';
import type { EventStates, StoreEvent } from './history.ts';
import type { StoredObject } from './object.ts';

/**
 * Events as the database keeps them, so that watches go on after a restart. A record holds the state *before* its event: the
 * state after it is that before the object's next event, or the object itself. So each state is stored once.
 *
 * A record is a line of JSON and, after it, the state before (MODIFIED, DELETED) and the last state (DELETED), a line each.
 */
interface Head {
  type: StoreEvent['type'];
  resource: string;
  key: string;
}

const newline = Buffer.from('\n');

export function encodeEvent({ type, resource, key, object, previous }: StoreEvent): Buffer<ArrayBuffer> {
  const head: Head = { type, resource, key };
  const parts = [Buffer.from(JSON.stringify(head))];
  if (previous !== undefined) parts.push(newline, jsonOf(previous));
  if (type === 'DELETED') parts.push(newline, jsonOf(object));
  return Buffer.concat(parts);
}

/** What a record says of the object's states. */
export function decodeStates(value: Buffer<ArrayBuffer>): EventStates {
  const [before, last] = linesOf(value).slice(1).map(parseStored);
  return { before, last };
}

/**
 * The events of records in order of revision. Those before a record that does not fit to what came after it are left out:
 * an older Headgate may have written without keeping the log.
 */
export function decodeEvents(
  records: readonly { revision: number; value: Buffer<ArrayBuffer> }[],
  current: (resource: string, key: string) => StoredObject | undefined,
): StoreEvent[] {
  const after = new Map<string, StoredObject | undefined>();
  const events: StoreEvent[] = [];
  for (const { revision, value } of records.toReversed()) {
    const [head = Buffer.alloc(0), ...states] = linesOf(value);
    // Written by encodeEvent in the same transaction as the objects.
    const { type, resource, key } = JSON.parse(head.toString()) as Head;
    const id = `${resource}\u0000${key}`;
    const [previous, last] = states.map(parseStored);
    const next = after.has(id) ? after.get(id) : current(resource, key);
    const object = type === 'DELETED' ? last : next;
    if (object?.metadata.resourceVersion !== String(revision)) break;
    after.set(id, previous);
    events.push({ revision, type, resource, key, object, previous });
  }
  return events.toReversed();
}

function linesOf(value: Buffer<ArrayBuffer>): Buffer<ArrayBuffer>[] {
  const lines: Buffer<ArrayBuffer>[] = [];
  let start = 0;
  for (let end = value.indexOf(10); end >= 0; end = value.indexOf(10, start)) {
    lines.push(value.subarray(start, end));
    start = end + 1;
  }
  return [...lines, value.subarray(start)];
}
