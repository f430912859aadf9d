import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { StructuralSchema } from '../../kinds/structural.ts';
import { invalidValue, notSupported, required, shown, type FieldError } from '../status.ts';

/**
 * Checks values against the JSON Schema keywords of a schema, in the words of kube-apiserver. Unknown fields and defaults
 * are the business of structure.ts, rules of cel.ts.
 */
export type ValueCheck = (value: unknown) => FieldError[];

const ajv = new Ajv({
  strict: false,
  logger: false,
  allErrors: true,
  verbose: true,
  ownProperties: true,
  unicodeRegExp: false,
  formats: {
    int32: { type: 'number', validate: (value: number) => value >= -2147483648 && value <= 2147483647 },
    int64: { type: 'number', validate: () => true },
    'date-time': (text: string) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(Date.parse(text)),
    byte: (text: string) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
    quantity: (text: string) => /^[+-]?(\d+|\d+\.\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.test(text),
  },
});
ajv.addKeyword({
  keyword: 'x-kubernetes-int-or-string',
  validate: (wanted: boolean, value: unknown) => !wanted || typeof value === 'string' || Number.isInteger(value),
});

/** Compiles on first use: a Pod's schema takes a while. */
export function compileValueCheck(schema: StructuralSchema, builtin: boolean): ValueCheck {
  let compiled: ValidateFunction | undefined;
  return (value) => {
    compiled ??= ajv.compile(withSharedDefinitions(schema));
    if (compiled(value)) return [];
    return (compiled.errors ?? [])
      .filter((error) => !insideBranch(error.schemaPath))
      .map((error) => (builtin ? builtinError(error, value) : undefined) ?? fieldError(error, value));
  };
}

/** Kubernetes' types appear many times in one schema: they become references, so that each is compiled once. */
function withSharedDefinitions(root: StructuralSchema): object {
  const definitions: Record<string, unknown> = {};
  const visit = (schema: StructuralSchema): object => {
    const { properties, items, additionalProperties } = schema;
    return {
      ...schema,
      ...(properties !== undefined && {
        properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, reference(field)])),
      }),
      ...(items !== undefined && { items: reference(items) }),
      ...(typeof additionalProperties === 'object' && { additionalProperties: reference(additionalProperties) }),
    };
  };
  const reference = (schema: StructuralSchema): object => {
    const model = schema['x-model'];
    if (model === undefined || schema.type !== 'object') return visit(schema);
    if (!Object.hasOwn(definitions, model)) {
      definitions[model] = undefined;
      definitions[model] = visit(schema);
    }
    return { $ref: `#/$defs/${model}` };
  };
  return { ...visit(root), $defs: definitions };
}

/** Errors of the branches of anyOf and oneOf only repeat what the error of the whole says. */
function insideBranch(schemaPath: string): boolean {
  return /\/(anyOf|oneOf|not)\//.test(schemaPath);
}

/** What the validation of Kubernetes' own kinds, which is written in Go, says otherwise than that of custom resources. */
function builtinError(error: ErrorObject, root: unknown): FieldError | undefined {
  const field = fieldPath(error.instancePath, root);
  const { minimum, maximum } = (error.parentSchema ?? {}) as { minimum?: number; maximum?: number };
  switch (error.keyword) {
    case 'minItems':
      return required(field);
    case 'minimum':
    case 'maximum': {
      const value: unknown = error.data;
      // 0 stands for a port that is not set.
      if (maximum === 65535) return invalidValue(field, value, 'must be between 1 and 65535, inclusive');
      if (minimum === undefined) return invalidValue(field, value, `must be less than or equal to ${maximum}`);
      if (maximum === undefined) return invalidValue(field, value, `must be greater than or equal to ${minimum}`);
      return invalidValue(field, value, `must be between ${minimum} and ${maximum}, inclusive`);
    }
    default:
      return undefined;
  }
}

function fieldError(error: ErrorObject, root: unknown): FieldError {
  const field = fieldPath(error.instancePath, root);
  const params: Record<string, unknown> = error.params;
  const value: unknown = error.data;
  const limit = Number(params['limit']);
  const inBody = `${field} in body`;
  switch (error.keyword) {
    case 'required': {
      const missing = String(params['missingProperty']);
      return required(field === '' ? missing : `${field}.${missing}`);
    }
    case 'enum':
      return notSupported(field, value, listOf(params['allowedValues']));
    case 'type':
      return typeInvalid(field, value, String(params['type']));
    case 'x-kubernetes-int-or-string':
      return typeInvalid(field, value, 'integer or string');
    case 'maxLength':
      return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${limit} bytes` };
    case 'maxItems':
    case 'maxProperties': {
      const actual = sizeOf(value);
      return { reason: 'FieldValueTooMany', field, message: `Too many: ${actual}: must have at most ${limit} items` };
    }
    case 'minItems':
      return invalidValue(
        field,
        Array.isArray(value) ? value.length : 0,
        `${inBody} should have at least ${limit} items`,
      );
    case 'minProperties':
      return invalidValue(field, sizeOf(value), `${inBody} should have at least ${limit} properties`);
    case 'minLength':
      return invalidValue(field, value, `${inBody} should be at least ${limit} chars long`);
    case 'pattern':
      return invalidValue(field, value, `${inBody} should match '${String(params['pattern'])}'`);
    case 'minimum':
      return invalidValue(field, value, `${inBody} should be greater than or equal to ${limit}`);
    case 'maximum':
      return invalidValue(field, value, `${inBody} should be less than or equal to ${limit}`);
    case 'exclusiveMinimum':
      return invalidValue(field, value, `${inBody} should be greater than ${limit}`);
    case 'exclusiveMaximum':
      return invalidValue(field, value, `${inBody} should be less than ${limit}`);
    case 'multipleOf':
      return invalidValue(field, value, `${inBody} should be a multiple of ${String(params['multipleOf'])}`);
    case 'format':
      return invalidValue(field, value, formatMessage(inBody, String(params['format']), value));
    case 'oneOf':
      return invalidValue(field, value, `${shown(field)} must validate one and only one schema (oneOf)`);
    case 'anyOf':
      return invalidValue(field, value, `${shown(field)} must validate at least one schema (anyOf)`);
    case 'not':
      return invalidValue(field, value, `${shown(field)} must not validate the schema (not)`);
    default:
      return invalidValue(field, value, `${inBody} ${error.message ?? `breaks ${error.keyword}`}`);
  }
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

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `/spec/rules/0/name` as Kubernetes writes it: `spec.rules[0].name`. */
function fieldPath(pointer: string, root: unknown): string {
  let path = '';
  let value: unknown = root;
  for (const escaped of pointer.split('/').slice(1)) {
    const part = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      path += `[${part}]`;
      value = value[Number(part)];
    } else {
      path += path === '' ? part : `.${part}`;
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
    }
  }
  return path;
}
