import type { JsonObject } from '../json.ts';
import { compareObjects, fieldsSetBy, type Comparison } from './compare.ts';
import { completed } from './emptyobjects.ts';
import {
  difference,
  emptySet,
  intersection,
  isEmptySet,
  pathsOf,
  union,
  withoutBelow,
  type FieldSet,
} from './fieldset.ts';
import type { FieldType } from './fieldtypes.ts';
import { identityOf, release, withManager, type Actor, type Manager, type Managers } from './managers.ts';
import { mergeObjects, removeFields, withNamedFields } from './merge.ts';

/**
 * Who owns which fields after a write, and what an apply makes of an object: the rules of structured-merge-diff's
 * merge.Updater, which kube-apiserver uses. Pure.
 */

/** The version a write speaks, and the others that managers have spoken. */
export interface Versions {
  apiVersion: string;
  type: FieldType;
  /** What every object of the kind has. */
  empty: JsonObject;
  /** Another version of the kind; undefined when it is not served any more. */
  at: (apiVersion: string) => OtherVersion | undefined;
  /** Fields that this kind of write cannot change, whatever its body says. */
  ignored: FieldSet;
}

export interface OtherVersion {
  type: FieldType;
  /** An object of the version a write speaks, at this one. */
  from: (object: JsonObject) => JsonObject;
  /** The way back. */
  back: (object: JsonObject) => JsonObject;
}

/** One field that an apply would take from another manager. */
export interface Conflict {
  manager: Manager;
  path: string;
}

/** Fields nobody owns: the API sets them, or they say which object it is. */
const unowned: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/** The managers of a new object. */
export function ownersOfNew(
  versions: Versions,
  object: JsonObject,
  managers: Managers,
  actor: Actor,
  time: string,
): Managers {
  return ownersAfterUpdate(versions, {}, object, managers, actor, time);
}

/** The managers after an update: whoever changes a field owns it, alone. */
export function ownersAfterUpdate(
  versions: Versions,
  before: JsonObject,
  after: JsonObject,
  managers: Managers,
  actor: Actor,
  time: string,
): Managers {
  const { empty } = versions;
  const compare = comparisons(versions, completed(empty, before), completed(empty, after));
  const { modified = emptySet, added = emptySet } = compare(versions.apiVersion) ?? {};
  const taken = difference(union(modified, added), unowned);
  const left = releaseChanged(managers, compare);
  if (isEmptySet(taken)) return left;
  const fields = union(taken, left.get(identityOf(actor))?.fields ?? emptySet);
  return withManager(left, { ...actor, time, fields });
}

/** Takes from managers what the write has removed, modified or added. Managers of versions that are gone are dropped. */
function releaseChanged(managers: Managers, compare: Comparisons): Managers {
  let result = managers;
  for (const [id, { apiVersion }] of managers) {
    if (compare(apiVersion) !== undefined) continue;
    const rest = new Map(result);
    rest.delete(id);
    result = rest;
  }
  return release(result, ({ apiVersion }) => {
    const { removed = emptySet, modified = emptySet, added = emptySet } = compare(apiVersion) ?? {};
    return union(union(removed, modified), added);
  });
}

type Comparisons = (apiVersion: string) => Comparison | undefined;

/** Comparisons of two states at the versions of their managers, each made once. */
function comparisons(versions: Versions, before: JsonObject, after: JsonObject): Comparisons {
  const known = new Map<string, Comparison | undefined>();
  return (apiVersion) => {
    if (known.has(apiVersion)) return known.get(apiVersion);
    const comparison = compareAt(versions, apiVersion, before, after);
    known.set(apiVersion, comparison);
    return comparison;
  };
}

function compareAt(
  versions: Versions,
  apiVersion: string,
  before: JsonObject,
  after: JsonObject,
): Comparison | undefined {
  const { ignored } = versions;
  if (apiVersion === versions.apiVersion) return withoutIgnored(compareObjects(versions.type, before, after), ignored);
  const other = versions.at(apiVersion);
  return other && withoutIgnored(compareObjects(other.type, other.from(before), other.from(after)), ignored);
}

function withoutIgnored({ removed, modified, added }: Comparison, ignored: FieldSet): Comparison {
  return {
    ...(removed && { removed: withoutBelow(removed, ignored) }),
    ...(modified && { modified: withoutBelow(modified, ignored) }),
    ...(added && { added: withoutBelow(added, ignored) }),
  };
}

export interface Applied {
  object: JsonObject;
  managers: Managers;
  /** Not empty only without force; the rest is then what force would have made. */
  conflicts: readonly Conflict[];
}

/**
 * What applying a configuration to an object makes of it and of its managers: everything the configuration sets is merged in
 * and owned; what the manager set the last time, and neither it nor anybody else sets now, is removed.
 */
export function applyConfiguration(
  versions: Versions,
  live: JsonObject,
  configuration: JsonObject,
  managers: Managers,
  actor: Actor,
  options: { force: boolean; time: string },
): Applied {
  const { type, apiVersion, ignored } = versions;
  const id = identityOf(actor);
  const last = managers.get(id);
  const fields = withoutBelow(fieldsSetBy(type, configuration), ignored);
  const mine: Manager = { ...actor, apiVersion, time: options.time, fields };
  const owning = withOwn(managers, id, mine);
  const merged = mergeObjects(type, live, configuration);
  const object = last === undefined ? merged : prune(versions, merged, owning, last);

  const compare = comparisons(versions, live, object);
  const conflicts = options.force ? [] : conflictsOf(owning, id, compare);
  const others = new Map(owning);
  others.delete(id);
  const own = { ...mine, fields: difference(fields, unowned) };
  return { object, managers: withManager(releaseChanged(others, compare), own), conflicts };
}

/** As withManager, with fields nobody can own in the end: they keep `prune` from taking them away. */
function withOwn(managers: Managers, id: string, mine: Manager): Managers {
  return new Map([...managers, [id, mine]]);
}

function conflictsOf(managers: Managers, own: string, compare: Comparisons): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [id, manager] of managers) {
    if (id === own) continue;
    const { modified = emptySet, added = emptySet } = compare(manager.apiVersion) ?? {};
    const taken = intersection(manager.fields, union(modified, added));
    conflicts.push(...pathsOf(taken).map((path) => ({ manager, path })));
  }
  return conflicts;
}

/** Removes what the manager applied the last time and nobody owns now. */
function prune(versions: Versions, merged: JsonObject, managers: Managers, last: Manager): JsonObject {
  const view = viewOf(versions, last.apiVersion);
  if (view === undefined || isEmptySet(last.fields)) return merged;
  const { type, from, back } = view;
  const whole = from(merged);
  const wholeSet = withNamedFields(type, fieldsSetBy(type, whole));
  const lastSet = withNamedFields(type, last.fields);
  let pruned = removeFields(type, whole, lastSet);
  for (const [apiVersion, owned] of ownedByVersion(managers, last.apiVersion)) {
    pruned = addBack(versions, { whole, pruned, lastVersion: last.apiVersion }, apiVersion, owned);
  }
  // Entries and fields that went only because what holds them went, and that this manager never set, come back.
  const prunedSet = withNamedFields(type, fieldsSetBy(type, pruned));
  return back(removeFields(type, whole, intersection(difference(wholeSet, prunedSet), lastSet)));
}

function viewOf(versions: Versions, apiVersion: string): OtherVersion | undefined {
  if (apiVersion !== versions.apiVersion) return versions.at(apiVersion);
  return { type: versions.type, from: (object) => object, back: (object) => object };
}

/** What managers own, by version; the version of the last apply first. */
function ownedByVersion(managers: Managers, firstVersion: string): Map<string, FieldSet> {
  const owned = new Map<string, FieldSet>([[firstVersion, emptySet]]);
  for (const { apiVersion, fields } of managers.values()) {
    owned.set(apiVersion, union(owned.get(apiVersion) ?? emptySet, fields));
  }
  return owned;
}

/** The pruned object with what is owned at one version put back. */
function addBack(
  versions: Versions,
  { whole, pruned, lastVersion }: { whole: JsonObject; pruned: JsonObject; lastVersion: string },
  apiVersion: string,
  owned: FieldSet,
): JsonObject {
  const last = viewOf(versions, lastVersion);
  const view = viewOf(versions, apiVersion);
  if (last === undefined || view === undefined) return pruned;
  const [wholeThere, prunedThere] = [view.from(last.back(whole)), view.from(last.back(pruned))];
  const [wholeSet, kept] = [wholeThere, prunedThere].map((object) =>
    withNamedFields(view.type, fieldsSetBy(view.type, object)),
  );
  const wanted = union(kept ?? emptySet, withNamedFields(view.type, owned));
  const result = removeFields(view.type, wholeThere, difference(wholeSet ?? emptySet, wanted));
  return last.from(view.back(result));
}
