import type { CelRule } from '../../kinds/schema.ts';
import type { StructuralSchema } from '../../kinds/structural.ts';
import { equalJson, isObject, type JsonObject } from '../json.ts';
import { invalidValue, type FieldError } from '../status.ts';
import { beginRule, exhaustion, resetBudget } from './celbudget.ts';
import { firstLine, optionalOf, programOf } from './celenvironment.ts';
import { entryBefore } from './ratcheting.ts';

/** Evaluates `x-kubernetes-validations`: `self` is the value at the rule's place, `oldSelf` the one it replaces. */

/** An object's rules have used up their budget: the others are not checked. */
class Exhausted extends Error {}

/**
 * Appends an error for every rule in the schema that is false. `previous` is undefined when the object is created. An object's rules share
 * a budget; where it ends, the last error says so. With `ratcheting`, only transition rules fail for values that are as before.
 */
export function checkRules(
  schema: StructuralSchema,
  value: unknown,
  previous: unknown,
  errors: FieldError[],
  ratcheting: boolean,
): void {
  resetBudget();
  try {
    walk(schema, value, previous, ratcheting ? previous : undefined, '', errors);
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
  }
}

/** `previous` is what `oldSelf` is; `before` also has a value in lists whose entries have no identity, where the list is as it was. */
function walk(
  schema: StructuralSchema,
  value: unknown,
  previous: unknown,
  before: unknown,
  path: string,
  errors: FieldError[],
): void {
  if (!hasRules(schema) || value === undefined || value === null) return;
  for (const rule of schema['x-kubernetes-validations'] ?? []) {
    const error = checkRule(rule, schema, value, previous, path);
    const excused = error !== undefined && before !== undefined && !usesOldSelf(rule) && equalJson(value, before);
    if (error !== undefined && !excused) errors.push(error);
    const exhausted = exhaustion(rule.message ?? rule.rule);
    if (exhausted === undefined) continue;
    errors.push(invalidValue(path, schema.type ?? 'any', exhausted));
    throw new Exhausted();
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined || !hasRules(items)) return;
    const same = Array.isArray(before) && equalJson(value, before) ? before : undefined;
    for (const [index, item] of value.entries()) {
      const correlated: unknown = entryBefore(schema, item, before) ?? same?.[index];
      walk(items, item, entryBefore(schema, item, previous), correlated, `${path}[${index}]`, errors);
    }
  } else if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      const fieldSchema = schema.properties?.[name] ?? schema.additionalProperties;
      if (typeof fieldSchema !== 'object') continue;
      const at = path === '' ? name : `${path}.${name}`;
      walk(fieldSchema, field, fieldOf(previous, name), fieldOf(before, name), at, errors);
    }
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function checkRule(
  rule: CelRule,
  schema: StructuralSchema,
  value: unknown,
  previous: unknown,
  path: string,
): FieldError | undefined {
  const isTransition = usesOldSelf(rule);
  const optional = rule.optionalOldSelf === true;
  if (isTransition && previous === undefined && !optional) return undefined;
  const field = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
  const before = isTransition && previous !== undefined ? celValue(schema, previous) : undefined;
  const context = {
    self: celValue(schema, value),
    ...(isTransition && { oldSelf: optional ? optionalOf(before) : before }),
  };
  beginRule();
  try {
    if (programOf(rule.rule)(context) === true) return undefined;
  } catch (error) {
    if (exhaustion('') !== undefined) return undefined;
    const text = `${firstLine(error)} evaluating rule: ${rule.message ?? rule.rule}`;
    return invalidValue(field, schema.type ?? 'any', text);
  }
  const message = messageOf(rule, context);
  const reason = rule.reason ?? 'FieldValueInvalid';
  if (reason === 'FieldValueRequired') return { reason, field, message: `Required value: ${message}` };
  if (reason === 'FieldValueForbidden') return { reason, field, message: `Forbidden: ${message}` };
  if (reason === 'FieldValueDuplicate') return { reason, field, message: `Duplicate value: "${schema.type ?? 'any'}"` };
  return invalidValue(field, schema.type ?? 'any', message);
}

/** A transition rule: it compares with the value before, and does not apply where there is none. */
export function usesOldSelf(rule: CelRule): boolean {
  return /\boldSelf\b/.test(rule.rule);
}

function messageOf(rule: CelRule, context: Record<string, unknown>): string {
  if (rule.messageExpression !== undefined) {
    try {
      const text: unknown = programOf(rule.messageExpression)(context);
      if (typeof text === 'string' && text !== '') return text;
    } catch {
      // Kubernetes falls back to the fixed message, too.
    }
  }
  return rule.message ?? `failed rule: ${rule.rule.trim()}`;
}

const withRules = new WeakMap<StructuralSchema, boolean>();

/** Whether a schema or one below it has rules: most of an object's value is never visited. */
function hasRules(schema: StructuralSchema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  // A type that contains itself (the schema of schemas) must not be asked again while the answer is being found.
  withRules.set(schema, false);
  const { items, properties, additionalProperties } = schema;
  const found =
    schema['x-kubernetes-validations'] !== undefined ||
    (items !== undefined && hasRules(items)) ||
    (typeof additionalProperties === 'object' && hasRules(additionalProperties)) ||
    Object.values(properties ?? {}).some(hasRules);
  withRules.set(schema, found);
  return found;
}

/** JSON as CEL sees it at this schema: integers are ints, timestamps and durations their types. */
function celValue(schema: StructuralSchema | undefined, value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) && schema?.type !== 'number' ? BigInt(value) : value;
  if (typeof value === 'string' && schema?.format === 'date-time') return new Date(value);
  if (Array.isArray(value)) return value.map((item) => celValue(schema?.items, item));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === '__proto__') continue;
    const property = schema?.properties?.[name];
    const fieldSchema =
      property ?? (typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined);
    const converted = celValue(fieldSchema, field);
    result[name] = converted;
    if (property !== undefined) {
      const escaped = escapedName(name);
      if (escaped !== name) result[escaped] = converted;
    }
  }
  return result;
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Property names that are no CEL identifiers are written escaped in rules (`self.__namespace__`, `self.a__dash__b`). */
function escapedName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** The property that a rule calls by this name. */
export function propertyOfName(properties: JsonObject, name: string): unknown {
  if (Object.hasOwn(properties, name)) return properties[name];
  const own = Object.keys(properties).find((property) => escapedName(property) === name);
  return own === undefined ? undefined : properties[own];
}
