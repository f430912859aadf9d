import { keyOf, type ObjectRef } from '../kinds/object.ts';
import { createFieldManagement, isUnchanged } from './apply/fieldmanagement.ts';
import { allocateAddress, type ServiceAddresses } from './builtin/services.ts';
import { strategyOf } from './builtin/strategies.ts';
import { equalJson, objectAt, stringAt } from './json.ts';
import type { Resources, Served } from './resources.ts';
import { ApiError, alreadyExists, badRequest, conflict, forbidden, notFound } from './status.ts';
import type { StoredObject } from './store/object.ts';
import type { Decision, Store } from './store/store.ts';
import {
  checkPreconditions,
  decodeBody,
  gracePeriodOf,
  isReleased,
  prepareCreate,
  prepareUpdate,
  type DeleteOptions,
} from './writes.ts';
import { timestamp } from '../kinds/timestamp.ts';

/**
 * The writes of the API on single objects: each decides on the newest accepted state in one synchronous step, so nothing can
 * come between its checks and its effect.
 */
export interface Objects {
  create(
    served: Served,
    decoded: StoredObject,
    namespace: string | undefined,
    options: WriteOptions,
  ): Promise<StoredObject>;
  /** `change` makes the new state, as decoded at the request's version, of the newest one at that version. */
  update(
    served: Served,
    ref: ObjectRef,
    change: (current: StoredObject) => StoredObject,
    options: UpdateOptions,
  ): Promise<StoredObject>;
  /** Server-side apply: creates the object where there is none. Resolves with its state and whether it is new. */
  apply(
    served: Served,
    ref: ObjectRef,
    configuration: unknown,
    options: ApplyOptions,
  ): Promise<{ object: StoredObject; created: boolean }>;
  /** Resolves with the object's last state, and whether it is gone or waits for finalizers or its node. */
  remove(
    served: Served,
    ref: ObjectRef,
    options: DeleteOptions & WriteOptions,
  ): Promise<{ object: StoredObject; gone: boolean }>;
}

export interface WriteOptions {
  dryRun: boolean;
  /** Who owns the fields that the write sets (metadata.managedFields); by default Headgate itself. */
  manager?: string;
}

export interface UpdateOptions extends WriteOptions {
  /** What the write goes through: through `status` only the status changes. */
  subresource?: 'status' | 'scale' | undefined;
}

export interface ApplyOptions extends UpdateOptions {
  manager: string;
  /** Take fields that other managers own rather than fail with a conflict. */
  force: boolean;
  /** Throws when the object may not be created by this. */
  beforeCreate: () => void;
  /** Has the last word about what is stored in the place of `newest`; both at the version of the request and of the store. */
  amend?: (applied: StoredObject, newest: StoredObject | undefined) => StoredObject;
}

const asItIs = (applied: StoredObject) => applied;

const headgate = 'headgate';

interface Dependencies {
  store: Store;
  resources: Resources;
  serviceAddresses: ServiceAddresses | undefined;
}

/** Ends a dry run inside `decide` with the state it would have stored. */
class DryRun extends Error {
  readonly object: StoredObject;
  constructor(object: StoredObject) {
    super('dry run');
    this.object = object;
  }
}

export function createObjects({ store, resources, serviceAddresses }: Dependencies): Objects {
  const namespaces = resources.find('', 'v1', 'namespaces');
  const fields = createFieldManagement(resources);

  const requireNamespace = (served: Served, namespace: string | undefined, name: string) => {
    if (namespace === undefined || namespaces === undefined) return;
    const found = store.get(namespaces.id, namespace);
    if (found === undefined) throw notFound(namespaces.kind, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const message = `namespace ${namespace} is being terminated`;
    throw forbidden(served.kind, name, why, [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]);
  };

  /** The objects of a definition that is on its way out are being deleted: none may come after. */
  const requireDefined = ({ kind }: Served) => {
    if (kind.userDefined !== true) return;
    const crd = store.get('apiextensions.k8s.io/customresourcedefinitions', `${kind.plural}.${kind.group}`);
    if (crd !== undefined && crd.metadata.deletionTimestamp === undefined) return;
    const message = 'create not allowed while custom resource definition is terminating';
    throw new ApiError(405, 'MethodNotAllowed', message);
  };

  const write = async (
    id: string,
    key: string,
    dryRun: boolean,
    decide: (newest: StoredObject | undefined) => Decision,
  ) => {
    if (!dryRun) return store.write(id, key, decide);
    try {
      return await store.write(id, key, (newest) => {
        throw new DryRun(decide(newest).object);
      });
    } catch (error) {
      if (error instanceof DryRun) return error.object;
      throw error;
    }
  };

  /** Runs a write that may create a Service: the address it is given goes back when the write fails. */
  const allocating = async <T>(
    served: Served,
    dryRun: boolean,
    run: (insert: (object: StoredObject) => Decision) => Promise<T>,
  ): Promise<T> => {
    let address: string | undefined;
    try {
      return await run((object) => {
        if (served.id !== '/services' || serviceAddresses === undefined || dryRun) return { action: 'put', object };
        const allocated = allocateAddress(object, serviceAddresses);
        address = allocated?.address;
        return { action: 'put', object: allocated?.service ?? object };
      });
    } catch (error) {
      if (address !== undefined) serviceAddresses?.release(address);
      throw error;
    }
  };

  const replacement = (next: StoredObject, newest: StoredObject): Decision => {
    if (isReleased(next)) return { action: 'remove', object: next };
    return isUnchanged(next, newest) ? { action: 'keep', object: newest } : { action: 'put', object: next };
  };

  return {
    async create(served, decoded, namespace, { dryRun, manager = headgate }) {
      requireDefined(served);
      requireNamespace(served, namespace, decoded.metadata.name);
      const object = prepareCreate(served, served.toStorage(decoded), namespace);
      const { name } = object.metadata;
      return allocating(served, dryRun, (insert) =>
        write(served.id, keyOf(object.metadata), dryRun, (newest) => {
          if (newest !== undefined) throw alreadyExists(served.kind, name);
          const writer = { manager, subresource: undefined };
          return insert(fields.created(served, object, decoded.metadata.managedFields, writer));
        }),
      );
    },

    async update(served, ref, change, { dryRun, subresource, manager = headgate }) {
      return write(served.id, keyOf(ref), dryRun, (newest) => {
        if (newest === undefined) throw notFound(served.kind, ref.name);
        const changed = served.toStorage(change(served.fromStorage(newest)));
        const next = prepareUpdate(served, changed, newest, subresource);
        const writer = { manager, subresource };
        return replacement(fields.updated(served, newest, next, changed.metadata.managedFields, writer), newest);
      });
    },

    async apply(served, ref, configuration, { dryRun, subresource, manager, force, beforeCreate, amend = asItIs }) {
      let created = false;
      const options = { manager, subresource, force };
      const object = await allocating(served, dryRun, (insert) =>
        write(served.id, keyOf(ref), dryRun, (newest) => {
          if (newest === undefined && subresource !== undefined) throw notFound(served.kind, ref.name);
          const { object: applied, own } = fields.applied(served, newest, configuration, options);
          const { object: decoded } = decodeBody(served, applied, 'Ignore');
          if (newest !== undefined) {
            const changed = served.toStorage(amend(decoded, newest));
            return replacement(own(prepareUpdate(served, changed, newest, subresource)), newest);
          }
          created = true;
          beforeCreate();
          requireDefined(served);
          requireNamespace(served, ref.namespace, ref.name);
          const fresh = served.toStorage(amend(asNew(served, decoded, ref), undefined));
          return insert(own(prepareCreate(served, fresh, ref.namespace)));
        }),
      );
      return { object, created };
    },

    async remove(served, ref, options) {
      let gone = false;
      const object = await write(served.id, keyOf(ref), options.dryRun, (newest) => {
        if (newest === undefined) throw notFound(served.kind, ref.name);
        checkPreconditions(served.kind, newest, options.preconditions);
        if (served.id === '/namespaces' && permanentNamespaces.has(ref.name)) {
          throw forbidden(served.kind, ref.name, 'this namespace may not be deleted');
        }
        const strategy = strategyOf(served.kind);
        const refusal = strategy.refuseDelete?.(newest);
        if (refusal !== undefined) throw forbidden(served.kind, ref.name, `it may not be deleted: ${refusal}`);
        const begun = newest.metadata.deletionTimestamp === undefined ? strategy.prepareDelete?.(newest) : undefined;
        const marked = markDeleted(begun ?? newest, options, new Date());
        gone = isReleased(marked);
        if (gone) return { action: 'remove', object: marked };
        return equalJson(marked, newest) ? { action: 'keep', object: newest } : { action: 'put', object: marked };
      });
      return { object, gone };
    },
  };
}

/** What an apply makes of nothing, checked against its URL. */
function asNew({ kind }: Served, decoded: StoredObject, ref: ObjectRef): StoredObject {
  const { resourceVersion: _ofAnother, ...metadata } = decoded.metadata;
  const { name, uid } = metadata;
  if (uid !== undefined && uid !== '') {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(kind, ref.name, why);
  }
  if (name === '') {
    throw badRequest(`the name of the object (${ref.name} based on URL) was undeterminable: name must be provided`);
  }
  if (name !== ref.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${ref.name})`);
  }
  return { ...decoded, metadata };
}

const permanentNamespaces = new Set(['default', 'kube-system', 'kube-public']);

const policyFinalizers: Readonly<Record<DeleteOptions['propagation'], readonly string[]>> = {
  Background: [],
  Foreground: ['foregroundDeletion'],
  Orphan: ['orphan'],
};

/** The object with its deletion begun: the moment, the grace period and the finalizer that stands for the policy. */
function markDeleted(object: StoredObject, options: DeleteOptions, now: Date): StoredObject {
  const { metadata } = object;
  const grace = gracePeriodOf(object, options.gracePeriodSeconds);
  const added = policyFinalizers[options.propagation].filter((finalizer) => !metadata.finalizers?.includes(finalizer));
  const finalizers = [...(metadata.finalizers ?? []), ...(metadata.deletionTimestamp === undefined ? added : [])];
  // A second delete can only shorten the grace period.
  const before = metadata.deletionTimestamp === undefined ? Infinity : (metadata.deletionGracePeriodSeconds ?? 0);
  const marked: StoredObject = {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp:
        grace < before
          ? timestamp(new Date(now.getTime() + grace * 1000))
          : (metadata.deletionTimestamp ?? timestamp(now)),
      deletionGracePeriodSeconds: Math.min(grace, before),
      ...(finalizers.length > 0 && { finalizers }),
      ...(metadata.generation !== undefined &&
        metadata.deletionTimestamp === undefined && { generation: metadata.generation + 1 }),
    },
  };
  if (object.kind !== 'Namespace' || stringAt(object, 'status', 'phase') === 'Terminating') return marked;
  return { ...marked, status: { ...objectAt(object, 'status'), phase: 'Terminating' } };
}
