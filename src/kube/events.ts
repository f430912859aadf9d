import { randomBytes } from 'node:crypto';
import { Event } from '../kinds/core/event.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import type { KubeClient } from './client.ts';
import { timestamp } from '../kinds/timestamp.ts';

export interface EventRecorder {
  /**
   * Writes a core/v1 Event about an object, in the background; the same event again counts up the first one. Recording is
   * best effort: a failure is logged and never reaches the caller.
   */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** How many distinct events are remembered for counting, and how many may wait to be written. */
const remembered = 1024;
const maxPending = 256;

interface Recorded {
  name: string;
  namespace: string;
  count: number;
}

export function createEventRecorder(client: KubeClient, component: string, log: Log): EventRecorder {
  const recorded = new Map<string, Recorded>();
  let pending = 0;
  let last: Promise<void> = Promise.resolve();

  const write = async (object: KubeObject, type: string, reason: string, message: string): Promise<void> => {
    const key = [object.metadata.uid, type, reason, message].join('\0');
    const now = timestamp();
    const known = recorded.get(key);
    if (known !== undefined) {
      known.count += 1;
      await client.patch(Event, known, { type: 'merge', body: { count: known.count, lastTimestamp: now } });
      return;
    }
    const namespace = object.metadata.namespace ?? 'default';
    const name = `${object.metadata.name}.${randomBytes(8).toString('hex')}`;
    const { apiVersion, kind, metadata } = object;
    await client.create(Event, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
        ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
      },
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component },
      reportingComponent: component,
      reportingInstance: component,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
    recorded.set(key, { name, namespace, count: 1 });
    const [oldest] = recorded.keys();
    if (recorded.size > remembered && oldest !== undefined) recorded.delete(oldest);
  };

  return {
    event: (object, type, reason, message) => {
      if (pending >= maxPending) {
        log.warn({ reason, object: object.metadata.name }, 'event dropped, too many are waiting to be written');
        return;
      }
      pending += 1;
      last = last
        .then(async () => {
          await write(object, type, reason, message);
        })
        .catch((error: unknown) => {
          log.debug({ reason, err: error }, 'event not written');
        })
        .finally(() => {
          pending -= 1;
        });
    },
  };
}
