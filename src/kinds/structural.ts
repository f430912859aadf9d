import type { TSchema } from './type.ts';
import type { KindVersion } from './kind.ts';
import type { CelRule } from './schema.ts';

/**
 * A schema as code that walks it sees it: the JSON Schema keywords of a structural schema (apiextensions.k8s.io/v1
 * JSONSchemaProps) and the extensions Headgate's kinds use.
 */
export interface StructuralSchema extends TSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  description?: string;
  nullable?: boolean;
  default?: unknown;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema | boolean;
  items?: StructuralSchema;
  required?: readonly string[];
  enum?: readonly unknown[];
  'x-kubernetes-validations'?: readonly CelRule[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'granular' | 'atomic';
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  /** The Kubernetes type this is the schema of, shared by every schema that contains it (kubernetes/models.ts). */
  'x-model'?: string;
}

/** The schema of a version's objects, without apiVersion, kind and metadata. */
export function structuralSchemaOf(version: KindVersion): StructuralSchema {
  return isFunction(version.schema) ? version.schema() : version.schema;
}

function isFunction(schema: KindVersion['schema']): schema is () => TSchema {
  return typeof schema === 'function';
}
