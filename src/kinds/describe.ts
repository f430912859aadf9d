import type { TSchema } from './type.ts';
import type { StructuralSchema } from './structural.ts';

/**
 * A schema with descriptions of its fields, which `kubectl explain` and the CustomResourceDefinitions show. Paths lead through
 * lists and maps as kubectl writes them: `spec.rules.backendRefs.weight`.
 */
export function describeFields(
  schema: TSchema,
  description: string,
  descriptions: Readonly<Record<string, string>>,
): TSchema {
  let described: StructuralSchema = { ...schema, description };
  for (const [path, text] of Object.entries(descriptions)) described = withText(described, path.split('.'), text, path);
  return described;
}

/** Descriptions of a shape that occurs at a path. */
export function under(path: string, descriptions: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(descriptions).map(([field, text]) => [`${path}.${field}`, text]));
}

function withText(schema: StructuralSchema, path: readonly string[], text: string, whole: string): StructuralSchema {
  const [field, ...rest] = path;
  if (field === undefined) return { ...schema, description: text };
  if (schema.items !== undefined) return { ...schema, items: withText(schema.items, path, text, whole) };
  if (typeof schema.additionalProperties === 'object') {
    return { ...schema, additionalProperties: withText(schema.additionalProperties, path, text, whole) };
  }
  const property = schema.properties?.[field];
  if (property === undefined) throw new Error(`a description is given for ${whole}, which the schema does not have`);
  return { ...schema, properties: { ...schema.properties, [field]: withText(property, rest, text, whole) } };
}
