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
    walk({ schema, value, previous, before: ratcheting ? previous : undefined, path: '' }, errors);
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
  }
}

/** A value on the walk, and where it is. */
interface Place {
  readonly schema: StructuralSchema;
  readonly value: unknown;
  /** What `oldSelf` is. */
  readonly previous: unknown;
  /** The same, but also in lists whose entries have no identity, where the list is as it was. */
  readonly before: unknown;
  readonly path: string;
  /** The value as CEL sees it, where a rule further up had it converted. */
  readonly self?: unknown;
}

function walk({ schema, value, previous, before, path, self: known }: Place, errors: FieldError[]): void {
  if (!rulesIn(schema).any || value === undefined || value === null) return;
  // The very value of before: only rules that compare the two could fail for it. So a write of a status leaves the spec alone.
  if (value === before && !rulesIn(schema).transition) return;
  const rules = schema['x-kubernetes-validations'] ?? [];
  const self = known === undefined && rules.length > 0 ? celValue(schema, value) : known;
  for (const rule of rules) {
    const error = checkRule(rule, schema, self, previous, path);
    const excused = error !== undefined && before !== undefined && !usesOldSelf(rule) && equalJson(value, before);
    if (error !== undefined && !excused) errors.push(error);
    const exhausted = exhaustion(rule.message ?? rule.rule);
    if (exhausted === undefined) continue;
    errors.push(invalidValue(path, schema.type ?? 'any', exhausted));
    throw new Exhausted();
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined || !rulesIn(items).any) return;
    const same = Array.isArray(before) && equalJson(value, before) ? before : undefined;
    for (const [index, item] of value.entries()) {
      const correlated: unknown = entryBefore(schema, item, before) ?? same?.[index];
      const was = entryBefore(schema, item, previous);
      const at = `${path}[${index}]`;
      walk(
        { schema: items, value: item, previous: was, before: correlated, path: at, self: itemOf(self, index) },
        errors,
      );
    }
  } else if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      const below = schema.properties?.[name] ?? schema.additionalProperties;
      if (typeof below !== 'object') continue;
      const at = path === '' ? name : `${path}.${name}`;
      walk(
        {
          schema: below,
          value: field,
          previous: fieldOf(previous, name),
          before: fieldOf(before, name),
          path: at,
          self: fieldOf(self, name),
        },
        errors,
      );
    }
  }
}

function itemOf(value: unknown, index: number): unknown {
  return Array.isArray(value) ? value[index] : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function checkRule(
  rule: CelRule,
  schema: StructuralSchema,
  self: unknown,
  previous: unknown,
  path: string,
): FieldError | undefined {
  const isTransition = usesOldSelf(rule);
  const optional = rule.optionalOldSelf === true;
  if (isTransition && previous === undefined && !optional) return undefined;
  const field = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
  const before = isTransition && previous !== undefined ? celValue(schema, previous) : undefined;
  const context = {
    self,
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
  let found = transitions.get(rule);
  if (found === undefined) transitions.set(rule, (found = /\boldSelf\b/.test(rule.rule)));
  return found;
}

const transitions = new WeakMap<CelRule, boolean>();

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

/** Whether a schema or one below it has rules, and such that compare with the value before. */
interface RulesIn {
  readonly any: boolean;
  readonly transition: boolean;
}

const rulesBySchema = new WeakMap<StructuralSchema, RulesIn>();

/** Most of an object's value is never visited. */
function rulesIn(schema: StructuralSchema): RulesIn {
  const known = rulesBySchema.get(schema);
  if (known !== undefined) return known;
  // A type that contains itself (the schema of schemas) must not be asked again while the answer is being found.
  rulesBySchema.set(schema, { any: false, transition: false });
  const { items, properties, additionalProperties } = schema;
  const own = schema['x-kubernetes-validations'] ?? [];
  const below = [
    ...(items === undefined ? [] : [items]),
    ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
    ...Object.values(properties ?? {}),
  ].map(rulesIn);
  const found = {
    any: own.length > 0 || below.some(({ any }) => any),
    transition: own.some(usesOldSelf) || below.some(({ transition }) => transition),
  };
  rulesBySchema.set(schema, found);
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
  if (!/__|[.\-/]/.test(name)) return name;
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
