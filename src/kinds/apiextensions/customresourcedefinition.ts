import type * as apiextensions from 'kubernetes-types/apiextensions/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { column } from '../kubernetes/columns.ts';

/** CustomResourceDefinition: a kind that users add to the API. */

export type CustomResourceDefinition = Builtin<apiextensions.CustomResourceDefinition, 'spec'>;
export type CustomResourceDefinitionVersion = apiextensions.CustomResourceDefinitionVersion;

export const CustomResourceDefinition = defineBuiltin<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  model: 'V1CustomResourceDefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  columns: [column('Created At', (crd) => crd.metadata.creationTimestamp ?? '<unknown>')],
});
