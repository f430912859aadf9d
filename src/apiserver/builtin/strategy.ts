import type { FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';

/**
 * What Kubernetes does in code rather than in a schema for one of its own kinds (a "registry strategy"): defaults that depend
 * on other fields, fields the server owns, rules across fields. Objects are copied, never changed in place.
 */
export interface Strategy {
  /** Runs after the schema's defaults and before validation. `previous` is undefined when the object is created. */
  prepare?(object: StoredObject, previous: StoredObject | undefined): StoredObject;
  validate?(object: StoredObject, previous: StoredObject | undefined): FieldError[];
  /** Why an object may not be deleted, as it follows "may not be deleted: ". */
  refuseDelete?(object: StoredObject): string | undefined;
  /** Changes an object whose deletion begins. */
  prepareDelete?(object: StoredObject): StoredObject;
}

/** Sets fields that are absent. */
export function withDefaults<T extends object>(target: T, defaults: Readonly<Record<string, unknown>>): T {
  const missing = Object.entries(defaults).filter(([name]) => !(name in target));
  return missing.length === 0 ? target : { ...target, ...Object.fromEntries(missing) };
}
