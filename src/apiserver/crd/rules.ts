import type { ASTNode } from '@marcbachmann/cel-js';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { compileProblem, treeOf, visit } from '../schema/celenvironment.ts';
import { propertyOfName } from '../schema/cel.ts';
import { invalidValue, notSupported, required, type FieldError } from '../status.ts';

/** Whether the CEL rules of a schema compile, and speak of fields it has. */
export function checkSchemaRules(schema: JsonObject, path: string, errors: FieldError[]): void {
  walk(schema, path, undefined, errors);
}

/** `uncorrelatable` is the nearest list whose entries have no identity: what is in it has no old value. */
function walk(schema: JsonObject, path: string, uncorrelatable: string | undefined, errors: FieldError[]): void {
  for (const [index, rule] of listAt(schema, 'x-kubernetes-validations').entries()) {
    if (isObject(rule)) checkRule(rule, schema, `${path}.x-kubernetes-validations[${index}]`, uncorrelatable, errors);
  }
  for (const [name, property] of Object.entries(objectAt(schema, 'properties') ?? {})) {
    if (isObject(property)) walk(property, `${path}.properties[${name}]`, uncorrelatable, errors);
  }
  const values = objectAt(schema, 'additionalProperties');
  if (values !== undefined) walk(values, `${path}.additionalProperties`, uncorrelatable, errors);
  const items = objectAt(schema, 'items');
  if (items === undefined) return;
  const keepsIdentity = schema['x-kubernetes-list-type'] === 'map';
  walk(items, `${path}.items`, keepsIdentity ? uncorrelatable : (uncorrelatable ?? path), errors);
}

const reasons = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];

function checkRule(
  rule: JsonObject,
  schema: JsonObject,
  path: string,
  uncorrelatable: string | undefined,
  errors: FieldError[],
): void {
  const text = stringAt(rule, 'rule') ?? '';
  if (text.trim() === '') {
    errors.push(required(`${path}.rule`, 'rule is not specified'));
    return;
  }
  const problem = compileProblem(text, 'bool') ?? unknownField(text, schema);
  if (problem !== undefined) errors.push(invalidValue(`${path}.rule`, text, `compilation failed: ${problem}`));
  else if (uncorrelatable !== undefined && /\boldSelf\b/.test(text)) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
    errors.push(invalidValue(`${path}.rule`, text, why));
  }
  const message = stringAt(rule, 'message');
  if (message?.includes('\n'))
    errors.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'));
  else if (message !== undefined && message !== '' && message.trim() === '') {
    errors.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'));
  } else if (text.includes('\n') && message === undefined && rule['messageExpression'] === undefined) {
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  checkMessageExpression(rule, schema, path, errors);
  const reason = stringAt(rule, 'reason');
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, reasons));
  checkFieldPath(rule, schema, path, errors);
}

function checkMessageExpression(rule: JsonObject, schema: JsonObject, path: string, errors: FieldError[]): void {
  const expression = stringAt(rule, 'messageExpression');
  if (expression === undefined) return;
  const field = `${path}.messageExpression`;
  if (expression.trim() === '') {
    errors.push(required(field, 'messageExpression must be non-empty if specified'));
    return;
  }
  const problem = compileProblem(expression, 'string') ?? unknownField(expression, schema);
  if (problem !== undefined) {
    errors.push(invalidValue(field, expression, `messageExpression compilation failed: ${problem}`));
  }
}

function checkFieldPath(rule: JsonObject, schema: JsonObject, path: string, errors: FieldError[]): void {
  const fieldPath = stringAt(rule, 'fieldPath');
  if (fieldPath === undefined) return;
  let current: JsonObject | undefined = schema;
  // `.name`, `['quoted name']`
  const steps = fieldPath.match(/\.[A-Za-z_][\w-]*|\['[^']+'\]/g) ?? [];
  for (const step of steps) {
    const name = step.startsWith('.') ? step.slice(1) : step.slice(2, -2);
    current = objectAt(current, 'properties', name) ?? objectAt(current, 'additionalProperties');
  }
  if (steps.length === 0 || steps.join('') !== fieldPath || current === undefined) {
    const why = 'fieldPath must be a valid path: no such field in the schema';
    errors.push(invalidValue(`${path}.fieldPath`, fieldPath, why));
  }
}

/** The first field of `self` or `oldSelf` that an expression names and the schema does not have. */
function unknownField(expression: string, schema: JsonObject): string | undefined {
  let found: string | undefined;
  visit(treeOf(expression), (node) => {
    if (node.op === '.') found ??= missingIn(node, schema).missing;
  });
  return found;
}

/** Follows `self.a.b` in the schema as far as the schema says what is there. */
function missingIn(node: ASTNode, root: JsonObject): { schema?: JsonObject | undefined; missing?: string } {
  if (node.op === 'id') return { schema: node.args === 'self' || node.args === 'oldSelf' ? root : undefined };
  if (node.op !== '.') return {};
  const [of, name] = node.args;
  const { schema, missing } = missingIn(of, root);
  if (missing !== undefined) return { missing };
  if (schema === undefined || schema['type'] !== 'object') return {};
  const properties = objectAt(schema, 'properties');
  const values = objectAt(schema, 'additionalProperties');
  if (values !== undefined) return { schema: values };
  const property = properties && propertyOfName(properties, name);
  if (isObject(property)) return { schema: property };
  // Of embedded objects and of the whole object, these are always known.
  if (name === 'metadata' || name === 'kind' || name === 'apiVersion') return {};
  return { missing: `undefined field '${name}'` };
}
