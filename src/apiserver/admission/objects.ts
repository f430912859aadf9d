import { setTimeout as delay } from 'node:timers/promises';
import { keyOf } from '../../kinds/object.ts';
import type { Objects } from '../objects.ts';
import { warn, type ApiRequest } from '../request.ts';
import { conflict, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import type { Admission, AdmissionPlugin, Target } from './plugin.ts';

/** How often an update starts anew because the object changed while plugins decided about it. */
const maxAttempts = 8;

/** The object changed while plugins decided. */
class Stale extends Error {}

/**
 * The writes of one user's request: those of `objects`, each of which passes admission first. Plugins may take their time, so an
 * update is decided on a state of the object and applied to that state only.
 */
export function admittedObjects(
  objects: Objects,
  store: Store,
  plugins: readonly AdmissionPlugin[],
  request: Pick<ApiRequest, 'user' | 'response' | 'resource'>,
): Objects {
  const origin = {
    user: request.user,
    urlName: request.resource?.name ?? '',
    warn: (text: string) => {
      warn(request, text);
    },
  };
  const concerned = (target: Target) => plugins.filter((plugin) => plugin.handles(target));

  return {
    ...objects,

    async create(served, decoded, namespace, options) {
      const target: Target = { operation: 'CREATE', served, subresource: undefined };
      const own = concerned(target);
      if (own.length === 0) return objects.create(served, decoded, namespace, options);
      const { name } = decoded.metadata;
      const { dryRun } = options;
      const admission: Admission = {
        ...target,
        ...origin,
        name,
        namespace,
        dryRun,
        object: decoded,
        oldObject: undefined,
      };
      const object = await mutate(own, admission, decoded);
      if (own.some((plugin) => plugin.validate !== undefined)) {
        const preview = await objects.create(served, object, namespace, { ...options, dryRun: true });
        await validate(own, { ...admission, object: served.fromStorage(preview) });
        if (dryRun) return preview;
      }
      return objects.create(served, object, namespace, options);
    },

    async update(served, ref, change, options) {
      const target: Target = {
        operation: 'UPDATE',
        served,
        subresource: request.resource?.subresource ?? options.subresource,
      };
      const own = concerned(target);
      if (own.length === 0) return objects.update(served, ref, change, options);
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const stored = store.get(served.id, keyOf(ref));
        if (stored === undefined) throw notFound(served.kind, ref.name);
        const oldObject = served.fromStorage(stored);
        const decoded = change(oldObject);
        const { name, namespace } = oldObject.metadata;
        const admission: Admission = {
          ...target,
          ...origin,
          name,
          namespace,
          dryRun: options.dryRun,
          object: decoded,
          oldObject,
        };
        const object = await mutate(own, admission, decoded);
        const apply = (current: StoredObject): StoredObject => {
          if (current.metadata.resourceVersion !== stored.metadata.resourceVersion) throw new Stale();
          return object;
        };
        try {
          const preview = await objects.update(served, ref, apply, { ...options, dryRun: true });
          await validate(own, { ...admission, object: served.fromStorage(preview) });
          return options.dryRun ? preview : await objects.update(served, ref, apply, options);
        } catch (error) {
          if (!(error instanceof Stale)) throw error;
          // A write may be on its way to disk: what it makes is visible soon.
          await delay(5 * (attempt + 1));
        }
      }
      throw conflict(served.kind, ref.name);
    },

    async apply(served, ref, configuration, options) {
      const subresource = request.resource?.subresource ?? options.subresource;
      const targets = (['CREATE', 'UPDATE'] as const).map((operation) => ({ operation, served, subresource }));
      if (targets.every((target) => concerned(target).length === 0)) {
        return objects.apply(served, ref, configuration, options);
      }
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const { applied, newest } = await merged(objects, served, ref, configuration, options);
        const target: Target = { operation: newest === undefined ? 'CREATE' : 'UPDATE', served, subresource };
        const own = concerned(target);
        const admission: Admission = {
          ...target,
          ...origin,
          name: ref.name,
          namespace: ref.namespace,
          dryRun: options.dryRun,
          object: applied,
          oldObject: newest && served.fromStorage(newest),
        };
        const object = await mutate(own, admission, applied);
        const amend = (_applied: StoredObject, current: StoredObject | undefined): StoredObject => {
          if (current?.metadata.resourceVersion !== newest?.metadata.resourceVersion) throw new Stale();
          return object;
        };
        try {
          const preview = await objects.apply(served, ref, configuration, { ...options, amend, dryRun: true });
          await validate(own, { ...admission, object: served.fromStorage(preview.object) });
          return options.dryRun ? preview : await objects.apply(served, ref, configuration, { ...options, amend });
        } catch (error) {
          if (!(error instanceof Stale)) throw error;
          await delay(5 * (attempt + 1));
        }
      }
      throw conflict(served.kind, ref.name);
    },

    async remove(served, ref, options) {
      const target: Target = { operation: 'DELETE', served, subresource: undefined };
      const own = concerned(target);
      const stored = store.get(served.id, keyOf(ref));
      if (own.length > 0 && stored !== undefined) {
        const { name, namespace } = stored.metadata;
        const oldObject = served.fromStorage(stored);
        await validate(own, {
          ...target,
          ...origin,
          name,
          namespace,
          dryRun: options.dryRun,
          object: undefined,
          oldObject,
        });
      }
      return objects.remove(served, ref, options);
    },
  };
}

/** Ends an apply once its configuration is merged, with what came of it. */
class Merged extends Error {
  readonly applied: StoredObject;
  readonly newest: StoredObject | undefined;
  constructor(applied: StoredObject, newest: StoredObject | undefined) {
    super('merged');
    this.applied = applied;
    this.newest = newest;
  }
}

async function merged(objects: Objects, ...[served, ref, configuration, options]: Parameters<Objects['apply']>) {
  const amend = (applied: StoredObject, newest: StoredObject | undefined): never => {
    throw new Merged(applied, newest);
  };
  try {
    await objects.apply(served, ref, configuration, { ...options, dryRun: true, amend });
  } catch (error) {
    if (error instanceof Merged) return error;
    throw error;
  }
  throw new Error('an apply ended before its configuration was merged');
}

async function mutate(
  plugins: readonly AdmissionPlugin[],
  admission: Admission,
  decoded: StoredObject,
): Promise<StoredObject> {
  let object = decoded;
  for (const plugin of plugins) object = (await plugin.mutate?.({ ...admission, object }, object)) ?? object;
  return object;
}

async function validate(plugins: readonly AdmissionPlugin[], admission: Admission): Promise<void> {
  for (const plugin of plugins) await plugin.validate?.(admission);
}
