import { apiVersionOf, type Kind, type KindVersion } from '../../kinds/kind.ts';
import { modelSchema } from '../../kinds/kubernetes/models.ts';
import { structuralSchemaOf, type StructuralSchema } from '../../kinds/structural.ts';
import type { JsonObject } from '../json.ts';
import { badRequest, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { checkRules } from './cel.ts';
import { checkLists } from './lists.ts';
import { checkMetadata } from './metadata.ts';
import { ratcheted } from './ratcheting.ts';
import { applySchema } from './structure.ts';
import { checkValue } from './values.ts';

/** One version of a kind as the server handles it: its schema made ready to decode and validate objects. */
export interface ObjectSchema {
  /** The schema of the whole object, with apiVersion, kind and metadata. */
  readonly structural: StructuralSchema;
  /** Prunes, defaults and types an object from outside. Unknown fields are appended to `unknownFields`. */
  decode(value: JsonObject, unknownFields: string[]): StoredObject;
  validate(object: StoredObject, previous: StoredObject | undefined): FieldError[];
}

const blocking = new Set<FieldError['reason']>([
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

export function compileObjectSchema(kind: Kind, version: KindVersion): ObjectSchema {
  const own = structuralSchemaOf(version);
  const metadata = modelSchema('V1ObjectMeta');
  const string: StructuralSchema = { type: 'string' };
  const structural: StructuralSchema = {
    ...own,
    type: 'object',
    properties: { apiVersion: string, kind: string, metadata, ...own.properties },
  };
  const words = kind.builtin ? 'builtin' : 'custom';
  const apiVersion = apiVersionOf(kind, version.name);

  return {
    structural,
    decode(value, unknownFields) {
      const context = { kind: kind.kind, version: version.name, unknownFields };
      const { metadata: givenMetadata, ...rest } = value;
      const decodedMetadata = applySchema(metadata, givenMetadata ?? {}, 'metadata', { ...context, builtin: true });
      const decoded = applySchema(structural, rest, '', { ...context, builtin: kind.builtin });
      if (!isFields(decodedMetadata) || !isFields(decoded)) {
        throw badRequest(`the body is not a ${kind.kind}: metadata must be an object`);
      }
      const { name, ...otherMetadata } = decodedMetadata;
      return {
        ...decoded,
        apiVersion,
        kind: kind.kind,
        metadata: { name: typeof name === 'string' ? name : '', ...otherMetadata },
      };
    },
    validate,
  };

  function validate(object: StoredObject, previous: StoredObject | undefined): FieldError[] {
    const before = kind.builtin ? undefined : previous;
    const errors = [
      ...checkMetadata(kind, object),
      ...ratcheted(structural, object, before, checkValue(structural, object, words, before)),
    ];
    const lists: FieldError[] = [];
    checkLists(structural, changedFields(object, before), '', lists, kind.builtin);
    if (lists.length > 0 && !hadListErrors(structural, before)) errors.push(...lists);
    // A value of the wrong shape would only make rules fail to evaluate.
    if (!errors.some((error) => blocking.has(error.reason))) {
      checkRules(structural, object, previous, errors, !kind.builtin);
    }
    return errors;
  }
}

/** Without the fields that are the very ones of before. */
function changedFields(object: StoredObject, before: StoredObject | undefined): JsonObject {
  if (before === undefined) return object;
  return Object.fromEntries(Object.entries(object).filter(([name, value]) => value !== before[name]));
}

/** Lists that had entries twice before are excused altogether, as in Kubernetes. */
function hadListErrors(schema: StructuralSchema, previous: StoredObject | undefined): boolean {
  if (previous === undefined) return false;
  const errors: FieldError[] = [];
  checkLists(schema, previous, '', errors, false);
  return errors.length > 0;
}

function isFields(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
