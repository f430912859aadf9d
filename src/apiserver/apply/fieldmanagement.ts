import type { Kind } from '../../kinds/kind.ts';
import { equalJson, isObject, stringAt, valueAt, type JsonObject } from '../json.ts';
import type { Resources, Served } from '../resources.ts';
import { badRequest } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { applyConflict } from './conflicts.ts';
import { emptyObjectOf } from './emptyobjects.ts';
import { emptySet, fieldElement, intersection, isEmptySet, pathsOf, type FieldSet } from './fieldset.ts';
import { fieldTypeOf } from './fieldtypes.ts';
import { fieldsOfLastApplied, kubectlManager, withLastApplied } from './lastapplied.ts';
import {
  capUpdaters,
  noManagers,
  parseManagers,
  renderManagers,
  sameManagers,
  storedManagers,
  type Actor,
  type Managers,
} from './managers.ts';
import { applyConfiguration, ownersAfterUpdate, ownersOfNew, type Conflict, type Versions } from './ownership.ts';
import { problemOf } from './validate.ts';
import { timestamp } from '../../kinds/timestamp.ts';

/**
 * Server-side apply and metadata.managedFields as the write path uses them (sig-api-machinery/555-server-side-apply). Objects
 * come and go at the storage version; ownership is kept at the version a request speaks.
 */
export interface FieldManagement {
  /** A new object, owned by its writer. `given` are managedFields of the request. */
  created(served: Served, object: StoredObject, given: unknown, writer: Writer): StoredObject;
  /** `after` in the place of `before`, with managedFields that tell who changed what. */
  updated(served: Served, before: StoredObject, after: StoredObject, given: unknown, writer: Writer): StoredObject;
  /**
   * A configuration applied to the newest state, at the version of the request and before defaulting. Throws what kube-apiserver
   * answers for a configuration that does not fit the schema, and for conflicts.
   */
  applied(served: Served, live: StoredObject | undefined, configuration: unknown, options: ApplyOptions): Application;
}

export interface Writer {
  manager: string;
  subresource: 'status' | 'scale' | undefined;
}

export interface ApplyOptions extends Writer {
  force: boolean;
}

export interface Application {
  object: JsonObject;
  /** Gives the object as it will be stored the managers it has after the apply. */
  own: (object: StoredObject) => StoredObject;
}

const beforeFirstApply = 'before-first-apply';

export function createFieldManagement(resources: Resources): FieldManagement {
  const versionsOf = (served: Served, subresource: Writer['subresource']): Versions => ({
    apiVersion: served.apiVersion,
    type: typeOf(served),
    empty: emptyObjectOf(served.schema().structural),
    ignored: ignoredFields(served.kind, subresource),
    at: (apiVersion) => {
      const other = resources.ofObject(apiVersion, served.kind.kind);
      if (other?.id !== served.id) return undefined;
      return {
        type: typeOf(other),
        // Both are objects of this kind: what is merged and pruned keeps apiVersion, kind and metadata.
        from: (object) => other.fromStorage(served.toStorage(object as StoredObject)),
        back: (object) => served.fromStorage(other.toStorage(object as StoredObject)),
      };
    },
  });

  return {
    created(served, object, given, writer) {
      const versions = versionsOf(served, writer.subresource);
      const state = withoutManagers(served.fromStorage(object));
      const before = isReset(given) ? noManagers : (parseManagers(given) ?? noManagers);
      const managers = ownersOfNew(versions, state, before, actorOf(served, writer, 'Update'), timestamp());
      return withManagers(object, renderManagers(managers));
    },

    updated(served, before, after, given, writer) {
      const newest = storedManagers(before.metadata.managedFields);
      const managers = givenOrNewest(writer.subresource === undefined ? given : undefined, newest);
      const versions = versionsOf(served, writer.subresource);
      // Nobody has been tracked since the managers were reset: the next apply begins anew.
      if (seenManagers(served, writer, managers).size === 0) return withManagers(after, renderManagers(managers));
      const states = [before, after].map((object) => withoutManagers(served.fromStorage(object)));
      const [old = before, next = after] = states;
      const actor = actorOf(served, writer, 'Update');
      const changed = capUpdaters(ownersAfterUpdate(versions, old, next, managers, actor, timestamp()));
      return withManagers(after, changed === newest ? before.metadata.managedFields : renderManagers(changed));
    },

    applied(served, newest, body, { force, ...writer }) {
      const configuration = checkConfiguration(served, body);
      const versions = versionsOf(served, writer.subresource);
      const live = newest === undefined ? undefined : withoutManagers(served.fromStorage(newest));
      const start = live ?? { apiVersion: served.apiVersion, kind: served.kind.kind, metadata: {} };
      const time = timestamp();
      let managers = storedManagers(newest?.metadata.managedFields);
      if (live !== undefined && seenManagers(served, writer, managers).size === 0) {
        const actor = actorOf(served, { ...writer, manager: beforeFirstApply }, 'Update');
        const owned = ownersOfNew(versions, live, noManagers, actor, time);
        managers = new Map([...managers, ...seenManagers(served, writer, owned)]);
      }
      const actor = actorOf(served, writer, 'Apply');
      const apply = (forced: boolean) =>
        applyConfiguration(versions, start, configuration, managers, actor, { force: forced, time });
      let result = apply(force);
      if (result.conflicts.length > 0) {
        // kubectl may take what its own client-side applies have set.
        const allowed = writer.manager === kubectlManager ? fieldsOfLastApplied(versions, start) : undefined;
        const allowedPaths = new Set(pathsOf(allowed ?? emptySet));
        const conflicts = result.conflicts.filter(({ path }) => !allowedPaths.has(path));
        if (conflicts.length > 0) throw applyConflict(conflicts.map((one) => asSeenBy(writer, one)));
        result = apply(true);
      }
      const object = writer.manager === kubectlManager ? withLastApplied(result.object, configuration) : result.object;
      return { object, own: (stored) => withManagers(stored, renderManagers(result.managers)) };
    },
  };
}

function typeOf(served: Served) {
  return fieldTypeOf(served.schema().structural);
}

/** Managers as a writer sees them: through `scale`, those of the number of replicas, and nothing else of them. */
function seenManagers({ kind }: Served, { subresource }: Writer, managers: Managers): Managers {
  const path = kind.scale?.specReplicasPath.split('.').slice(1);
  if (subresource !== 'scale' || path === undefined) return managers;
  const replicas = path.reduceRight<FieldSet>((below, name) => ({ [fieldElement(name)]: below }), emptySet);
  return new Map(
    [...managers].flatMap(([id, manager]) => {
      const fields = intersection(manager.fields, replicas);
      return isEmptySet(fields) ? [] : [[id, { ...manager, fields }] as const];
    }),
  );
}

/** What a kind of write leaves as it is, and therefore nobody owns by it. */
function ignoredFields(kind: Kind, subresource: Writer['subresource']): FieldSet {
  if (subresource === 'status') return { 'f:spec': {} };
  if (kind.group === '' && kind.kind === 'Namespace') return { 'f:status': {}, 'f:spec': {} };
  return kind.status ? { 'f:status': {} } : emptySet;
}

function actorOf({ apiVersion }: Served, { manager, subresource }: Writer, operation: Actor['operation']): Actor {
  return { manager: manager === '' ? 'unknown' : manager, operation, apiVersion, subresource };
}

/** Clients may write managedFields; those who leave them out or get them wrong do not delete them by it. */
function givenOrNewest(given: unknown, newest: Managers): Managers {
  if (isReset(given)) return noManagers;
  const managers = given === undefined ? undefined : parseManagers(given);
  return managers === undefined || managers.size === 0 || sameManagers(managers, newest, true) ? newest : managers;
}

/** `[{}]`: how a client asks to forget who owns what. */
function isReset(given: unknown): boolean {
  return Array.isArray(given) && given.length === 1 && isObject(given[0]) && Object.keys(given[0]).length === 0;
}

function withoutManagers(object: StoredObject): StoredObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _managers, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function withManagers(object: StoredObject, managedFields: unknown[] | undefined): StoredObject {
  const plain = withoutManagers(object);
  return managedFields === undefined ? plain : { ...plain, metadata: { ...plain.metadata, managedFields } };
}

/** Who applies a scale sees scales. */
function asSeenBy({ subresource }: Writer, { manager, path }: Conflict): Conflict {
  return subresource === 'scale'
    ? { manager: { ...manager, apiVersion: 'autoscaling/v1' }, path: '.spec.replicas' }
    : { manager, path };
}

/** A body that can be applied; throws for one that cannot. */
function checkConfiguration(served: Served, body: unknown): JsonObject {
  const { kind, version } = served;
  if (body !== null && !isObject(body)) {
    const found = Array.isArray(body) ? 'array' : typeof body;
    const why = `json: cannot unmarshal ${found} into Go value of type map[string]interface {}`;
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`);
  }
  const configuration = body ?? {};
  const given = groupVersionKind(configuration);
  const wanted = `${kind.group}/${version.name}, Kind=${kind.kind}`;
  if (given !== wanted) throw badRequest(`invalid object type: ${given}`);
  if (valueAt(configuration, 'metadata', 'managedFields') != null)
    throw badRequest('metadata.managedFields must be nil');
  const problem = problemOf(typeOf(served), configuration);
  if (problem === undefined) return configuration;
  const name = stringAt(configuration, 'metadata', 'name') ?? '';
  const namespace = stringAt(configuration, 'metadata', 'namespace') ?? '';
  throw badRequest(`failed to create typed patch object (${namespace}/${name}; ${wanted}): ${problem}`);
}

/** As Go prints a schema.GroupVersionKind. */
function groupVersionKind(object: JsonObject): string {
  const apiVersion = stringAt(object, 'apiVersion') ?? '';
  const slash = apiVersion.indexOf('/');
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  return `${group}/${version}, Kind=${stringAt(object, 'kind') ?? ''}`;
}

/** Whether a write changes nothing but the times at which managers wrote: such a write is none. */
export function isUnchanged(next: StoredObject, newest: StoredObject): boolean {
  const [fields, others] = [next.metadata.managedFields, newest.metadata.managedFields];
  if (fields !== others && !sameManagers(storedManagers(fields), storedManagers(others))) return false;
  return equalJson(withoutManagers(next), withoutManagers(newest));
}
