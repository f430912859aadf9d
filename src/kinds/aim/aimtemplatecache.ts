import { Type } from '../type.ts';
import { conditions, mapOf, stringEnum } from '../schema.ts';
import { defineAimKind } from './define.ts';
import { currentDialect } from './dialect.ts';
import {
  ageColumn,
  cachedModel,
  modelSource,
  observedGeneration,
  overallStatus,
  resolvedReference,
  resourceStatuses,
  runtimeConfigName,
  statusColumn,
  storageClassName,
  stringColumn,
  type AimObject,
} from './fields.ts';
import { envVars, imagePullSecrets } from '../core/fields.ts';

/** AIMTemplateCache [H]: the weights that one template needs (aim.md 8). */

const spec = Type.Object({
  templateName: Type.String({ description: 'Template whose weights are cached.', minLength: 1 }),
  templateScope: stringEnum(['Namespace', 'Cluster', 'Unknown'], {
    description: 'Where the template lives; Unknown looks in the namespace first.',
  }),
  mode: Type.Optional(
    stringEnum(['Shared', 'Dedicated'], {
      description: 'Whether other caches may use the artifacts.',
      default: 'Shared',
    }),
  ),
  storageClassName: Type.Optional(storageClassName()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
  env: Type.Optional(envVars({ description: 'Variables of the downloads.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets({ description: 'Not used.' })),
  downloadImage: Type.Optional(Type.String({ description: 'Not used.' })),
  modelSources: Type.Optional(Type.Array(modelSource, { description: 'Not used.' })),
});

const status = Type.Object({
  status: Type.Optional(overallStatus(resourceStatuses)),
  conditions: Type.Optional(conditions()),
  artifacts: Type.Optional(
    mapOf(cachedModel(resourceStatuses), { description: 'The artifacts that hold the weights, by name.' }),
  ),
  observedGeneration: Type.Optional(observedGeneration()),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedTemplateKind: Type.Optional(Type.String({ description: 'Kind of the template.' })),
});

export type AIMTemplateCache = AimObject<typeof spec, typeof status>;

export const AIMTemplateCache = defineAimKind<AIMTemplateCache>(currentDialect, {
  kind: 'AIMTemplateCache',
  plural: 'aimtemplatecaches',
  shortName: 'aimtc',
  description: 'Keeps the weights that a template needs on volumes.',
  spec,
  status,
  columns: [
    stringColumn('Template', '.spec.templateName'),
    stringColumn('Mode', '.spec.mode'),
    statusColumn,
    stringColumn('Kind', '.status.resolvedTemplateKind'),
    ageColumn,
  ],
});
