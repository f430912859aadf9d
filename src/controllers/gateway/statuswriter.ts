import { isDeepStrictEqual } from 'node:util';
import { keyOf, type KubeObject } from '../../kinds/object.ts';
import { isConflict, isNotFound, type KubeClient } from '../../kube/client.ts';
import { onceEach } from '../../routing/onceeach.ts';
import type { WantedStatus } from '../../routing/statuses.ts';
import type { Log } from '../../telemetry/log.ts';
import { createSettled } from '../../reconcile/settled.ts';

/** Writes the statuses that differ from what is stored. */
export interface StatusWriter {
  /** Returns false when a write failed and should be tried again with a newer view. */
  write(statuses: readonly WantedStatus[]): Promise<boolean>;
}

/** Writes under way at the same time. */
const concurrency = 8;

export function createStatusWriter(client: KubeClient, log: Log): StatusWriter {
  const settled = createSettled();
  /** The version each object had when its status was last written: until a newer one is seen, the cache is behind. */
  const writtenFrom = new Map<string, string | undefined>();

  /** Wanted statuses that say what their object says: of thousands most are the same objects as the last time. */
  const written = new WeakSet<WantedStatus>();
  const isWritten = (wanted: WantedStatus): boolean => {
    if (written.has(wanted)) return true;
    if (!isDeepStrictEqual(wanted.status, statusOf(wanted.object))) return false;
    written.add(wanted);
    return true;
  };

  const writeOne = async (wanted: WantedStatus): Promise<boolean> => {
    const { kind, object, status } = wanted;
    const key = keyOfStatus(wanted);
    const { resourceVersion } = object.metadata;
    if (writtenFrom.has(key) && writtenFrom.get(key) === resourceVersion) return true;
    writtenFrom.delete(key);
    if (settled.isSettled(key, status, statusOf(object))) return true;
    try {
      const changed: KubeObject & { status: unknown } = { ...object, status };
      const stored = await client.updateStatus<KubeObject>(kind, changed);
      settled.wrote(key, status, statusOf(stored));
      if (stored.metadata.resourceVersion !== resourceVersion) writtenFrom.set(key, resourceVersion);
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (isConflict(error)) return false;
      log.warn({ kind: kind.kind, object: keyOf(object.metadata), err: error }, 'status not written, retrying');
      return false;
    }
  };

  return {
    write: async (statuses) => {
      const pending = statuses.filter((wanted) => !isWritten(wanted));
      const results: boolean[] = [];
      const worker = async (): Promise<void> => {
        for (let next = pending.shift(); next !== undefined; next = pending.shift()) results.push(await writeOne(next));
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
      const current = new Set(statuses.map(keyOfStatus));
      for (const key of writtenFrom.keys()) if (!current.has(key)) writtenFrom.delete(key);
      settled.retain(current);
      return results.every(Boolean);
    },
  };
}

const keyOfStatus = onceEach(
  ({ kind, object: { metadata } }: WantedStatus) => `${kind.kind}/${keyOf(metadata)}/${metadata.uid ?? ''}`,
);

function statusOf(object: KubeObject & { status?: unknown }): unknown {
  return object.status;
}
