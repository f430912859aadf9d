import { isJsonObject, type JsonObject } from '../llm/server/http.ts';

/** A JSON value that a JSON Schema allows, for structured output and arguments of tools. Nothing thought about it. */

/** Schemas may refer to themselves; what is deeper is left out or empty. */
const maxDepth = 12;
const maxItems = 16;
const filler = 'simulated';

/** `{}` for a schema that says nothing. Keywords that it does not know (`pattern`, `not`) are passed over. */
export function sampleJson(schema: unknown): unknown {
  return sample(schema, isJsonObject(schema) ? schema : {}, 0);
}

function sample(schema: unknown, root: JsonObject, depth: number): unknown {
  if (schema === true) return {};
  if (!isJsonObject(schema) || depth > maxDepth) return null;
  const reference = schema['$ref'];
  if (typeof reference === 'string') return sample(resolve(reference, root), root, depth + 1);
  if ('const' in schema) return schema['const'];
  const { enum: values, default: byDefault, examples } = schema;
  if (Array.isArray(values) && values.length > 0) return values[0];
  if (byDefault !== undefined) return byDefault;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  for (const keyword of ['anyOf', 'oneOf']) {
    const options = schema[keyword];
    if (Array.isArray(options) && options.length > 0) return sample(options[0], root, depth + 1);
  }
  const all = schema['allOf'];
  if (Array.isArray(all)) {
    const parts = all.filter(isJsonObject);
    return sample(Object.assign({}, schema, { allOf: undefined }, ...parts), root, depth + 1);
  }
  return byType(schema, root, depth);
}

function byType(schema: JsonObject, root: JsonObject, depth: number): unknown {
  const declared = schema['type'];
  const type: unknown = Array.isArray(declared) ? declared[0] : declared;
  switch (type) {
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return numberWithin(schema, type === 'integer');
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return list(schema, root, depth);
    default:
      return object(schema, root, depth);
  }
}

function object(schema: JsonObject, root: JsonObject, depth: number): JsonObject {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const required: unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const deep = depth >= maxDepth / 2;
  const names = Object.keys(properties).filter((name) => !deep || required.includes(name));
  return Object.fromEntries(names.map((name) => [name, sample(properties[name], root, depth + 1)]));
}

function list(schema: JsonObject, root: JsonObject, depth: number): unknown[] {
  const least = typeof schema['minItems'] === 'number' ? schema['minItems'] : 1;
  const count = depth >= maxDepth / 2 && least <= 1 ? least : Math.min(Math.max(least, 1), maxItems);
  return Array.from({ length: schema['minItems'] === undefined && depth >= maxDepth / 2 ? 0 : count }, () =>
    schema['items'] === undefined ? filler : sample(schema['items'], root, depth + 1),
  );
}

const formats: Readonly<Record<string, string>> = {
  date: '2000-01-01',
  'date-time': '2000-01-01T00:00:00Z',
  time: '00:00:00Z',
  email: 'simulated@example.com',
  uri: 'https://example.com/simulated',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function text({ format, minLength, maxLength }: JsonObject): string {
  const base = (typeof format === 'string' ? formats[format] : undefined) ?? filler;
  const padded = typeof minLength === 'number' ? base.padEnd(Math.min(minLength, 4096), '.') : base;
  return typeof maxLength === 'number' ? padded.slice(0, maxLength) : padded;
}

function numberWithin(schema: JsonObject, whole: boolean): number {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const step = typeof multipleOf === 'number' && multipleOf > 0 ? multipleOf : whole ? 1 : 0.5;
  if (typeof minimum === 'number') return Math.ceil(minimum / step) * step;
  if (typeof exclusiveMinimum === 'number') return (Math.floor(exclusiveMinimum / step) + 1) * step;
  if (typeof maximum === 'number') return Math.min(step, Math.floor(maximum / step) * step);
  if (typeof exclusiveMaximum === 'number') return Math.min(step, (Math.ceil(exclusiveMaximum / step) - 1) * step);
  return step;
}

function resolve(reference: string, root: JsonObject): unknown {
  if (!reference.startsWith('#')) return undefined;
  let at: unknown = root;
  for (const part of reference.split('/').slice(1)) {
    at = isJsonObject(at) ? at[part.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
  }
  return at;
}
