import { isObject, stringAt, type JsonObject } from '../json.ts';
import {
  difference,
  emptySet,
  equalSets,
  intersection,
  isEmptySet,
  parseSet,
  sorted,
  union,
  type FieldSet,
} from './fieldset.ts';

/** Who made a write: what an entry of managedFields is kept under. */
export interface Actor {
  /** `fieldManager` of the request, or what its user agent begins with. */
  manager: string;
  operation: 'Apply' | 'Update';
  /** Of the request. */
  apiVersion: string;
  subresource: string | undefined;
}

/** What one manager owns: one entry of metadata.managedFields. */
export interface Manager extends Actor {
  /** RFC 3339, whole seconds. */
  time: string | undefined;
  fields: FieldSet;
}

/** Managers of one object, by identity. Never changed once made. */
export type Managers = ReadonlyMap<string, Manager>;

export const noManagers: Managers = new Map();

/** Updates at two versions are two managers, applies at two versions are one. */
export function identityOf({ manager, operation, apiVersion, subresource }: Actor): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource ?? '']);
}

/** The managers of stored or given managedFields; undefined when an entry is not one. */
export function parseManagers(managedFields: unknown): Managers | undefined {
  if (managedFields === undefined || managedFields === null) return noManagers;
  if (!Array.isArray(managedFields)) return undefined;
  const managers = new Map<string, Manager>();
  for (const entry of managedFields) {
    const manager = parseManager(entry);
    if (manager === undefined) return undefined;
    managers.set(identityOf(manager), manager);
  }
  return managers;
}

function parseManager(entry: unknown): Manager | undefined {
  if (!isObject(entry) || entry['fieldsType'] !== 'FieldsV1') return undefined;
  const { operation } = entry;
  const apiVersion = stringAt(entry, 'apiVersion') ?? '';
  const fields = parseSet(entry['fieldsV1'] ?? {});
  if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === '' || fields === undefined) return undefined;
  return {
    manager: stringAt(entry, 'manager') ?? '',
    operation,
    apiVersion,
    subresource: stringAt(entry, 'subresource') || undefined,
    time: stringAt(entry, 'time'),
    fields,
  };
}

/** The managers of an object of the store, whose entries this server wrote. */
const stored = new WeakMap<readonly unknown[], Managers>();

export function storedManagers(managedFields: readonly unknown[] | undefined): Managers {
  if (managedFields === undefined || managedFields.length === 0) return noManagers;
  const known = stored.get(managedFields);
  if (known !== undefined) return known;
  const managers = parseManagers(managedFields) ?? noManagers;
  stored.set(managedFields, managers);
  return managers;
}

/** metadata.managedFields, in kube-apiserver's order; undefined when nobody owns anything. */
export function renderManagers(managers: Managers): JsonObject[] | undefined {
  if (managers.size === 0) return undefined;
  const list = [...managers.values()]
    .toSorted(compareManagers)
    .map(({ manager, operation, apiVersion, time, fields, subresource }) => ({
      ...(manager !== '' && { manager }),
      operation,
      apiVersion,
      ...(time !== undefined && { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
      ...(subresource !== undefined && { subresource }),
    }));
  stored.set(list, managers);
  return list;
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource ?? '', b.subresource ?? '')
  );
}

function secondsOf({ time }: Manager): number {
  const milliseconds = Date.parse(time ?? '');
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

const maxUpdaters = 10;
const ancient = 'ancient-changes';

/** Managers that only ever update are many on long-lived objects: of more than ten, the oldest become one per version. */
export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update');
  if (updaters.length <= maxUpdaters) return managers;
  const result = new Map(managers);
  updaters.sort(([idA, a], [idB, b]) => secondsOf(a) - secondsOf(b) || compareText(idA, idB));
  const first = new Map<string, string>();
  let count = updaters.length;
  for (const [id, { apiVersion, fields, time }] of updaters) {
    if (count <= maxUpdaters) break;
    const firstId = first.get(apiVersion);
    if (firstId === undefined) {
      first.set(apiVersion, id);
      continue;
    }
    const bucket: Actor = { manager: ancient, operation: 'Update', apiVersion, subresource: undefined };
    const bucketId = identityOf(bucket);
    const before = result.get(bucketId) ?? result.get(firstId);
    if (bucketId !== firstId) result.delete(firstId);
    result.delete(id);
    result.set(bucketId, { ...bucket, time, fields: union(fields, before?.fields ?? emptySet) });
    count -= 1;
  }
  return result;
}

/** Managers without the fields of a set; those who own nothing any more are gone. */
export function release(managers: Managers, released: (manager: Manager) => FieldSet | undefined): Managers {
  let result: Map<string, Manager> | undefined;
  for (const [id, manager] of managers) {
    const set = released(manager);
    if (set === undefined || isEmptySet(intersection(manager.fields, set))) continue;
    result ??= new Map(managers);
    const fields = difference(manager.fields, set);
    if (isEmptySet(fields)) result.delete(id);
    else result.set(id, { ...manager, fields });
  }
  return result ?? managers;
}

export function withManager(managers: Managers, manager: Manager): Managers {
  const result = new Map(managers);
  const id = identityOf(manager);
  if (isEmptySet(manager.fields)) result.delete(id);
  else result.set(id, { ...manager, fields: sorted(manager.fields) });
  return result;
}

/** Whether two objects have the same managers; times do not count unless asked for. */
export function sameManagers(a: Managers, b: Managers, withTimes = false): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [id, manager] of a) {
    const other = b.get(id);
    if (other === undefined || manager.apiVersion !== other.apiVersion) return false;
    if (withTimes && manager.time !== other.time) return false;
    if (!equalSets(manager.fields, other.fields)) return false;
  }
  return true;
}
