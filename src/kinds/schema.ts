import { Type, type Static, type TProperties, type TSchema, type TSchemaOptions } from './type.ts';

/**
 * Field types that Kubernetes schemas use and JSON Schema has no word for. All return plain JSON Schema that is also a
 * valid CRD structural schema (no `const`, no `anyOf` for enums, maps as `additionalProperties`).
 */

/** Extensions of a structural schema (apiextensions.k8s.io/v1 JSONSchemaProps). */
export interface StructuralOptions extends TSchemaOptions {
  description?: string;
  default?: unknown;
  'x-kubernetes-validations'?: readonly CelRule[];
  'x-kubernetes-preserve-unknown-fields'?: true;
}

/** One CEL rule; `message` is what the user reads when the rule is false. */
export interface CelRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueForbidden' | 'FieldValueDuplicate';
  fieldPath?: string;
  /** The rule runs on creation, too: `oldSelf` is an optional, empty then. */
  optionalOldSelf?: boolean;
}

export function stringEnum<const V extends readonly string[]>(values: V, options: StructuralOptions = {}) {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options });
}

/** map[string]string */
export function stringMap(options: StructuralOptions & { minProperties?: number; maxProperties?: number } = {}) {
  return mapOf(Type.String(), options);
}

export function mapOf<S extends TSchema>(
  values: S,
  options: StructuralOptions & { minProperties?: number; maxProperties?: number } = {},
) {
  return Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: values, ...options });
}

/** A list whose entries are merged and found by the given key fields (x-kubernetes-list-type: map). */
export function listMap<S extends TSchema>(
  keys: readonly string[],
  items: S,
  options: StructuralOptions & { minItems?: number; maxItems?: number } = {},
) {
  return Type.Array(items, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...keys], ...options });
}

/** A list without duplicates (x-kubernetes-list-type: set). */
export function listSet<S extends TSchema>(
  items: S,
  options: StructuralOptions & { minItems?: number; maxItems?: number } = {},
) {
  return Type.Array(items, { 'x-kubernetes-list-type': 'set', ...options });
}

export function int32(options: StructuralOptions & { minimum?: number; maximum?: number } = {}) {
  return Type.Integer({ format: 'int32', ...options });
}

export function intOrString(options: StructuralOptions = {}) {
  return Type.Unsafe<number | string>({ 'x-kubernetes-int-or-string': true, ...options });
}

/** Any JSON object, kept as it is. */
export function freeForm(options: StructuralOptions = {}) {
  return Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    ...options,
  });
}

/** metav1.Condition list, keyed by type. */
export function conditions(options: StructuralOptions & { maxItems?: number } = {}) {
  return listMap(['type'], conditionSchema, { description: 'What was found out about the object.', ...options });
}

const conditionSchema = Type.Object({
  type: Type.String({
    description: 'What the condition is about.',
    maxLength: 316,
    pattern:
      '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
  }),
  status: stringEnum(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
  reason: Type.String({
    description: 'One word for programs that says why.',
    minLength: 1,
    maxLength: 1024,
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
  }),
  message: Type.String({ description: 'A sentence for people that says why.', maxLength: 32768 }),
  observedGeneration: Type.Optional(
    Type.Integer({ format: 'int64', minimum: 0, description: 'Generation of the object that was looked at.' }),
  ),
  lastTransitionTime: Type.String({ format: 'date-time', description: 'When the status changed last.' }),
});

/** metav1.LabelSelector */
export function labelSelector(options: StructuralOptions = {}) {
  return Type.Object(
    {
      matchLabels: Type.Optional(stringMap({ description: 'Labels with exactly these values.' })),
      matchExpressions: Type.Optional(
        Type.Array(
          Type.Object({
            key: Type.String({ description: 'Label the term is about.' }),
            operator: Type.String({ description: 'In, NotIn, Exists or DoesNotExist.' }),
            values: Type.Optional(Type.Array(Type.String(), { description: 'Values for In and NotIn.' })),
          }),
          { description: 'Terms that must all hold.' },
        ),
      ),
    },
    options,
  );
}

/** The schema of a whole object: its top-level fields beside apiVersion, kind and metadata. */
export function objectSchema<P extends TProperties>(properties: P, options: StructuralOptions = {}) {
  return Type.Object(properties, options);
}
