import { CustomResourceDefinition } from '../../kinds/apiextensions/index.ts';
import { definitionOf, isCustom } from '../../kinds/apiextensions/printed.ts';
import type { Kind } from '../../kinds/kind.ts';
import type { Log } from '../../telemetry/log.ts';
import { equalJson, objectAt, stringAt } from '../json.ts';
import type { Objects } from '../objects.ts';
import { resourceId, type Resources, type Served } from '../resources.ts';
import { ApiError } from '../status.ts';
import type { StoreEvent } from '../store/history.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { decodeBody, prepareCreate } from '../writes.ts';
import { definitionConditionIs, setDefinitionCondition } from './conditions.ts';
import { kindOf } from './definition.ts';
import { takenNames, withAcceptedNames } from './names.ts';
import { builtInLabel, cleanupFinalizer, isBuiltIn } from './strategy.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  objects: Objects;
  log: Log;
}

export interface CustomResources {
  /** Keeps a CustomResourceDefinition for every kind of Headgate's own, as it is in this release. */
  keepBuiltIn(kinds: readonly Kind[]): Promise<void>;
  stop(): void;
}

/** Stored under this name. */
export const definitionsId = resourceId(CustomResourceDefinition);

const removal = { preconditions: {}, gracePeriodSeconds: undefined, propagation: 'Background', dryRun: false } as const;

/**
 * Serves the kinds that CustomResourceDefinitions define: accepts their names, establishes them, and removes their objects
 * before they go. The established ones of the last run are served before this returns.
 */
export function startCustomResources({ store, resources, objects, log }: Dependencies): CustomResources {
  const served = resources.storageOf(definitionsId);
  if (served === undefined) return { keepBuiltIn: async () => undefined, stop: () => undefined };

  const serve = (crd: StoredObject) => {
    if (!isBuiltIn(crd)) resources.define(kindOf(crd));
  };
  for (const crd of store.list(definitionsId)) {
    if (definitionConditionIs(crd, 'Established', 'True')) serve(crd);
  }

  const writeStatus = async (crd: StoredObject, next: (newest: StoredObject) => StoredObject): Promise<void> => {
    await objects.update(served, crd.metadata, next, { dryRun: false, subresource: 'status' });
  };

  const establish = async (crd: StoredObject): Promise<void> => {
    const next = (newest: StoredObject) => withAcceptedNames(newest, takenNames(namesBeside(newest)));
    const settled = next(crd);
    // Served before the status says so: whoever waits for Established can use the kind at once.
    if (definitionConditionIs(settled, 'Established', 'True')) serve(crd);
    await writeStatus(crd, next);
  };

  /** Accepted names of the other definitions of a group, and names of the group's kinds that no definition made. */
  const namesBeside = (crd: StoredObject) => {
    const group = stringAt(crd, 'spec', 'group');
    const own = idOf(crd);
    const accepted = store
      .list(definitionsId)
      .filter((other) => other.metadata.name !== crd.metadata.name && stringAt(other, 'spec', 'group') === group)
      .map((other) => objectAt(other, 'status', 'acceptedNames') ?? {});
    const builtIn = resources.all
      .filter(({ kind, id }) => kind.group === group && kind.builtin && (id !== own || !isBuiltIn(crd)))
      .map(({ kind }) => ({ ...kind, listKind: `${kind.kind}List` }));
    return [...accepted, ...builtIn];
  };

  /** Deletes what is left of a definition's objects; when nothing is, lets the definition go. */
  const cleanUp = async (crd: StoredObject): Promise<void> => {
    const kind = resources.storageOf(idOf(crd));
    const instances = kind === undefined ? [] : store.list(kind.id);
    if (kind !== undefined && instances.length > 0) {
      const untouched = instances.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      await Promise.all(untouched.map(async (one) => ignoreRefusal(objects.remove(kind, one.metadata, removal))));
      return;
    }
    await ignoreRefusal(writeStatus(crd, instancesGone));
    await ignoreRefusal(objects.update(served, crd.metadata, withoutCleanupFinalizer, { dryRun: false }));
  };

  const settle = async (crd: StoredObject): Promise<void> => {
    if (crd.metadata.deletionTimestamp === undefined) await ignoreRefusal(establish(crd));
    else if (crd.metadata.finalizers?.includes(cleanupFinalizer)) await cleanUp(crd);
  };

  const onDefinition = async (event: Pick<StoreEvent, 'type' | 'object'>): Promise<void> => {
    if (event.type !== 'DELETED') {
      await settle(event.object);
      return;
    }
    // Its names are free: definitions that wanted them may have them now.
    const group = stringAt(event.object, 'spec', 'group');
    const waiting = store.list(definitionsId).filter((crd) => stringAt(crd, 'spec', 'group') === group);
    await Promise.all(waiting.map(settle));
  };

  const run = (work: Promise<void>, name: string) => {
    work.catch((error: unknown) => {
      log.error({ error, definition: name }, 'custom resource definition failed');
    });
  };
  const onEvent = (event: StoreEvent) => {
    if (event.resource === definitionsId) {
      if (event.type === 'DELETED' && !isBuiltIn(event.object)) resources.remove(idOf(event.object));
      run(onDefinition(event), event.object.metadata.name);
    } else if (event.type === 'DELETED') {
      const [group = '', plural = ''] = event.resource.split('/');
      const crd = store.get(definitionsId, `${plural}.${group}`);
      if (crd?.metadata.deletionTimestamp !== undefined) run(settle(crd), crd.metadata.name);
    }
  };
  for (const crd of store.list(definitionsId)) run(settle(crd), crd.metadata.name);
  const unsubscribe = store.history.subscribe(onEvent);

  return {
    stop: unsubscribe,
    async keepBuiltIn(kinds) {
      await Promise.all(kinds.filter(isCustom).map(async (kind) => keepDefinition(store, served, kind)));
    },
  };
}

/** Writes a kind's definition past the rules for users, who may not change it. */
async function keepDefinition(store: Store, served: Served, kind: Kind): Promise<void> {
  const printed = definitionOf(kind);
  const body = { ...printed, metadata: { ...printed.metadata } };
  const { object: wanted } = decodeBody(served, body, 'Strict');
  const labels = { ...wanted.metadata.labels, [builtInLabel]: 'true' };
  await store.write(definitionsId, wanted.metadata.name, (newest) => {
    if (newest === undefined || newest.metadata.deletionTimestamp !== undefined) {
      const created = prepareCreate(served, wanted, undefined);
      return { action: 'put', object: { ...created, metadata: { ...created.metadata, labels } } };
    }
    if (isBuiltIn(newest) && equalJson(newest['spec'], wanted['spec'])) return { action: 'keep', object: newest };
    const metadata = {
      ...newest.metadata,
      labels: { ...newest.metadata.labels, ...labels },
      annotations: { ...newest.metadata.annotations, ...wanted.metadata.annotations },
      generation: (newest.metadata.generation ?? 0) + 1,
    };
    return { action: 'put', object: { ...newest, spec: wanted['spec'], metadata } };
  });
}

function idOf(crd: StoredObject): string {
  return `${stringAt(crd, 'spec', 'group') ?? ''}/${stringAt(crd, 'spec', 'names', 'plural') ?? ''}`;
}

function instancesGone(crd: StoredObject): StoredObject {
  return setDefinitionCondition(crd, {
    type: 'Terminating',
    status: 'False',
    reason: 'InstanceDeletionCompleted',
    message: 'removed all instances',
  });
}

function withoutCleanupFinalizer(crd: StoredObject): StoredObject {
  const finalizers = (crd.metadata.finalizers ?? []).filter((finalizer) => finalizer !== cleanupFinalizer);
  return { ...crd, metadata: { ...crd.metadata, finalizers } };
}

/** The definition or object changed or went meanwhile: the event of that change decides anew. */
async function ignoreRefusal(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
