import { createRequire } from 'node:module';
import type * as ajvLibrary from 'ajv';
import type { Static, TSchema } from './type.ts';

/** Where a value from outside is not what its schema says. */
export interface Problem {
  /** JSON pointer to the part that is wrong, '' for the whole. */
  instancePath: string;
  message: string;
}

// Loaded when something is first checked: many programs never do.
const requireLater = createRequire(import.meta.url);
const compiled = new WeakMap<TSchema, ajvLibrary.ValidateFunction>();
let ajv: ajvLibrary.Ajv | undefined;

/** Whether a value from outside is what `schema` describes; formats are not looked at. Compiled when it is first asked. */
export function matches<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return validatorOf(schema)(value);
}

/** The first thing that is wrong with `value`; undefined when nothing is. */
export function problemWith(schema: TSchema, value: unknown): Problem | undefined {
  const validate = validatorOf(schema);
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return { instancePath: error?.instancePath ?? '', message: error?.message ?? 'is not valid' };
}

function validatorOf(schema: TSchema): ajvLibrary.ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  ajv ??= createAjv();
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

function createAjv(): ajvLibrary.Ajv {
  const library = requireLater('ajv') as typeof ajvLibrary;
  return new library.Ajv({ strict: false, validateFormats: false, logger: false });
}
