import { Type } from '../../type.ts';
import { conditions, mapOf } from '../../schema.ts';
import { defineAimKind } from '../define.ts';
import { legacyDialect } from '../dialect.ts';
import {
  ageColumn,
  cachedModel,
  cacheStatuses,
  observedGeneration,
  overallStatus,
  resolvedReference,
  runtimeConfigName,
  statusColumn,
  storageClassName,
  stringColumn,
  type AimObject,
} from '../fields.ts';
import { envVars, imagePullSecrets } from '../../core/fields.ts';
import { legacyModelSource } from './fields.ts';

/** AIMTemplateCache [L]: the weights that one template needs (aim.md 11.1, 11.7). */

const spec = Type.Object({
  templateRef: Type.String({
    description: 'Template whose weights are cached: of the namespace, else of the cluster.',
    minLength: 1,
  }),
  storageClassName: Type.Optional(storageClassName()),
  runtimeConfigName: Type.Optional(runtimeConfigName()),
  env: Type.Optional(envVars({ description: 'Variables of the downloads.' })),
  imagePullSecrets: Type.Optional(imagePullSecrets()),
  downloadImage: Type.Optional(Type.String({ description: 'Image that downloads.' })),
  modelSources: Type.Optional(Type.Array(legacyModelSource, { description: 'Weights beside those of the template.' })),
});

const status = Type.Object({
  status: Type.Optional(overallStatus(cacheStatuses)),
  observedGeneration: Type.Optional(observedGeneration()),
  conditions: Type.Optional(conditions()),
  modelCaches: Type.Optional(
    mapOf(cachedModel(cacheStatuses), { description: 'The caches that hold the weights, by name.' }),
  ),
  resolvedRuntimeConfig: Type.Optional(resolvedReference('The runtime configuration.')),
  resolvedTemplateKind: Type.Optional(Type.String({ description: 'Kind of the template.' })),
});

export type LegacyAIMTemplateCache = AimObject<typeof spec, typeof status>;

export const LegacyAIMTemplateCache = defineAimKind<LegacyAIMTemplateCache>(legacyDialect, {
  kind: 'AIMTemplateCache',
  plural: 'aimtemplatecaches',
  shortName: 'aimtc',
  description: 'Keeps the weights that a template needs on volumes.',
  spec,
  status,
  columns: [
    stringColumn('Template', '.spec.templateRef'),
    statusColumn,
    stringColumn('Kind', '.status.resolvedTemplateKind'),
    ageColumn,
  ],
});
