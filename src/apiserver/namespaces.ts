import type { Log } from '../telemetry/log.ts';
import { createNamespaceObjects } from './bootstrap.ts';
import { listAt, objectAt, stringAt } from './json.ts';
import { latestOnly } from './latestonly.ts';
import type { Objects } from './objects.ts';
import type { Resources } from './resources.ts';
import { ApiError } from './status.ts';
import type { StoreEvent } from './store/history.ts';
import type { StoredObject } from './store/object.ts';
import type { Store } from './store/store.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  objects: Objects;
  caCertificate: string;
  log: Log;
}

/**
 * Gives new namespaces their default ServiceAccount and carries out the deletion of namespaces: first everything in them, then
 * themselves. Returns the function that stops it.
 */
export function startNamespaceLifecycle(dependencies: Dependencies): () => void {
  const { store, resources, objects, log } = dependencies;
  const namespaces = resources.find('', 'v1', 'namespaces');
  if (namespaces === undefined) return () => undefined;
  /** What a namespace can hold; users add kinds while the server runs. */
  const contents = () => {
    const ids = new Set(resources.all.filter(({ kind }) => kind.namespaced).map(({ id }) => id));
    return [...ids].flatMap((id) => resources.storageOf(id) ?? []);
  };
  const options = {
    preconditions: {},
    gracePeriodSeconds: undefined,
    propagation: 'Background',
    dryRun: false,
  } as const;

  const empty = latestOnly(String, async (name: string): Promise<void> => {
    const inside = contents().flatMap((served) => store.list(served.id, name).map((object) => ({ served, object })));
    const waiting = inside.filter(({ object }) => object.metadata.deletionTimestamp === undefined);
    await Promise.all(
      waiting.map(({ served, object }) => ignoreRefusal(objects.remove(served, object.metadata, options))),
    );
    if (contents().some((served) => store.list(served.id, name).length > 0)) return;
    const ref = { name };
    await ignoreRefusal(objects.update(namespaces, ref, withoutFinalizer, { dryRun: false }));
    await ignoreRefusal(objects.remove(namespaces, ref, options));
  });

  const run = (work: Promise<void>, namespace: string) => {
    work.catch((error: unknown) => {
      log.error({ error, namespace }, 'namespace lifecycle failed');
    });
  };
  const onEvent = (event: StoreEvent) => {
    const { metadata } = event.object;
    if (event.resource === namespaces.id) {
      if (event.type === 'ADDED') run(createNamespaceObjects(dependencies, metadata.name), metadata.name);
      if (event.type === 'MODIFIED' && isTerminating(event.object)) run(empty(metadata.name), metadata.name);
    } else if (event.type === 'DELETED' && metadata.namespace !== undefined) {
      // The last object out lets its namespace go.
      const home = store.get(namespaces.id, metadata.namespace);
      if (home !== undefined && isTerminating(home)) run(empty(metadata.namespace), metadata.namespace);
    }
  };
  for (const namespace of store.list(namespaces.id)) {
    if (isTerminating(namespace)) run(empty(namespace.metadata.name), namespace.metadata.name);
  }
  return store.history.subscribe(onEvent);
}

function isTerminating(namespace: StoredObject): boolean {
  return stringAt(namespace, 'status', 'phase') === 'Terminating';
}

function withoutFinalizer(namespace: StoredObject): StoredObject {
  const finalizers = listAt(namespace, 'spec', 'finalizers').filter((finalizer) => finalizer !== 'kubernetes');
  return { ...namespace, spec: { ...objectAt(namespace, 'spec'), finalizers } };
}

/** Somebody else may have been faster, or the object may wait for a finalizer: the next event brings us back. */
async function ignoreRefusal(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
