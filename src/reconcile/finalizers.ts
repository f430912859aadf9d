import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import type { OwnWrites } from '../kube/ownwrites.ts';

/** Keeps an object until what was done for it outside of its children is undone. */
export interface Finalizer<T extends KubeObject, Reader = unknown> {
  readonly name: string;
  /** What has to be done before the object may go, if anything; throwing repeats it with back-off. */
  cleanUp?(object: T, read: Reader): Promise<void>;
}

interface Api {
  readonly client: KubeClient;
  readonly writes: OwnWrites;
}

/** The object with its finalizer. */
export async function withFinalizer<T extends KubeObject>(
  { client, writes }: Api,
  { kind, finalizer }: { readonly kind: Kind<T>; readonly finalizer?: Finalizer<T, never> },
  object: T,
): Promise<T> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (finalizer === undefined || finalizers.includes(finalizer.name)) return object;
  // With the resourceVersion, so that nobody else's finalizer is lost.
  const body = { metadata: { finalizers: [...finalizers, finalizer.name], resourceVersion } };
  return writes.write(kind, object.metadata, () => client.patch(kind, object.metadata, { type: 'merge', body }));
}

/** Cleans up after an object that is being deleted, and lets it go. */
export async function finalize<T extends KubeObject, Reader>(
  { client, writes }: Api,
  { kind, finalizer }: { readonly kind: Kind<T>; readonly finalizer?: Finalizer<T, Reader> },
  object: T,
  read: Reader,
): Promise<void> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (finalizer === undefined || !finalizers.includes(finalizer.name)) return;
  await finalizer.cleanUp?.(object, read);
  const body = { metadata: { finalizers: finalizers.filter((name) => name !== finalizer.name), resourceVersion } };
  await writes.write(kind, object.metadata, () => client.patch(kind, object.metadata, { type: 'merge', body }));
}
