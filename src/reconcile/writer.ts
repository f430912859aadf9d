import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../kinds/kind.ts';
import { keyOf, type KubeObject } from '../kinds/object.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';
import type { OwnWrites } from '../kube/ownwrites.ts';
import { isApplied } from './appliedfields.ts';
import { asOnTheWire, bodyOf, contentOf, hasMetadata, type Removal, type WriteMode } from './children.ts';
import type { Settled } from './settled.ts';

/** Writes what a plan wants, and only what differs from what is there (children.ts says how, by mode). */
export interface Writer {
  readonly client: KubeClient;
  readonly writes: OwnWrites;
  /** Field manager of what is applied. */
  readonly manager: string;
  /** Takes fields over from other managers. */
  readonly force: boolean;
}

export async function writeChild(
  writer: Writer,
  settled: Settled,
  kind: Kind,
  wanted: KubeObject,
  mode: WriteMode,
): Promise<KubeObject | undefined> {
  const stored = writer.writes.get(kind, wanted.metadata);
  switch (mode) {
    case 'apply':
      return applyChild(writer, settled, kind, wanted, stored);
    case 'update':
      return stored === undefined
        ? createChild(writer, settled, kind, wanted)
        : updateChild(writer, settled, kind, wanted, stored);
    case 'create':
      return stored === undefined ? createOnce(writer, settled, kind, wanted) : undefined;
  }
}

const keyIn = (kind: Kind, object: KubeObject): string => `${kind.group}/${kind.kind}/${keyOf(object.metadata)}`;

async function applyChild(
  { client, writes, manager, force }: Writer,
  settled: Settled,
  kind: Kind,
  wanted: KubeObject,
  stored: KubeObject | undefined,
): Promise<KubeObject | undefined> {
  const key = keyIn(kind, wanted);
  if (stored === undefined) settled.forget(key);
  else if (hasMetadata(stored, wanted, manager)) {
    const body = bodyOf(wanted);
    if (settled.isSettled(key, body, bodyOf(stored)) || isApplied(stored, body, manager)) return undefined;
  }
  const result = await writes.write(kind, wanted.metadata, () =>
    client.patch(kind, wanted.metadata, { type: 'apply', body: wanted, fieldManager: manager, force }),
  );
  settled.wrote(key, bodyOf(wanted), bodyOf(result));
  return result;
}

async function createChild(
  { client, writes }: Writer,
  settled: Settled,
  kind: Kind,
  wanted: KubeObject,
): Promise<KubeObject> {
  const result = await writes.write(kind, wanted.metadata, () => client.create(kind, wanted));
  settled.wrote(keyIn(kind, wanted), contentOf(wanted), contentOf(result));
  return result;
}

async function createOnce(
  writer: Writer,
  settled: Settled,
  kind: Kind,
  wanted: KubeObject,
): Promise<KubeObject | undefined> {
  try {
    return await createChild(writer, settled, kind, wanted);
  } catch (error) {
    // Created a moment ago, and the cache does not know yet.
    if (!isConflict(error)) throw error;
    return undefined;
  }
}

async function updateChild(
  { client, writes }: Writer,
  settled: Settled,
  kind: Kind,
  wanted: KubeObject,
  stored: KubeObject,
): Promise<KubeObject | undefined> {
  const key = keyIn(kind, wanted);
  if (settled.isSettled(key, contentOf(wanted), contentOf(stored))) return undefined;
  const { labels: _labels, annotations: _annotations, ownerReferences: _owners, ...metadata } = stored.metadata;
  const { labels, annotations, ownerReferences, resourceVersion = metadata.resourceVersion } = wanted.metadata;
  const changed = asOnTheWire({
    ...stored,
    ...bodyOf(wanted),
    metadata: { ...metadata, labels, annotations, ownerReferences, resourceVersion },
  } as KubeObject);
  if (isDeepStrictEqual(contentOf(changed), contentOf(stored))) return undefined;
  const result = await writes.write(kind, wanted.metadata, () => client.update(kind, changed));
  settled.wrote(key, contentOf(wanted), contentOf(result));
  return result;
}

/** Of the object that the cache has, and of no other that takes its name. */
export async function removeChild(
  { client, writes }: Writer,
  { kind, ref, propagationPolicy }: Removal,
): Promise<void> {
  const stored = writes.get(kind, ref);
  if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) return;
  const { uid } = stored.metadata;
  await writes.write(kind, ref, async () => {
    await client.delete(kind, ref, {
      ...(uid === undefined ? {} : { uid }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    });
    return undefined;
  });
}

export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  { client, writes }: Pick<Writer, 'client' | 'writes'>,
  settled: Settled,
  kind: Kind<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<void> {
  const key = keyOf(object.metadata);
  const wanted: unknown = asOnTheWire(status);
  if (settled.isSettled(key, wanted, object.status ?? {})) return;
  const result = await writes.write(kind, object.metadata, () => client.updateStatus(kind, { ...object, status }));
  if (isDeepStrictEqual(wanted, result.status)) settled.forget(key);
  else settled.wrote(key, wanted, result.status);
}
