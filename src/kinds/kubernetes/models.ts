import { createRequire } from 'node:module';
import type { StructuralSchema } from '../structural.ts';
import { modelRules } from './rules.ts';

/**
 * Field schemas of Kubernetes' own types, derived from the generated model classes of `@kubernetes/client-node`: they know
 * every field and its type, but neither what is required nor defaults; those are added from rules.ts. This file alone
 * knows how the models look. Models are loaded when a schema is first asked for: all of them would take 140 ms.
 */

interface ModelAttribute {
  baseName: string;
  type: string;
  format: string;
}

const requireModel = createRequire(import.meta.url);
const built = new Map<string, StructuralSchema>();

/** The schema of one model class, such as `V1PodSpec`. The same object every time; it names its model in `x-model`. */
export function modelSchema(model: string): StructuralSchema {
  const known = built.get(model);
  if (known !== undefined) return known;
  const special = specialTypes[model];
  if (special !== undefined) return special;
  const rules = modelRules[model];
  const properties: Record<string, StructuralSchema> = {};
  const schema: StructuralSchema = { type: 'object', properties, 'x-model': model };
  built.set(model, schema);
  for (const attribute of attributesOf(model)) {
    const field = { ...typeSchema(attribute.type, attribute.format), ...rules?.fields?.[attribute.baseName] };
    properties[attribute.baseName] = field;
  }
  const unknownField = Object.keys(rules?.fields ?? {}).find((name) => properties[name] === undefined);
  if (unknownField !== undefined) throw new Error(`rules.ts: ${model} has no field ${unknownField}`);
  Object.assign(schema, rules?.required && { required: rules.required });
  Object.assign(schema, rules?.validations && { 'x-kubernetes-validations': rules.validations });
  return schema;
}

/** The schema of a whole object without apiVersion, kind and metadata, as `KindVersion.schema` wants it. */
export function objectModelSchema(model: string): StructuralSchema {
  const schema: StructuralSchema = modelSchema(model);
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).filter(([name]) => !['apiVersion', 'kind', 'metadata'].includes(name)),
  );
  return { ...schema, properties };
}

// Types that the generator renders as classes or names of their own, but whose JSON is a scalar.
const specialTypes: Readonly<Record<string, StructuralSchema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  Date: { type: 'string', format: 'date-time' },
  V1MicroTime: { type: 'string', format: 'date-time' },
  IntOrString: { 'x-kubernetes-int-or-string': true },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  object: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
};

function typeSchema(type: string, format: string): StructuralSchema {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return { type: 'array', items: typeSchema(list, format) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: typeSchema(map, format) };
  if (type === 'number') return format === 'double' ? { type: 'number' } : { type: 'integer', format };
  if (type === 'string' && format === 'byte') return { type: 'string', format: 'byte' };
  return specialTypes[type] ?? modelSchema(type);
}

function attributesOf(model: string): ModelAttribute[] {
  const loaded: unknown = requireModel(`@kubernetes/client-node/dist/gen/models/${model}.js`);
  const exported: unknown = isRecord(loaded) ? loaded[model] : undefined;
  const attributes: unknown =
    typeof exported === 'function' && 'attributeTypeMap' in exported ? exported.attributeTypeMap : undefined;
  if (!Array.isArray(attributes) || !attributes.every(isAttribute)) {
    throw new Error(`@kubernetes/client-node has no model ${model}`);
  }
  return attributes;
}

function isAttribute(value: unknown): value is ModelAttribute {
  return isRecord(value) && typeof value.baseName === 'string' && typeof value.type === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
