import { keyOf } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import { latestOnly } from './latestonly.ts';
import type { Objects } from './objects.ts';
import type { Resources, Served } from './resources.ts';
import { ApiError } from './status.ts';
import type { StoreEvent } from './store/history.ts';
import type { StoredObject } from './store/object.ts';
import type { Store } from './store/store.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  objects: Objects;
  log: Log;
}

interface Dependent {
  id: string;
  key: string;
}

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

/**
 * Deletes objects whose owners are all gone, and carries out foreground and orphan deletion (the garbage collector of
 * kube-controller-manager). Returns the function that stops it.
 */
export function startGarbageCollector({ store, resources, objects, log }: Dependencies): () => void {
  const dependents = new Map<string, Map<string, Dependent>>();

  const file = (event: Pick<StoreEvent, 'type' | 'resource' | 'object' | 'previous'>) => {
    const key = keyOf(event.object.metadata);
    const id = `${event.resource}\u0000${key}`;
    for (const { uid } of event.previous?.metadata.ownerReferences ?? []) dependents.get(uid)?.delete(id);
    if (event.type === 'DELETED') return;
    for (const { uid } of event.object.metadata.ownerReferences ?? []) {
      const owned = dependents.get(uid) ?? new Map<string, Dependent>();
      owned.set(id, { id: event.resource, key });
      dependents.set(uid, owned);
    }
  };

  const dependentsOf = (uid: string | undefined): { served: Served; object: StoredObject }[] =>
    [...(dependents.get(uid ?? '')?.values() ?? [])].flatMap(({ id, key }) => {
      const served = resources.storageOf(id);
      const object = store.get(id, key);
      return served === undefined || object === undefined ? [] : [{ served, object }];
    });

  const ownerExists = (object: StoredObject, uid: string): boolean => {
    const reference = object.metadata.ownerReferences?.find((one) => one.uid === uid);
    if (reference === undefined) return false;
    const owner = resources.ofObject(reference.apiVersion, reference.kind);
    // Owners of kinds that are not served here cannot be judged.
    if (owner === undefined) return true;
    const namespace = owner.kind.namespaced ? object.metadata.namespace : undefined;
    return store.get(owner.id, keyOf({ namespace, name: reference.name }))?.metadata.uid === uid;
  };

  /** Deletes an object whose owners are all gone; while one lives, the object forgets those that are gone. */
  const collect = async (served: Served, object: StoredObject): Promise<void> => {
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return;
    const dead = new Set(owners.filter(({ uid }) => !ownerExists(object, uid)).map(({ uid }) => uid));
    if (dead.size === 0) return;
    if (owners.some(({ uid }) => !dead.has(uid))) {
      const change = (current: StoredObject) => withoutOwners(current, dead);
      await ignoreRefusal(objects.update(served, object.metadata, change, { dryRun: false }));
      return;
    }
    const preconditions = { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion };
    await ignoreRefusal(
      objects.remove(served, object.metadata, {
        preconditions,
        gracePeriodSeconds: undefined,
        propagation: 'Background',
        dryRun: false,
      }),
    );
  };

  /** Dependents first; the owner's finalizer falls when none that blocks it is left. */
  const deleteForeground = latestOnly(uidOf, async (served: Served, owner: StoredObject): Promise<void> => {
    const owned = dependentsOf(owner.metadata.uid);
    const options = {
      preconditions: {},
      gracePeriodSeconds: undefined,
      propagation: 'Foreground',
      dryRun: false,
    } as const;
    const alive = owned.filter(({ object }) => object.metadata.deletionTimestamp === undefined);
    await Promise.all(
      alive.map(async ({ served: kind, object }) => ignoreRefusal(objects.remove(kind, object.metadata, options))),
    );
    const blocks = ({ object }: { object: StoredObject }) =>
      object.metadata.ownerReferences?.some((one) => one.uid === owner.metadata.uid && one.blockOwnerDeletion === true);
    if (!dependentsOf(owner.metadata.uid).some(blocks)) await dropFinalizer(served, owner, foreground);
  });

  const deleteOrphaning = async (served: Served, owner: StoredObject): Promise<void> => {
    for (const { served: kind, object } of dependentsOf(owner.metadata.uid)) {
      const change = (current: StoredObject) => withoutOwners(current, new Set([owner.metadata.uid ?? '']));
      await ignoreRefusal(objects.update(kind, object.metadata, change, { dryRun: false }));
    }
    await dropFinalizer(served, owner, orphan);
  };

  const dropFinalizer = async (served: Served, owner: StoredObject, finalizer: string): Promise<void> => {
    const without = (current: StoredObject): StoredObject => {
      const finalizers = (current.metadata.finalizers ?? []).filter((one) => one !== finalizer);
      return { ...current, metadata: { ...current.metadata, finalizers } };
    };
    await ignoreRefusal(objects.update(served, owner.metadata, without, { dryRun: false }));
  };

  const settle = async (served: Served, object: StoredObject): Promise<void> => {
    const { deletionTimestamp, finalizers } = object.metadata;
    if (deletionTimestamp === undefined) await collect(served, object);
    else if (finalizers?.includes(foreground)) await deleteForeground(served, object);
    else if (finalizers?.includes(orphan)) await deleteOrphaning(served, object);
  };

  const react = async (event: Pick<StoreEvent, 'type' | 'resource' | 'object'>): Promise<void> => {
    const served = resources.storageOf(event.resource);
    if (served === undefined) return;
    if (event.type !== 'DELETED') {
      await settle(served, event.object);
      return;
    }
    for (const owned of dependentsOf(event.object.metadata.uid)) await collect(owned.served, owned.object);
    dependents.delete(event.object.metadata.uid ?? '');
    // An owner that is deleted in the foreground may have waited for this object.
    for (const reference of event.object.metadata.ownerReferences ?? []) {
      const ownerKind = resources.ofObject(reference.apiVersion, reference.kind);
      const namespace = ownerKind?.kind.namespaced ? event.object.metadata.namespace : undefined;
      const owner = ownerKind && store.get(ownerKind.id, keyOf({ namespace, name: reference.name }));
      if (ownerKind !== undefined && owner?.metadata.finalizers?.includes(foreground)) await settle(ownerKind, owner);
    }
  };

  const concernsUs = ({ type, object }: Pick<StoreEvent, 'type' | 'object'>) =>
    type === 'DELETED' ||
    object.metadata.deletionTimestamp !== undefined ||
    object.metadata.ownerReferences !== undefined;
  const onEvent = (event: Pick<StoreEvent, 'type' | 'resource' | 'object' | 'previous'>) => {
    file(event);
    if (!concernsUs(event)) return;
    react(event).catch((error: unknown) => {
      log.error({ error, resource: event.resource, object: keyOf(event.object.metadata) }, 'garbage collection failed');
    });
  };

  const existing = resources.all.flatMap((served) =>
    served.version.name === served.kind.storageVersion && served.kind.storedAs === undefined
      ? store
          .list(served.id)
          .map((object) => ({ type: 'ADDED' as const, resource: served.id, object, previous: undefined }))
      : [],
  );
  for (const event of existing) onEvent(event);
  return store.history.subscribe(onEvent);
}

const uidOf = (_served: Served, { metadata }: StoredObject): string => metadata.uid ?? '';

function withoutOwners(object: StoredObject, uids: ReadonlySet<string>): StoredObject {
  const { ownerReferences = [], ...metadata } = object.metadata;
  const left = ownerReferences.filter(({ uid }) => !uids.has(uid));
  return { ...object, metadata: { ...metadata, ...(left.length > 0 && { ownerReferences: left }) } };
}

/** The object changed or went meanwhile: the event of that change decides anew. */
async function ignoreRefusal(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
