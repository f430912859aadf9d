import { readFileSync } from 'node:fs';
import type { StructuralSchema } from '../../kinds/structural.ts';
import { isObject, type JsonObject } from '../json.ts';

/**
 * Kubernetes keeps its own kinds in Go structs, in which some fields are there even when nobody has set them, such as the
 * `spec` of a Deployment. Nobody comes to own such a field by creating the object.
 */
const emptyObjects = JSON.parse(readFileSync(new URL('emptyobjects.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, JsonObject>
>;

/** What every object of a schema has, without apiVersion, kind and metadata. */
export function emptyObjectOf(schema: StructuralSchema): JsonObject {
  return emptyObjects[schema['x-model'] ?? ''] ?? {};
}

/** The object with what every object of its kind has. */
export function completed(empty: JsonObject, object: JsonObject): JsonObject {
  let result: JsonObject | undefined;
  for (const name in empty) {
    const [base, own] = [empty[name], object[name]];
    const next = own === undefined ? base : isObject(base) && isObject(own) ? completed(base, own) : own;
    if (next !== own) (result ??= { ...object })[name] = next;
  }
  return result ?? object;
}
