import { readFileSync } from 'node:fs';
import type { StructuralSchema } from '../../kinds/structural.ts';
import { isObject } from '../json.ts';
import { keyElement } from './fieldset.ts';

/**
 * What of a schema decides how objects are merged and who owns what: which maps and lists are one value (atomic), and what
 * identifies the entries of the others (sig-api-machinery/555-server-side-apply). A schema that allows several shapes has
 * several parts.
 */
export interface FieldType {
  map?: MapType;
  list?: ListType;
  scalar?: 'numeric' | 'string' | 'boolean' | 'untyped';
  /** Stands for the field where it is a key of a list map and an entry leaves it out. */
  default?: unknown;
}

export interface MapType {
  atomic: boolean;
  fields: ReadonlyMap<string, FieldType>;
  /** Of fields that are not declared; absent where there may be none. */
  values?: FieldType;
}

export interface ListType {
  /** An atomic list has no keys; a list that is not atomic and has none is a set. */
  atomic: boolean;
  /** Fields that identify an entry, in alphabetical order. */
  keys: readonly string[];
  items: FieldType;
}

/** How lists and maps of Kubernetes' own types are merged: keys of a list map, none for a set; the rest is atomic. */
type ModelMerging = Readonly<Record<string, readonly string[] | 'atomic'>>;

// What the OpenAPI document of Kubernetes 1.32 says and the generated models have lost. '.' stands for the type itself.
const modelMerging = JSON.parse(readFileSync(new URL('builtinmerging.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, ModelMerging>
>;

const untyped: FieldType = { scalar: 'untyped' };
untyped.list = { atomic: true, keys: [], items: untyped };
untyped.map = { atomic: true, fields: new Map(), values: untyped };

/** Values without a schema: lists are one value, objects are not. */
const deduced: FieldType = { scalar: 'untyped', list: { atomic: true, keys: [], items: untyped } };
deduced.map = { atomic: false, fields: new Map(), values: deduced };

const plainTypes = new WeakMap<StructuralSchema, FieldType>();
const preservingTypes = new WeakMap<StructuralSchema, FieldType>();

/** The type of a schema's values. The same object every time. */
export function fieldTypeOf(schema: StructuralSchema): FieldType {
  return typeOf(schema, false, undefined);
}

function typeOf(
  schema: StructuralSchema,
  inPreserving: boolean,
  merging: readonly string[] | 'atomic' | undefined,
): FieldType {
  const preserving = inPreserving || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const known = preserving ? preservingTypes : plainTypes;
  const found = known.get(schema);
  if (found !== undefined) return found;
  const type: FieldType = {};
  // Registered before it is complete: schemas may contain themselves.
  known.set(schema, type);
  if (schema.default !== undefined) type.default = schema.default;
  const scalar = scalarOf(schema);
  if (scalar !== undefined) type.scalar = scalar;
  const anything = schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true;
  if (anything || schema.type === 'object') type.map = mapOf(schema, preserving, merging);
  if (anything || schema.type === 'array') type.list = listOf(schema, preserving, merging);
  return type;
}

function scalarOf(schema: StructuralSchema): FieldType['scalar'] | undefined {
  switch (schema.type) {
    case undefined:
      return 'untyped';
    case 'integer':
    case 'number':
      return 'numeric';
    case 'boolean':
      return 'boolean';
    case 'string':
      return schema.format === undefined || schema.format === 'byte' ? 'string' : 'untyped';
    default:
      return undefined;
  }
}

function mapOf(
  schema: StructuralSchema,
  preserving: boolean,
  merging: readonly string[] | 'atomic' | undefined,
): MapType {
  const { properties = {}, additionalProperties } = schema;
  const model: ModelMerging = modelMerging[schema['x-model'] ?? ''] ?? {};
  const fields = new Map(
    Object.entries(properties).map(([name, field]) => [name, typeOf(field, preserving, model[name])]),
  );
  // Go structs have all their fields: a key that is left out is the empty value of its type.
  if (schema['x-model'] !== undefined) for (const field of fields.values()) field.default ??= emptyValueOf(field);
  const map: MapType = {
    atomic: merging === 'atomic' || model['.'] === 'atomic' || schema['x-kubernetes-map-type'] === 'atomic',
    fields,
  };
  if (typeof additionalProperties === 'object') map.values = typeOf(additionalProperties, preserving, undefined);
  else if (additionalProperties === true) map.values = deduced;
  else if (additionalProperties === undefined && (preserving || fields.size === 0)) map.values = deduced;
  return map;
}

function emptyValueOf({ scalar }: FieldType): unknown {
  return scalar === 'string' ? '' : scalar === 'numeric' ? 0 : undefined;
}

function listOf(
  schema: StructuralSchema,
  preserving: boolean,
  merging: readonly string[] | 'atomic' | undefined,
): ListType {
  const items = schema.items === undefined ? untyped : typeOf(schema.items, preserving, undefined);
  const keys = merging ?? keysOf(schema);
  return keys === 'atomic' ? { atomic: true, keys: [], items } : { atomic: false, keys: keys.toSorted(), items };
}

function keysOf(schema: StructuralSchema): readonly string[] | 'atomic' {
  switch (schema['x-kubernetes-list-type']) {
    case 'map':
      return schema['x-kubernetes-list-map-keys'] ?? 'atomic';
    case 'set':
      return [];
    default:
      return 'atomic';
  }
}

export type Shape = 'map' | 'list' | 'scalar';

/** Which part of a type a value is handled by. A value of the wrong type is handled by what the type has. */
export function shapeOf(type: FieldType, value: unknown): Shape {
  if (Array.isArray(value)) {
    if (type.list !== undefined) return 'list';
  } else if (typeof value === 'object' && value !== null) {
    if (type.map !== undefined) return 'map';
  } else if (value !== null && type.scalar !== undefined) return 'scalar';
  return type.map !== undefined ? 'map' : type.scalar !== undefined ? 'scalar' : 'list';
}

/** The type of a field of a map. */
export function fieldOf(map: MapType, name: string): FieldType {
  return map.fields.get(name) ?? map.values ?? deduced;
}

/** The path element of an entry of a list that is not atomic; undefined when it has none. */
export function elementOf(list: ListType, item: unknown): string | undefined {
  if (list.keys.length === 0) {
    return typeof item === 'object' || item === undefined ? undefined : `v:${JSON.stringify(item)}`;
  }
  if (!isObject(item)) return undefined;
  const keys: Record<string, unknown> = {};
  for (const name of list.keys) {
    const value = item[name] ?? list.items.map?.fields.get(name)?.default;
    if (value === undefined) return undefined;
    keys[name] = value;
  }
  return keyElement(keys, list.keys);
}
