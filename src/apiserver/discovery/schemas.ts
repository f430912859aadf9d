import { describeModel } from '../../kinds/kubernetes/descriptions.ts';
import type { StructuralSchema } from '../../kinds/structural.ts';
import type { Served } from '../resources.ts';
import { modelName, packageOf } from './modelnames.ts';

/** The schemas of kinds as OpenAPI documents hold them, in the dialect of version 2 or 3. */

export interface Dialect {
  /** Where schemas are that others refer to. */
  prefix: '#/definitions/' | '#/components/schemas/';
  version: 2 | 3;
}

export type SchemaSet = Record<string, unknown>;

interface Document {
  schemas: SchemaSet;
  dialect: Dialect;
  /** The group whose types are being described. */
  group: string;
}

export function schemaName({ kind, version }: Served): string {
  if (kind.builtin) return `${packageOf(kind.group)}.${version.name}.${kind.kind}`;
  return `${kind.group.split('.').toReversed().join('.')}.${version.name}.${kind.kind}`;
}

export function groupVersionKind({ kind, version }: Served) {
  return { group: kind.group, version: version.name, kind: kind.kind };
}

/** Adds the schema of a kind's objects, and the types of Kubernetes' own it refers to. */
export function addSchemas(served: Served, schemas: SchemaSet, dialect: Dialect): void {
  const { structural } = served.schema();
  const whole = convert(structural, { schemas, dialect, group: served.kind.group });
  const properties = isRecord(whole['properties']) ? whole['properties'] : {};
  schemas[schemaName(served)] = {
    ...whole,
    properties: { ...properties, ...withDescriptions(properties) },
    'x-kubernetes-group-version-kind': [groupVersionKind(served)],
  };
}

const always: Readonly<Record<string, string>> = {
  apiVersion: 'Group and version of the schema that this object is written in.',
  kind: 'Name of the kind that this object is one of.',
  metadata: 'Standard metadata: name, namespace, labels, annotations and what the server adds.',
};

function withDescriptions(properties: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(always).map(([name, description]) => [name, { description, ...asRecord(properties[name]) }]),
  );
}

/** Keywords only the server needs stay out of the document. */
const hidden = new Set([
  'x-model',
  'x-kubernetes-validations',
  'properties',
  'items',
  'additionalProperties',
  'required',
]);

/** Version 2 has no word for these. */
const onlyInVersion3 = new Set(['oneOf', 'anyOf', 'not', 'nullable']);

function convert(schema: StructuralSchema, document: Document): Record<string, unknown> {
  const { dialect } = document;
  const { properties, items, additionalProperties, required } = schema;
  const keywords = Object.fromEntries(
    Object.entries(schema).filter(
      ([name]) => !hidden.has(name) && (dialect.version === 3 || !onlyInVersion3.has(name)),
    ),
  );
  const described = schema['x-model'] ? describeModel(schema['x-model']) : undefined;
  return {
    ...(described?.description !== undefined && { description: described.description }),
    ...keywords,
    ...typeWords(schema, dialect),
    ...(required !== undefined && required.length > 0 && { required }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => {
          const description = described?.fields[name];
          return [name, { ...(description !== undefined && { description }), ...reference(field, document) }];
        }),
      ),
    }),
    ...(items !== undefined && { items: reference(items, document) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'object' ? reference(additionalProperties, document) : additionalProperties,
    }),
  };
}

/** How a dialect says that a value may be an integer or a string, or anything. */
function typeWords(schema: StructuralSchema, { version }: Dialect): object {
  if (schema.type !== undefined) return {};
  if (schema['x-kubernetes-int-or-string'] === true) {
    return version === 3
      ? { oneOf: [{ type: 'integer' }, { type: 'string' }] }
      : { type: 'string', format: 'int-or-string' };
  }
  return version === 2 ? { type: 'object' } : {};
}

/** Kubernetes' own types become schemas of their own, once per document. */
function reference(schema: StructuralSchema, document: Document): Record<string, unknown> {
  const { schemas, dialect } = document;
  const model = schema['x-model'];
  if (model === undefined) return convert(schema, document);
  const { name, group } = modelName(model, document.group);
  if (schemas[name] === undefined) {
    schemas[name] = {};
    const { default: _default, ...plain } = schema;
    schemas[name] = convert(plain, { ...document, group });
  }
  const $ref = `${dialect.prefix}${name}`;
  if (dialect.version === 2) return { $ref };
  return { allOf: [{ $ref }], ...(schema.default !== undefined && { default: schema.default }) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
