import type { Static as StaticOf, TSchema, Type as TypeBox } from 'typebox';

export type { TProperties, TSchema, TSchemaOptions } from 'typebox';
/** The TypeScript type of the values that a schema describes. */
export type Static<S extends TSchema> = StaticOf<S>;

/**
 * TypeBox's builders, as far as Headgate's schemas use them: its types, and the JSON Schemas that it would make. TypeBox itself is
 * nearly 700 modules and takes a quarter of a second to load, which every command and every program in a Pod would pay
 * for; test/kinds/type.test.ts holds the two side by side.
 */
type Builders = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
>;

type Schema = Record<string, unknown>;

/** TypeBox's mark of properties that need not be there; not enumerable, so that it is no part of the JSON Schema. */
const optional = '~optional';

const builders = {
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  Null: (options?: Schema) => ({ type: 'null', ...options }),
  Number: (options?: Schema) => ({ type: 'number', ...options }),
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Unknown: (options?: Schema) => ({ ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ anyOf, ...options }),
  /** Keys are any strings: nothing else is a key in JSON. */
  Record: (_keys: Schema, values: Schema, options?: Schema) => ({
    type: 'object',
    patternProperties: { '^.*$': values },
    ...options,
  }),
  Object: (properties: Record<string, Schema>, options?: Schema) => {
    const required = Object.keys(properties).filter((name) => !isOptional(properties[name]));
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options };
  },
  Optional: (schema: Schema) => Object.defineProperty({ ...schema }, optional, { value: true }),
  Unsafe: (schema: Schema) => ({ ...schema }),
};

function isOptional(schema: Schema | undefined): boolean {
  return schema !== undefined && Object.hasOwn(schema, optional);
}

// The types say which values a schema describes, which nothing in the schema itself could tell the compiler.
export const Type = builders as unknown as Builders;
