import { isObject, stringAt, withValue, type JsonObject } from '../json.ts';
import { compareObjects, fieldsSetBy } from './compare.ts';
import { difference, emptySet, type FieldSet } from './fieldset.ts';
import type { Versions } from './ownership.ts';

/**
 * The annotation in which client-side `kubectl apply` keeps what it applied. It lets objects move to server-side apply without
 * conflicts, and is kept true for those who still read it.
 */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
const path = ['metadata', 'annotations', annotation];
const maxAnnotationBytes = 256 * 1024;

/** The manager whose applies look at the annotation and keep it. */
export const kubectlManager = 'kubectl';

/** Fields that were last set by client-side apply and still have its values; undefined when it has set none. */
export function fieldsOfLastApplied(versions: Versions, live: JsonObject): FieldSet | undefined {
  const text = stringAt(live, ...path);
  if (text === undefined || text === '') return undefined;
  let applied: unknown;
  try {
    applied = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(applied) || applied['apiVersion'] !== versions.apiVersion) return undefined;
  const { modified, added, removed } = compareObjects(versions.type, applied, live);
  return [modified, added, removed].reduce<FieldSet>(
    (set, changed) => difference(set, changed ?? emptySet),
    fieldsSetBy(versions.type, applied),
  );
}

/** The object with the annotation, where it has one, telling what has just been applied. */
export function withLastApplied(object: JsonObject, configuration: JsonObject): JsonObject {
  if ((stringAt(object, ...path) ?? '') === '') return object;
  const plain =
    stringAt(configuration, ...path) === undefined ? configuration : withValue(configuration, path, undefined);
  const text = `${JSON.stringify(inOrder(plain))}\n`;
  return withValue(object, path, Buffer.byteLength(text) > maxAnnotationBytes ? undefined : text);
}

/** Fields in alphabetical order, as Go writes maps. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, inOrder(value[name])]),
  );
}
