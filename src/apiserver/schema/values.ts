import type { StructuralSchema } from '../../kinds/structural.ts';
import { equalJson, isObject, type JsonObject } from '../json.ts';
import { invalidValue, notSupported, required, shown, type FieldError } from '../status.ts';
import { compilePattern } from './patterns.ts';

/**
 * Checks values against the JSON Schema keywords of a schema, in the words of kube-apiserver. Unknown fields and defaults
 * are the business of structure.ts, rules of cel.ts.
 *
 * The schema is followed as it is. A compiler of validators (ajv) takes some 100 ms for each of a cluster's larger kinds, which made
 * most of the start of `headgate up`, and its code stays in memory; following a Pod's schema takes some ten microseconds.
 * test/apiserver/schema/values.test.ts compares the two.
 */

/** Kubernetes' own kinds, whose validation is written in Go, say some things otherwise than custom resources. */
export type Words = 'builtin' | 'custom';

/** A schema of a CustomResourceDefinition may say more than our own kinds do. */
interface ValueSchema extends StructuralSchema {
  maximum?: number;
  minimum?: number;
  /** A number, or true: `maximum` itself is not allowed. */
  exclusiveMaximum?: number | boolean;
  exclusiveMinimum?: number | boolean;
  multipleOf?: number;
  maxLength?: number;
  minLength?: number;
  pattern?: string;
  maxItems?: number;
  minItems?: number;
  maxProperties?: number;
  minProperties?: number;
  patternProperties?: Record<string, ValueSchema>;
  allOf?: readonly ValueSchema[];
  anyOf?: readonly ValueSchema[];
  oneOf?: readonly ValueSchema[];
  not?: ValueSchema;
}

/**
 * All that is wrong with a value; fields are named from it on (`spec.rules[0].name`). Fields of the value that are the very ones of
 * `before` are taken to be right.
 */
export function checkValue(schema: StructuralSchema, value: unknown, words: Words, before?: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  checkNode(schema, value, { field: '', words, errors, ...(before && { before }) });
  return errors;
}

interface Place {
  readonly field: string;
  readonly words: Words;
  readonly errors: FieldError[];
  readonly before?: JsonObject;
}

function checkNode(schema: ValueSchema, value: unknown, place: Place): void {
  if (!hasType(schema, value)) {
    place.errors.push(typeInvalid(place.field, value, schema.type ?? ''));
    return;
  }
  if (typeof value === 'number') checkNumber(schema, value, place);
  else if (typeof value === 'string') checkString(schema, value, place);
  checkAnyType(schema, value, place);
  if (Array.isArray(value)) checkArray(schema, value, place);
  else if (isObject(value)) checkObject(schema, value, place);
}

function hasType({ type, nullable }: ValueSchema, value: unknown): boolean {
  switch (type) {
    case undefined:
      return true;
    case 'object':
      if (isObject(value)) return true;
      break;
    case 'array':
      if (Array.isArray(value)) return true;
      break;
    case 'integer':
      if (Number.isInteger(value)) return true;
      break;
    case 'number':
      if (Number.isFinite(value)) return true;
      break;
    default:
      if (typeof value === type) return true;
  }
  return nullable === true && value === null;
}

function checkNumber(schema: ValueSchema, value: number, place: Place): void {
  const { maximum, minimum, exclusiveMaximum, exclusiveMinimum, multipleOf, format } = schema;
  const wrong = (why: string): void => {
    place.errors.push(invalidValue(place.field, value, why));
  };
  const inBody = `${place.field} in body should be`;
  if (maximum !== undefined && value > maximum) {
    wrong(place.words === 'builtin' ? outOfRange(schema) : `${inBody} less than or equal to ${maximum}`);
  }
  if (minimum !== undefined && value < minimum) {
    wrong(place.words === 'builtin' ? outOfRange(schema) : `${inBody} greater than or equal to ${minimum}`);
  }
  const below = exclusiveMaximum === true ? maximum : exclusiveMaximum;
  if (typeof below === 'number' && value >= below && !(maximum !== undefined && value > maximum)) {
    wrong(`${inBody} less than ${below}`);
  }
  const above = exclusiveMinimum === true ? minimum : exclusiveMinimum;
  if (typeof above === 'number' && value <= above && !(minimum !== undefined && value < minimum)) {
    wrong(`${inBody} greater than ${above}`);
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) wrong(`${inBody} a multiple of ${multipleOf}`);
  if (format === 'int32' && (value < -2147483648 || value > 2147483647)) {
    wrong(formatMessage(`${place.field} in body`, format, value));
  }
}

function outOfRange({ minimum, maximum }: ValueSchema): string {
  // 0 stands for a port that is not set.
  if (maximum === 65535) return 'must be between 1 and 65535, inclusive';
  if (minimum === undefined) return `must be less than or equal to ${maximum ?? 0}`;
  if (maximum === undefined) return `must be greater than or equal to ${minimum}`;
  return `must be between ${minimum} and ${maximum}, inclusive`;
}

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(Date.parse(text)),
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  quantity: (text) => /^[+-]?(\d+|\d+\.\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.test(text),
};

function checkString(schema: ValueSchema, value: string, { field, errors }: Place): void {
  const { maxLength, minLength, pattern, format } = schema;
  const length = maxLength === undefined && minLength === undefined ? 0 : charactersIn(value);
  if (maxLength !== undefined && length > maxLength) {
    errors.push({ reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxLength} bytes` });
  }
  if (minLength !== undefined && length < minLength) {
    errors.push(invalidValue(field, value, `${field} in body should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !compilePattern(pattern).test(value)) {
    errors.push(invalidValue(field, value, `${field} in body should match '${pattern}'`));
  }
  if (format !== undefined && Object.hasOwn(formats, format) && formats[format]?.(value) === false) {
    errors.push(invalidValue(field, value, formatMessage(`${field} in body`, format, value)));
  }
}

/** A pair of surrogates is one. */
function charactersIn(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    count++;
    if ((text.codePointAt(at) ?? 0) > 0xffff) at++;
  }
  return count;
}

function checkAnyType(schema: ValueSchema, value: unknown, place: Place): void {
  const { not, anyOf, oneOf, allOf } = schema;
  const { field, errors } = place;
  if (schema.enum?.some((allowed) => equalJson(allowed, value)) === false) {
    errors.push(notSupported(field, value, [...schema.enum]));
  }
  if (not !== undefined && fits(not, value, place)) {
    errors.push(invalidValue(field, value, `${shown(field)} must not validate the schema (not)`));
  }
  if (anyOf?.some((branch) => fits(branch, value, place)) === false) {
    errors.push(invalidValue(field, value, `${shown(field)} must validate at least one schema (anyOf)`));
  }
  if (oneOf !== undefined && oneOf.filter((branch) => fits(branch, value, place)).length !== 1) {
    errors.push(invalidValue(field, value, `${shown(field)} must validate one and only one schema (oneOf)`));
  }
  for (const branch of allOf ?? []) checkNode(branch, value, place);
  if (schema['x-kubernetes-int-or-string'] === true && typeof value !== 'string' && !Number.isInteger(value)) {
    if (!(schema.nullable === true && value === null)) errors.push(typeInvalid(field, value, 'integer or string'));
  }
}

/** What is wrong in a branch of anyOf, oneOf or not would only repeat what the error of the whole says. */
function fits(schema: ValueSchema, value: unknown, place: Place): boolean {
  const errors: FieldError[] = [];
  // Not what was there before: inside of `not`, what is right is wrong.
  checkNode(schema, value, { field: place.field, words: place.words, errors });
  return errors.length === 0;
}

function checkArray(schema: ValueSchema, value: readonly unknown[], place: Place): void {
  const { maxItems, minItems, items } = schema;
  const { field, words, errors } = place;
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(field, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) {
    const why = `${field} in body should have at least ${minItems} items`;
    errors.push(words === 'builtin' ? required(field) : invalidValue(field, value.length, why));
  }
  if (items === undefined) return;
  for (const [index, item] of value.entries()) {
    checkNode(items, item, { field: `${field}[${index}]`, words, errors });
  }
}

function checkObject(schema: ValueSchema, value: JsonObject, place: Place): void {
  const { maxProperties, minProperties, properties, patternProperties, additionalProperties } = schema;
  const { field, words, errors } = place;
  const names = Object.keys(value);
  if (maxProperties !== undefined && names.length > maxProperties) {
    errors.push(tooMany(field, names.length, maxProperties));
  }
  if (minProperties !== undefined && names.length < minProperties) {
    errors.push(invalidValue(field, names.length, `${field} in body should have at least ${minProperties} properties`));
  }
  const below = (name: string): string => (field === '' ? name : `${field}.${name}`);
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name) || value[name] === undefined) errors.push(required(below(name)));
  }
  for (const name of names) {
    const given = value[name];
    if (given === undefined || given === place.before?.[name]) continue;
    const check = (one: ValueSchema): void => {
      checkNode(one, given, { field: below(name), words, errors });
    };
    const own = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    const matching = Object.entries(patternProperties ?? {}).filter(([pattern]) => new RegExp(pattern).test(name));
    if (own !== undefined) check(own);
    for (const [, one] of matching) check(one);
    if (own !== undefined || matching.length > 0) continue;
    if (typeof additionalProperties === 'object') check(additionalProperties);
    else if (additionalProperties === false) {
      errors.push(invalidValue(field, value, `${field} in body must NOT have additional properties`));
    }
  }
}

function tooMany(field: string, actual: number, limit: number): FieldError {
  return { reason: 'FieldValueTooMany', field, message: `Too many: ${actual}: must have at most ${limit} items` };
}

function typeInvalid(field: string, value: unknown, type: string): FieldError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const message = `Invalid value: ${shown(found)}: ${field} in body must be of type ${type}: ${shown(found)}`;
  return { reason: 'FieldValueTypeInvalid', field, message };
}

function formatMessage(inBody: string, format: string, value: unknown): string {
  if (format === 'quantity') {
    return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  }
  return `${inBody} must be of type ${format}: ${shown(value)}`;
}
