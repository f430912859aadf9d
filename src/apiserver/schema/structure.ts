import type { StructuralSchema } from '../../kinds/structural.ts';
import { isObject, type JsonObject } from '../json.ts';
import { badRequest } from '../status.ts';
import { isQuantity } from './quantity.ts';

/** What applying a schema to a value found out beside the value. */
export interface Decoding {
  /** Kubernetes' own kinds are decoded into Go types: wrong types fail at once and null means absent. */
  builtin: boolean;
  /** `Deployment` and `v1`, for messages. */
  kind: string;
  version: string;
  /** Paths of fields the schema does not have; they are dropped. */
  unknownFields: string[];
}

/**
 * Gives a value the shape of its schema: unknown fields are pruned (and noted), defaults filled in. Returns a copy; wrong
 * types are left for the validation to report, except in built-in kinds.
 */
export function applySchema(schema: StructuralSchema, value: unknown, path: string, decoding: Decoding): unknown {
  if (schema['x-kubernetes-int-or-string'] === true || schema.type === undefined) return value;
  if (schema.format === 'quantity' && typeof value === 'number') return String(value);
  if (schema.type === 'object' && isObject(value)) return applyToObject(schema, value, path, decoding);
  if (schema.type === 'array' && Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    return value.map((item: unknown, index) => applySchema(items, item, `${path}[${index}]`, decoding));
  }
  if (!decoding.builtin) return value;
  checkGoType(schema, value, path, decoding);
  return typeof value === 'string' ? decodeGoText(schema, value, decoding) : value;
}

function applyToObject(schema: StructuralSchema, value: JsonObject, path: string, decoding: Decoding): JsonObject {
  const result: JsonObject = {};
  const { properties, additionalProperties } = schema;
  const keepUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true || additionalProperties === true;
  for (const [name, field] of Object.entries(value)) {
    const fieldSchema =
      properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    const fieldPath = path === '' ? name : `${path}.${name}`;
    if (typeof fieldSchema === 'object') {
      const applied = field === null ? applyToNull(fieldSchema) : field;
      if (applied === undefined) continue;
      setField(result, name, applied === null ? null : applySchema(fieldSchema, applied, fieldPath, decoding));
    } else if (keepUnknown) setField(result, name, field);
    else decoding.unknownFields.push(fieldPath);
  }
  for (const [name, field] of Object.entries(properties ?? {})) {
    if (field.default === undefined || Object.hasOwn(result, name)) continue;
    const fieldPath = path === '' ? name : `${path}.${name}`;
    result[name] = applySchema(field, structuredClone(field.default), fieldPath, decoding);
  }
  return result;
}

/** A field named `__proto__` is data like any other. */
function setField(target: JsonObject, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}

/** null is kept where allowed, else the same as absent: a field's default takes its place, where it has one. */
function applyToNull(schema: StructuralSchema): unknown {
  return schema.nullable === true ? null : structuredClone(schema.default);
}

const quantityPattern = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Texts that Go types parse when they are decoded: what they cannot parse is no object at all (400). */
function decodeGoText(schema: StructuralSchema, text: string, { kind, version }: Decoding): string {
  const refuse = (why: string) => badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
  if (schema.format === 'quantity' && !isQuantity(text)) {
    throw refuse(`quantities must match the regular expression ${quantityPattern}`);
  }
  if (schema.format !== 'byte') return text;
  const base64 = text.replaceAll(/[\r\n]/g, '');
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return base64;
  const firstBad = text.search(/[^A-Za-z0-9+/\r\n]/);
  throw refuse(`illegal base64 data at input byte ${firstBad < 0 ? text.length - (text.length % 4) : firstBad}`);
}

const goTypes: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  integer: 'int32',
  number: 'float64',
  array: '[]',
  object: 'map',
};

function checkGoType(schema: StructuralSchema, value: unknown, path: string, decoding: Decoding): void {
  const wanted = schema.type ?? 'object';
  const actual = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (actual === wanted || (wanted === 'integer' && Number.isInteger(value)) || actual === 'null') return;
  const { kind, version } = decoding;
  const found =
    actual === 'boolean' ? 'bool' : actual === 'number' && wanted === 'integer' ? `number ${String(value)}` : actual;
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${found} into Go struct field ` +
      `${kind}.${path} of type ${schema['x-model'] ?? goTypes[wanted] ?? wanted}`,
  );
}
